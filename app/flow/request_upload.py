"""Ask: a pending media object and the presigned PUT that its bytes may be sent with, in one database round trip."""

import base64
import binascii
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated
from uuid import UUID

import msgspec

from app import media, telemetry
from app.access import Actor
from app.config import UploadPolicy, UserLimits
from app.content import file_type_of
from app.database import Database, Row, media_object, queries
from app.errors import (
    DatabaseUnavailable,
    IdempotencyKeyReused,
    InvalidRequest,
    QuotaExceeded,
    TooManyPending,
    TypeNotAllowed,
    UploadRateExceeded,
    UploadTooLarge,
)
from app.file_name import MAX_CHARACTERS, checked
from app.media import ContextType, MediaObject, Status
from app.presign import Signer

_sql = queries("request_upload")

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
    checksum_sha256: str | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.context_id is not None and self.context_type is None:
            raise ValueError("context_id needs a context_type")


class PresignedUpload(msgspec.Struct, frozen=True):
    """The PUT that storage takes until `expires_at`: it must carry exactly these headers, as all of them are signed."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class UploadsLeft(msgspec.Struct, frozen=True):
    """What is left of the uploads that a user may ask for in a minute, and in how many seconds one more comes free."""

    limit: int
    left: int
    reset_seconds: int


class RequestedUpload(msgspec.Struct, frozen=True):
    """`upload` is None where a retried request finds that its upload is settled already.

    `uploads_left` is None where nothing was counted: for a retry, and without a limit.
    """

    media: MediaObject
    upload: PresignedUpload | None
    uploads_left: UploadsLeft | None


async def request_upload(
    request: UploadRequest,
    *,
    by: Actor,
    idempotency_key: str | None,
    traceparent: str | None,
    bucket: str,
    policy: UploadPolicy,
    limits: UserLimits,
    database: Database,
    signer: Signer,
) -> RequestedUpload:
    """Record a pending media object and sign its PUT. Raises the Refusal that says which declaration or limit it is."""
    _check(request, policy, idempotency_key)
    request_hash = sha256(msgspec.json.encode(request)).digest()
    file_type = file_type_of(request.mime_type)
    arguments = (
        media.new_file_name(file_type, request.mime_type),
        request.file_name,
        file_type,
        request.mime_type,
        request.file_size,
        bucket,
        media.new_upload_key(request.mime_type, datetime.now(UTC)),
        by.id,
        request.context_type,
        request.context_id,
        request.is_public,
        request.expires_at,
        request.checksum_sha256,
        idempotency_key,
        request_hash,
        traceparent,
        policy.url_ttl_seconds,
        limits.uploads_per_minute,
        limits.pending_uploads,
        limits.quota_bytes,
        by.kind,
    )
    row = await database.one(_sql["insert_pending"], *arguments)
    if row is None:
        await _refuse(request.file_size, by, limits, database)
        # A limit has room again by now, or another try with this Idempotency-Key has just made its row.
        row = await database.one(_sql["insert_pending"], *arguments)
    if row is None:
        raise DatabaseUnavailable
    if row["request_hash"] != request_hash:
        raise IdempotencyKeyReused
    requested = media_object(row)
    upload = presigned_upload(requested, signer)
    if upload is not None:
        telemetry.UPLOADS_REQUESTED.inc()
    return RequestedUpload(requested, upload, _uploads_left(row, limits))


async def _refuse(file_size: int, by: Actor, limits: UserLimits, database: Database) -> None:
    """Raises the refusal of the limit that is reached, if it still is."""
    why = await database.one(
        _sql["why_refused"],
        by.id,
        file_size,
        limits.uploads_per_minute,
        limits.pending_uploads,
        limits.quota_bytes,
    )
    assert why is not None
    if why["rate_is_reached"]:
        raise UploadRateExceeded(limits.uploads_per_minute, why["reset_seconds"])
    if why["pending_is_reached"]:
        raise TooManyPending(limits.pending_uploads)
    if why["quota_is_reached"]:
        raise QuotaExceeded(limits.quota_bytes)


def _uploads_left(row: Row, limits: UserLimits) -> UploadsLeft | None:
    if not limits.uploads_per_minute or row["uploads_left"] is None:
        return None
    return UploadsLeft(limits.uploads_per_minute, row["uploads_left"], row["reset_seconds"])


def presigned_upload(pending: MediaObject, signer: Signer) -> PresignedUpload | None:
    """The PUT of a pending object: the same URL whenever it is asked for, as it is dated to the row's creation."""
    if pending.status != Status.PENDING or pending.upload_expires_at is None:
        return None
    headers = {
        "content-length": str(pending.file_size),
        "content-type": pending.mime_type,
        "if-none-match": "*",
    }
    if pending.declared_checksum_sha256:
        headers["x-amz-checksum-sha256"] = pending.declared_checksum_sha256
    signed_at = pending.created_at.replace(microsecond=0)
    url = signer.presign(
        "PUT",
        pending.lands_at.bucket,
        pending.lands_at.key,
        now=signed_at,
        expires_seconds=round((pending.upload_expires_at - signed_at).total_seconds()),
        headers=headers,
    )
    return PresignedUpload("PUT", url, headers, pending.upload_expires_at)


def _check(request: UploadRequest, policy: UploadPolicy, idempotency_key: str | None) -> None:
    checked(request.file_name)
    if request.file_size > policy.max_file_size_bytes:
        raise UploadTooLarge(policy.max_file_size_bytes)
    if request.mime_type not in policy.allowed_types:
        raise TypeNotAllowed(policy.allowed_types)
    if request.checksum_sha256 is not None and not _is_sha256(request.checksum_sha256):
        raise InvalidRequest("checksum_sha256 is not the base64 of 32 bytes.")
    if request.expires_at is not None:
        media.checked_expiry(request.expires_at)
    if idempotency_key is not None and not _is_plain(idempotency_key):
        raise InvalidRequest("Idempotency-Key is not 1 to 255 printable ASCII characters.")


def _is_sha256(text: str) -> bool:
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    # Canonical only: storage compares and signs the text.
    return len(digest) == _SHA256_BYTES and base64.b64encode(digest).decode() == text


def _is_plain(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_IDEMPOTENCY_KEY and text.isascii() and text.isprintable()
