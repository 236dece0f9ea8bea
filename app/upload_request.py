"""What a client declares of a file that it wants to upload, and whether the upload policy allows it. Pure."""

import base64
import binascii
from datetime import datetime
from hashlib import sha256
from typing import Annotated
from uuid import UUID

import msgspec

from app.config import UploadPolicy
from app.errors import InvalidRequest, TypeNotAllowed, UploadTooLarge
from app.file_name import MAX_CHARACTERS, checked
from app.media import Checksum, ContextType, checked_expiry
from app.media_types import canonical_media_type

_SHA256_BYTES = 32
_LONGEST_IDEMPOTENCY_KEY = 255


class UploadRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client declares of the file that it wants to upload. `file_size` in bytes, `checksum_sha256` in base64."""

    file_name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHARACTERS)]
    mime_type: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    file_size: Annotated[int, msgspec.Meta(ge=1)]
    context_type: ContextType | None = None
    context_id: UUID | None = None
    is_public: bool = False
    checksum_sha256: Checksum | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.context_id is not None and self.context_type is None:
            raise ValueError("context_id needs a context_type")

    def canonical(self) -> "UploadRequest":
        """The same request with the media type's canonical name."""
        return msgspec.structs.replace(self, mime_type=canonical_media_type(self.mime_type))

    @property
    def hash(self) -> bytes:
        """Tells a retry from another request under the same Idempotency-Key."""
        return sha256(msgspec.json.encode(self)).digest()


def check_policy(request: UploadRequest, policy: UploadPolicy) -> None:
    """Raises the Refusal that says which declaration it is."""
    checked(request.file_name)
    if request.file_size > policy.max_file_size_bytes:
        raise UploadTooLarge(policy.max_file_size_bytes)
    if request.mime_type not in policy.allowed_types:
        raise TypeNotAllowed(policy.allowed_types)
    if request.checksum_sha256 is not None and not _is_sha256(request.checksum_sha256):
        raise InvalidRequest("checksum_sha256 is not the base64 of 32 bytes.")
    if request.expires_at is not None:
        checked_expiry(request.expires_at)


def checked_idempotency_key(key: str | None, *, suffix: str = "") -> str | None:
    """The key with `suffix`. Raises InvalidRequest unless it is short and printable ASCII."""
    if key is None:
        return None
    longest = _LONGEST_IDEMPOTENCY_KEY - len(suffix)
    if not (0 < len(key) <= longest and key.isascii() and key.isprintable()):
        raise InvalidRequest(f"Idempotency-Key is not 1 to {longest} printable ASCII characters.")
    return key + suffix


def _is_sha256(text: str) -> bool:
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    # Canonical only: storage compares and signs the text.
    return len(digest) == _SHA256_BYTES and base64.b64encode(digest).decode() == text
