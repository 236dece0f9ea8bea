"""Signers of the configured identities: which region and credentials, and for which address of storage."""

from app.config import Identity, Storage
from app.presign import Signer


def signer_of(storage: Storage, identity: Identity, base_url: str) -> Signer:
    """Signs as `identity` for storage where it is reached at `base_url`, which is part of the signature."""
    return Signer(
        base_url=base_url, region=storage.region, access_key=identity.access_key, secret_key=identity.secret_key
    )
