"""Ask for an upload, and say that it is complete."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.status_codes import HTTP_200_OK

from app.access import Action, Context, check, check_upload, sight_of
from app.api.parts import Parts
from app.api.problems import AnyRequest, documented
from app.api.rate_headers import rate_headers
from app.api.strict_json import json_only
from app.api.views import MediaView, UploadView, etag, view_media, view_upload
from app.config import UserLimits
from app.errors import (
    IdempotencyKeyReused,
    MediaNotFound,
    NotAllowed,
    NotAuthenticated,
    QuotaExceeded,
    ScannerUnavailable,
    StorageUnavailable,
    TooManyPending,
    TypeNotAllowed,
    UnsupportedBody,
    UploadNotReceived,
    UploadRateExceeded,
    UploadTooLarge,
)
from app.flow.finalize_upload import Outcome, finalize_upload
from app.flow.find_media import find_media
from app.flow.purge_objects import purge_media
from app.flow.request_upload import UploadRequest, request_upload
from app.media import MediaObject, Status
from app.telemetry import traceparent

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
# A service uploads for many users: what one user may ask for says nothing of it.
_NO_LIMITS = UserLimits(uploads_per_minute=0, pending_uploads=0, quota_bytes=0)


class Uploads(Controller):
    path = "/api/v1/media"
    tags = ("uploads",)

    @post("/upload", operation_id="requestUpload", guards=[json_only], responses=_REQUEST)
    async def request(
        self,
        request: AnyRequest,
        data: JSONBody[UploadRequest],
        parts: NamedDependency[Parts],
        idempotency_key: Annotated[str | None, HeaderParameter(name="Idempotency-Key")] = None,
    ) -> Response[UploadView]:
        """Ask for an upload. PUT the bytes to `upload.url` with exactly `upload.headers` before `upload.expires_at`."""
        check_upload(request.user, Context(data.context_type, data.context_id))
        requested = await request_upload(
            data,
            by=request.user.actor,
            idempotency_key=idempotency_key,
            traceparent=traceparent(request.headers.get("traceparent")),
            bucket=parts.settings.storage.bucket_incoming,
            policy=parts.settings.upload_policy,
            limits=_NO_LIMITS if request.user.is_service else parts.settings.user_limits,
            database=parts.database,
            signer=parts.upload_signer,
        )
        left = requested.uploads_left
        headers = rate_headers(left.limit, left.left, left.reset_seconds) if left else {}
        return Response(view_upload(requested, parts), headers=headers)

    @post("/{media_id:str}/complete", operation_id="completeUpload", status_code=HTTP_200_OK, responses=_COMPLETE)
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
        return Response(view_media(media, parts), headers={"ETag": etag(media)})


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
