"""Endpoints of uploads: request one or many, renew, complete."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.status_codes import HTTP_200_OK

from app.access import Action, Context, Principal, check, check_upload, sight_of
from app.api.document import each_as
from app.api.parts import Parts
from app.api.problems import MAX_BATCH_BYTES, AnyRequest, Code, as_problem, documented
from app.api.rate_headers import RATE, rate_headers
from app.api.strict_json import decoded, json_only
from app.api.views import ETAG, MediaView, UploadView, etag, view_media, view_upload
from app.config import UserLimits
from app.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    MediaClosed,
    MediaNotFound,
    NotAllowed,
    NotAuthenticated,
    QuotaExceeded,
    Refusal,
    ScannerUnavailable,
    StorageUnavailable,
    TooMany,
    TooManyPending,
    TypeNotAllowed,
    UnsupportedBody,
    UploadNotReceived,
    UploadPeriodOver,
    UploadRateExceeded,
    UploadTooLarge,
)
from app.flow.finalize_upload import Outcome, finalize_upload
from app.flow.find_media import find_media
from app.flow.purge_objects import purge_media
from app.flow.renew_upload import renew_upload
from app.flow.request_upload import Asked, RequestedUpload, request_uploads
from app.media import MediaObject, Status
from app.presigned_upload import PresignedUpload
from app.telemetry import traceparent
from app.upload_request import UploadRequest, checked_idempotency_key

_REQUEST = documented(
    NotAuthenticated,
    NotAllowed,
    UnsupportedBody,
    TypeNotAllowed,
    UploadTooLarge,
    IdempotencyKeyReused,
    QuotaExceeded,
    UploadRateExceeded,
    TooManyPending,
)
_COMPLETE = documented(
    NotAuthenticated, NotAllowed, MediaNotFound, UploadNotReceived, StorageUnavailable, ScannerUnavailable
)
_RENEW = documented(NotAuthenticated, NotAllowed, MediaNotFound, MediaClosed, UploadPeriodOver)
# A service uploads for many users: what one user may ask for says nothing of it.
_NO_LIMITS = UserLimits(uploads_per_minute=0, pending_uploads=0, quota_bytes=0)
MAX_BATCH: Final = 100


class UploadBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 100 requests, each as it would be sent alone."""

    uploads: Annotated[list[msgspec.Raw], each_as(UploadRequest, min_length=1, max_length=MAX_BATCH)]


class UploadBatchEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A media object's id, status and PUT, or in `error` the code of the refusal that the request would get alone."""

    id: UUID | None = None
    status: Status | None = None
    upload: PresignedUpload | None = None
    error: Code | None = None
    detail: str | None = None
    retry_after_seconds: int | None = None


class UploadBatchView(msgspec.Struct, frozen=True):
    """One entry for each request, in their order."""

    items: list[UploadBatchEntry]


