"""Ask for an upload, and say that it is complete."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.status_codes import HTTP_200_OK

from app.api.parts import Parts
from app.api.problems import AnyRequest, documented
from app.api.strict_json import json_only
from app.api.views import MediaView, UploadView, view_media, view_upload
from app.errors import (
    BodyTooLarge,
    IdempotencyKeyReused,
    MediaNotFound,
    NotAuthenticated,
    StorageUnavailable,
    TypeNotAllowed,
    UnsupportedBody,
    UploadNotReceived,
    UploadTooLarge,
)
from app.flow.finalize_upload import Outcome, finalize_upload
from app.flow.find_media import find_media
from app.flow.purge_objects import purge_media
from app.flow.request_upload import UploadRequest, request_upload
from app.media import Status
from app.telemetry import traceparent

_REQUEST = documented(
    NotAuthenticated, UnsupportedBody, TypeNotAllowed, UploadTooLarge, BodyTooLarge, IdempotencyKeyReused
)
_COMPLETE = documented(NotAuthenticated, MediaNotFound, UploadNotReceived, StorageUnavailable)


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
    ) -> UploadView:
        """Ask for an upload. PUT the bytes to `upload.url` with exactly `upload.headers` before `upload.expires_at`."""
        requested = await request_upload(
            data,
            uploaded_by=request.user.id,
            idempotency_key=idempotency_key,
            traceparent=traceparent(request.headers.get("traceparent")),
            bucket=parts.settings.storage.bucket_incoming,
            policy=parts.settings.upload_policy,
            database=parts.database,
            signer=parts.upload_signer,
        )
        return view_upload(requested, parts)

    @post("/{media_id:str}/complete", operation_id="completeUpload", status_code=HTTP_200_OK, responses=_COMPLETE)
    async def complete(self, request: AnyRequest, media_id: FromPath[UUID], parts: NamedDependency[Parts]) -> MediaView:
        """Say that the PUT is done, for clients that don't want to wait for storage to say it. Answers the result."""
        caller = request.user
        media = await find_media(media_id, caller=caller.id, everything=caller.is_admin, database=parts.database)
        if media.status == Status.PENDING:
            outcome = await finalize_upload(
                media.lands_at,
                trigger="complete",
                bucket_media=parts.settings.storage.bucket_media,
                grace_seconds=parts.settings.upload_policy.grace_seconds,
                database=parts.database,
                object_store=parts.object_store,
            )
            if outcome is Outcome.NOT_RECEIVED:
                raise UploadNotReceived
            await purge_media(media_id, database=parts.database, object_store=parts.object_store)
            media = await find_media(media_id, caller=caller.id, everything=caller.is_admin, database=parts.database)
        return view_media(media, parts)
