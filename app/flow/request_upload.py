"""Request uploads: pending media objects and their presigned PUTs, in one database round trip."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from app import media, telemetry
from app.access import Actor
from app.config import UploadPolicy, UserLimits
from app.content import file_type_of
from app.database import Database, Row, media_object, queries
from app.errors import IdempotencyKeyReused, QuotaExceeded, Refusal, TooManyPending, UploadRateExceeded
from app.media import MediaObject
from app.presign import Signer
from app.presigned_upload import PresignedUpload, presigned_upload
from app.upload_request import UploadRequest, check_policy

_sql = queries("request_upload")


class Asked(msgspec.Struct, frozen=True):
    """One upload that is asked for, under an Idempotency-Key if it has one."""

    request: UploadRequest
    idempotency_key: str | None = None


class UploadsLeft(msgspec.Struct, frozen=True):
    """What is left of the uploads that a user may ask for in a minute, and in how many seconds one more comes free."""

    limit: int
    left: int
    reset_seconds: int


class RequestedUpload(msgspec.Struct, frozen=True):
    """`upload` is None where a retried request finds that its upload is settled already, or can't be renewed any more.

    `uploads_left` is None where nothing was counted: for a retry, and without a limit.
    """

    media: MediaObject
    upload: PresignedUpload | None
    uploads_left: UploadsLeft | None


class _Retry(msgspec.Struct, frozen=True, kw_only=True):
    """What media.request_uploads takes of an upload that may only be a retry: the policy refuses what it says."""

    retry_only: bool = True
    idempotency_key: str | None
    request_hash: str


class _Entry(_Retry, frozen=True, kw_only=True):
    """What media.request_uploads takes of one upload."""

    retry_only: bool = False
    file_name: str
    original_file_name: str
    file_type: str
    mime_type: str
    file_size: int
    storage_path: str
    context_type: str | None
    context_id: str | None
    is_public: bool
    expires_at: datetime | None
    checksum_sha256: str | None


async def request_uploads(
    asked: Sequence[Asked],
    *,
    by: Actor,
    traceparent: str | None,
    bucket: str,
    policy: UploadPolicy,
    limits: UserLimits,
    database: Database,
    signer: Signer,
) -> list[RequestedUpload | Refusal]:
    """Record a pending media object for each and sign its PUT, or say which declaration or limit keeps it from that.

    What the policy refuses may be a retry of what it allowed before: then it gets the first one's answer.
    """
    asked = [msgspec.structs.replace(one, request=one.request.canonical()) for one in asked]
    wrong = [_refused_by(policy, one.request) for one in asked]
    entries = [
        _entry(one)
        if refusal is None
        else _Retry(idempotency_key=one.idempotency_key, request_hash=one.request.hash.hex())
        for one, refusal in zip(asked, wrong, strict=True)
        if refusal is None or one.idempotency_key is not None
    ]
    rows = iter(await _request(entries, by, traceparent, bucket, policy, limits, database) if entries else ())
    outcomes: list[RequestedUpload | Refusal] = []
    for one, refusal in zip(asked, wrong, strict=True):
        if refusal is not None and one.idempotency_key is None:
            outcomes.append(refusal)
        else:
            outcomes.append(_outcome(next(rows), refusal, limits, signer))
    return outcomes


async def _request(
    entries: list[_Retry],
    by: Actor,
    traceparent: str | None,
    bucket: str,
    policy: UploadPolicy,
    limits: UserLimits,
    database: Database,
) -> Sequence[Row]:
    return await database.all(
        _sql["request_uploads"],
        by.id,
        by.kind,
        bucket,
        traceparent,
        policy.url_ttl_seconds,
        policy.max_upload_hours,
        limits.uploads_per_minute,
        limits.pending_uploads,
        limits.quota_bytes,
        msgspec.json.encode(entries).decode(),
    )


def _refused_by(policy: UploadPolicy, request: UploadRequest) -> Refusal | None:
    try:
        check_policy(request, policy)
    except Refusal as refusal:
        return refusal
    return None


def _entry(asked: Asked) -> _Entry:
    request = asked.request
    file_type = file_type_of(request.mime_type)
    return _Entry(
        file_name=media.new_file_name(file_type, request.mime_type),
        original_file_name=request.file_name,
        file_type=file_type,
        mime_type=request.mime_type,
        file_size=request.file_size,
        storage_path=media.new_upload_key(request.mime_type, datetime.now(UTC)),
        context_type=request.context_type,
        context_id=None if request.context_id is None else str(request.context_id),
        is_public=request.is_public,
        expires_at=request.expires_at,
        checksum_sha256=request.checksum_sha256,
        idempotency_key=asked.idempotency_key,
        request_hash=request.hash.hex(),
    )


def _outcome(
    row: Row, refused_by_policy: Refusal | None, limits: UserLimits, signer: Signer
) -> RequestedUpload | Refusal:
    if row["refused"] is not None:
        return refused_by_policy or _refusal(row, limits)
    requested = media_object(row)
    upload = presigned_upload(requested, signer)
    if upload is not None and upload.expires_at <= datetime.now(UTC):
        upload = None
    if upload is not None:
        telemetry.UPLOADS_REQUESTED.inc()
    return RequestedUpload(requested, upload, _uploads_left(row, limits))


def _refusal(row: Row, limits: UserLimits) -> Refusal:
    match row["refused"]:
        case "idempotency_key_reused":
            return IdempotencyKeyReused()
        case "upload_rate_exceeded":
            return UploadRateExceeded(limits.uploads_per_minute, row["reset_seconds"])
        case "too_many_pending":
            return TooManyPending(limits.pending_uploads)
    return QuotaExceeded(limits.quota_bytes)


def _uploads_left(row: Row, limits: UserLimits) -> UploadsLeft | None:
    if row["uploads_left"] is None:
        return None
    return UploadsLeft(limits.uploads_per_minute, row["uploads_left"], row["reset_seconds"])