class Uploads(Controller):
    path = "/api/v1/media"
    tags = ("uploads",)

    @post("/upload", operation_id="requestUpload", guards=[json_only], responses=_REQUEST, response_headers=RATE)
    async def request(
        self,
        request: AnyRequest,
        data: JSONBody[UploadRequest],
        parts: NamedDependency[Parts],
        idempotency_key: Annotated[str | None, HeaderParameter(name="Idempotency-Key")] = None,
    ) -> Response[UploadView]:
        """Ask for an upload. PUT `upload.content_length` bytes to `upload.url` with every header of `upload.headers`.

        With an `Idempotency-Key` a retried request gets the first one's answer, with a URL that lives.
        """
        check_upload(request.user, Context(data.context_type, data.context_id))
        _check_once("Idempotency-Key", request)
        asked = Asked(data, checked_idempotency_key(idempotency_key))
        (outcome,) = await _request([asked], request, parts)
        if isinstance(outcome, Refusal):
            raise outcome
        return Response(view_upload(outcome.media, outcome.upload, parts), headers=_rate_headers([outcome]))

    @post(
        "/uploads",
        operation_id="requestUploads",
        status_code=HTTP_200_OK,
        guards=[json_only],
        request_max_body_size=MAX_BATCH_BYTES,
        responses=documented(NotAuthenticated, UnsupportedBody),
        response_headers=RATE,
    )
    async def request_many(
        self,
        request: AnyRequest,
        data: JSONBody[UploadBatch],
        parts: NamedDependency[Parts],
        idempotency_key: Annotated[str | None, HeaderParameter(name="Idempotency-Key")] = None,
    ) -> Response[UploadBatchView]:
        """Ask for up to 100 uploads at once. What is refused holds up no other; the limits count each.

        Sent again with the same `Idempotency-Key`, each entry gets its first answer, and those that were refused by a
        limit are tried anew.
        """
        _check_once("Idempotency-Key", request)
        keys = [checked_idempotency_key(idempotency_key, suffix=f"#{index}") for index in range(len(data.uploads))]
        asked = [_readable(sent, request.user, key) for sent, key in zip(data.uploads, keys, strict=True)]
        requested = iter(await _request([one for one in asked if isinstance(one, Asked)], request, parts))
        outcomes = [next(requested) if isinstance(one, Asked) else one for one in asked]
        return Response(UploadBatchView([_entry(one) for one in outcomes]), headers=_rate_headers(outcomes))

    @post(
        "/{media_id:str}/renew",
        operation_id="renewUpload",
        status_code=HTTP_200_OK,
        responses=_RENEW,
        response_headers=[ETAG],
    )
    async def renew(
        self, request: AnyRequest, media_id: FromPath[UUID], parts: NamedDependency[Parts]
    ) -> Response[UploadView]:
        """A fresh presigned PUT for your pending upload, under the same id: after a reload or the end of its URL."""
        media = await find_media(media_id, sight=sight_of(request.user), database=parts.database)
        check(request.user, Action.RENEW, media)
        renewed, upload = await renew_upload(
            media,
            by=request.user.actor,
            policy=parts.settings.upload_policy,
            database=parts.database,
            signer=parts.upload_signer,
        )
        return Response(view_upload(renewed, upload, parts), headers={"ETag": etag(renewed)})

    @post(
        "/{media_id:str}/complete",
        operation_id="completeUpload",
        status_code=HTTP_200_OK,
        responses=_COMPLETE,
        response_headers=[ETAG],
    )
    async def complete(
        self, request: AnyRequest, media_id: FromPath[UUID], parts: NamedDependency[Parts]
    ) -> Response[MediaView]:
        """Say that the PUT is done, for clients that don't want to wait for storage to say it. Answers the result."""
        sight = sight_of(request.user)
        media = await find_media(media_id, sight=sight, database=parts.database)
        check(request.user, Action.COMPLETE, media)
        if media.status == Status.PENDING:
            outcome = await finalize_now(media, parts)
            if outcome is Outcome.NOT_RECEIVED:
                raise UploadNotReceived
            await purge_media(media_id, database=parts.database, object_store=parts.object_store)
            media = await find_media(media_id, sight=sight, database=parts.database)
        return Response(view_media(media, parts, request.user), headers={"ETag": etag(media)})


async def finalize_now(media: MediaObject, parts: Parts) -> Outcome:
    """Finalize a pending upload in this process, as someone asked for. Raises Unavailable."""
    return await finalize_upload(
        media.lands_at,
        trigger="complete",
        bucket_media=parts.settings.storage.bucket_media,
        grace_seconds=parts.settings.upload_policy.grace_seconds,
        database=parts.database,
        object_store=parts.object_store,
        scanner=parts.scanner,
    )


def _check_once(header: str, request: AnyRequest) -> None:
    """Of two values each reader takes another one. Raises InvalidRequest."""
    if len(request.headers.getall(header, [])) > 1:
        raise InvalidRequest(f"The header {header} comes more than once.")


async def _request(asked: list[Asked], request: AnyRequest, parts: Parts) -> list[RequestedUpload | Refusal]:
    return await request_uploads(
        asked,
        by=request.user.actor,
        traceparent=traceparent(request.headers.get("traceparent")),
        bucket=parts.settings.storage.bucket_incoming,
        policy=parts.settings.upload_policy,
        limits=_NO_LIMITS if request.user.is_service else parts.settings.user_limits,
        database=parts.database,
        signer=parts.upload_signer,
    )


def _readable(sent: msgspec.Raw, caller: Principal, key: str | None) -> Asked | Refusal:
    """One request of a batch, if its caller may make it."""
    try:
        data = decoded(bytes(sent), UploadRequest)
        check_upload(caller, Context(data.context_type, data.context_id))
    except Refusal as refusal:
        return refusal
    return Asked(data, key)


def _entry(outcome: RequestedUpload | Refusal) -> UploadBatchEntry:
    if isinstance(outcome, RequestedUpload):
        return UploadBatchEntry(outcome.media.id, Status(outcome.media.status), outcome.upload)
    problem = as_problem(outcome)
    later = outcome.retry_after_seconds if isinstance(outcome, TooMany) else None
    return UploadBatchEntry(error=problem.code, detail=problem.detail, retry_after_seconds=later)


def _rate_headers(outcomes: list[RequestedUpload | Refusal]) -> dict[str, str]:
    """What is left after the last upload that was counted."""
    for outcome in reversed(outcomes):
        if isinstance(outcome, UploadRateExceeded):
            return rate_headers(outcome.limit, 0, outcome.retry_after_seconds)
        if isinstance(outcome, RequestedUpload) and outcome.uploads_left is not None:
            left = outcome.uploads_left
            return rate_headers(left.limit, left.left, left.reset_seconds)
    return {}
