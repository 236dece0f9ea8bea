"""The secrets of one data folder: made once, found again by every later run."""

import secrets
import uuid
from pathlib import Path

import msgspec

from app.config import Identity
from app.local.private_file import write_private


class StackSecrets(msgspec.Struct, frozen=True, kw_only=True):
    """What DATA_DIR/secrets.json holds. Its repr shows none of it."""

    postgres_password: str
    nats_password: str
    root: Identity
    worker: Identity
    uploader: Identity
    downloader: Identity
    jwt_secret: str
    public_token_secret: str
    # The principals of stack.json's tokens.
    user_id: uuid.UUID
    other_user_id: uuid.UUID
    admin_id: uuid.UUID
    service_id: uuid.UUID

    def __repr__(self) -> str:
        return "StackSecrets(…)"


def load_secrets(file: Path) -> StackSecrets:
    """What an earlier run made. Raises FileNotFoundError if there was none."""
    return msgspec.json.decode(file.read_bytes(), type=StackSecrets)


def load_or_make_secrets(file: Path) -> StackSecrets:
    """What an earlier run made, else new ones, kept."""
    if file.exists():
        return load_secrets(file)
    made = StackSecrets(
        postgres_password=secrets.token_urlsafe(24),
        nats_password=secrets.token_urlsafe(24),
        root=_identity("root"),
        worker=_identity("worker"),
        uploader=_identity("uploader"),
        downloader=_identity("downloader"),
        jwt_secret=secrets.token_urlsafe(48),
        public_token_secret=secrets.token_urlsafe(48),
        user_id=uuid.uuid4(),
        other_user_id=uuid.uuid4(),
        admin_id=uuid.uuid4(),
        service_id=uuid.uuid4(),
    )
    write_private(file, msgspec.json.format(msgspec.json.encode(made), indent=2))
    return made


def _identity(role: str) -> Identity:
    # Every presigned URL shows its access key, and MinIO takes at most 20 characters: 10 that can't be guessed.
    return Identity(f"{role}{secrets.token_hex(5)}", secrets.token_urlsafe(30))
