"""Media objects: the row, its states and transitions, the keys of its bytes. Pure.

pending ──▶ ready | rejected | expired        ready ──▶ deleted | expired

The bytes of rejected, expired and deleted objects are removed. `sql/` enforces the same transitions.
"""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

from app.errors import InvalidRequest

UPLOADS_PREFIX: Final = "uploads/"  # where clients may write: minio-policies/uploader.json knows it
COPIES_PREFIX: Final = "media/"  # where the worker copies to in quarantine mode: minio-policies/worker.json
ORPHANS_PREFIX: Final = "orphans/"  # where bytes without a row wait for their end, in the media bucket

_KEY_BYTES: Final = 24  # 192 random bits: a key can't be guessed
_END_OF_TIME: Final = 9_000  # a year that PostgreSQL can hold in any time zone
_EXTENSIONS: Final = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
}

FileType = Literal["image", "pdf", "document", "other"]
Trigger = Literal["notification", "complete", "sweep"]

# `extra` is what Litestar copies into the OpenAPI document.
Url = Annotated[str, msgspec.Meta(extra_json_schema={"extra": {"format": "uri"}})]
Checksum = Annotated[str, msgspec.Meta(extra_json_schema={"description": "SHA-256 of the bytes, in base64"})]


class Status(StrEnum):
    PENDING = "pending"
    READY = "ready"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DELETED = "deleted"


class ContextType(StrEnum):
    """What a media object belongs to."""

    TICKET_PHOTO = "ticket_photo"
    INVOICE_PDF = "invoice_pdf"
    WEBSITE_MEDIA = "website_media"
    OTHER = "other"


class ObjectAddress(msgspec.Struct, frozen=True):
    """Where bytes are in storage."""

    bucket: str
    key: str


class MediaObject(msgspec.Struct, frozen=True, kw_only=True):
    """One row of media.media_objects, as every query returns it. Sizes in bytes, times aware."""

    id: UUID
    file_name: str
    original_file_name: str
    file_type: FileType
    mime_type: str
    file_size: int
    storage_path: str
    bucket_name: str
    uploaded_by: UUID | None
    context_type: str | None
    context_id: UUID | None
    is_public: bool
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    status: str
    rejection_reason: str | None
    declared_checksum_sha256: str | None
    checksum_sha256: str | None
    etag: str | None
    version_id: str | None
    width: int | None
    height: int | None
    incoming_bucket: str | None
    incoming_path: str | None
    upload_expires_at: datetime | None
    finalized_at: datetime | None
    finalized_by: str | None
    traceparent: str | None
    revision: int
    link_epoch: int

    @property
    def stored_at(self) -> ObjectAddress:
        """Where its bytes are served from, once it is ready."""
        return ObjectAddress(self.bucket_name, self.storage_path)

    @property
    def lands_at(self) -> ObjectAddress:
        """Where its presigned PUT writes to."""
        assert self.incoming_bucket is not None
        assert self.incoming_path is not None
        return ObjectAddress(self.incoming_bucket, self.incoming_path)


def new_upload_key(mime_type: str, now: datetime) -> str:
    """A key for a presigned PUT, `uploads/2026/11/23/<random>.jpg`: unguessable, sorted by day for operators."""
    return UPLOADS_PREFIX + _dated_random(mime_type, now)


def new_copy_key(mime_type: str, now: datetime) -> str:
    """A key for one attempt's copy in quarantine mode, `media/2026/11/23/<random>.jpg`."""
    return COPIES_PREFIX + _dated_random(mime_type, now)


def new_file_name(file_type: FileType, mime_type: str) -> str:
    """The name the service gives the file, `image_9f86d081884c7d65.jpg`: says nothing of its owner or content."""
    return f"{file_type}_{secrets.token_hex(8)}{_extension(mime_type)}"


def checked_moment(moment: datetime) -> datetime:
    """The time as it came. Raises InvalidRequest unless it is an aware one that PostgreSQL can hold."""
    if moment.tzinfo is None or not 1 < moment.year < _END_OF_TIME:
        raise InvalidRequest("created_before and created_since take a time with its offset: 2030-01-31T10:30:00Z.")
    return moment


def checked_expiry(expires_at: datetime) -> datetime:
    """The time as it came. Raises InvalidRequest unless it is an aware one in the future."""
    if expires_at.tzinfo is None or expires_at.year >= _END_OF_TIME or expires_at <= datetime.now(UTC):
        raise InvalidRequest("expires_at is not a time in the future with its offset, such as 2030-01-31T10:30:00Z.")
    return expires_at


def _dated_random(mime_type: str, now: datetime) -> str:
    return f"{now:%Y/%m/%d}/{secrets.token_urlsafe(_KEY_BYTES)}{_extension(mime_type)}"


def _extension(mime_type: str) -> str:
    return _EXTENSIONS.get(mime_type, "")
