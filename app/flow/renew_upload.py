"""Renew: a fresh presigned PUT for an upload that is still pending, under the same id and key."""

from datetime import UTC, datetime, timedelta

from app import telemetry
from app.access import Actor
from app.config import UploadPolicy
from app.database import Database, media_object, queries
from app.errors import MediaClosed, UploadPeriodOver
from app.media import MediaObject, Status
from app.presign import Signer
from app.presigned_upload import PresignedUpload, presigned_upload

_sql = queries("renew_upload")


async def renew_upload(
    media: MediaObject, *, by: Actor, policy: UploadPolicy, database: Database, signer: Signer
) -> tuple[MediaObject, PresignedUpload]:
    """The pending object and its PUT, which lives as long as a new one, but ends MAX_UPLOAD_HOURS after the first.

    Raises MediaClosed where it is not pending any more, and UploadPeriodOver.
    """
    if media.status != Status.PENDING:
        raise MediaClosed(media.status)
    row = await database.one(_sql["renew"], media.id, policy.url_ttl_seconds, policy.max_upload_hours, by.id, by.kind)
    if row is None and media.created_at + timedelta(hours=policy.max_upload_hours) <= datetime.now(UTC):
        raise UploadPeriodOver(policy.max_upload_hours)
    if row is None:
        raise MediaClosed("settled")
    renewed = media_object(row)
    upload = presigned_upload(renewed, signer)
    assert upload is not None
    telemetry.UPLOADS_REQUESTED.inc()
    return renewed, upload
