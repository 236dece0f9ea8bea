"""Grant: a presigned GET for a ready media object. Signing asks neither storage nor network."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from app import telemetry
from app.access import Actor
from app.database import Database, media_object, queries
from app.errors import MediaNotFound, MediaNotReady, Refusal
from app.file_name import content_disposition
from app.media import MediaObject, Status, Url
from app.presign import Signer

_sql = queries("grant_download")

# Types that a browser shows without running anything of theirs; all others are saved.
_SHOWN_INLINE = frozenset({"image/jpeg", "image/png", "image/webp", "application/pdf"})

Disposition = Literal["inline", "attachment"]


class PresignedDownload(msgspec.Struct, frozen=True):
    """A GET that storage answers until `expires_at`."""

    url: Url
    expires_at: datetime


def grant_download(
    media: MediaObject, *, disposition: Disposition, ttl_seconds: int, signer: Signer, now: datetime | None = None
) -> PresignedDownload:
    """Sign a GET of the checked bytes with their checked type. Lives `ttl_seconds`, and no longer than the object does.

    Raises MediaNotReady.
    """
    now = now or datetime.now(UTC)
    if media.status != Status.READY or (media.expires_at is not None and media.expires_at <= now):
        raise MediaNotReady(media.status if media.status != Status.READY else Status.EXPIRED)
    if media.mime_type not in _SHOWN_INLINE:
        disposition = "attachment"
    life = _life_seconds(media, ttl_seconds, now)
    query = {
        "response-content-disposition": content_disposition(media.original_file_name, media.mime_type, disposition),
        "response-content-type": media.mime_type,
    }
    if media.version_id is not None:
        query["versionId"] = media.version_id
    url = signer.presign("GET", media.stored_at.bucket, media.stored_at.key, now=now, expires_seconds=life, query=query)
    telemetry.LINKS_ISSUED.inc()
    return PresignedDownload(url, now.replace(microsecond=0) + timedelta(seconds=life))


async def grant_downloads(
    ids: list[UUID], *, disposition: Disposition, ttl_seconds: int, by: Actor, database: Database, signer: Signer
) -> list[PresignedDownload | Refusal]:
    """Sign GETs of many objects, for a caller who may have all: for each id, in order, a link or why there is none."""
    rows = await database.all(_sql["find_many"], ids, by.id, by.kind)
    found = {row["id"]: media_object(row) for row in rows}

    def grant(media_id: UUID) -> PresignedDownload | Refusal:
        if media_id not in found:
            return MediaNotFound(media_id)
        try:
            return grant_download(found[media_id], disposition=disposition, ttl_seconds=ttl_seconds, signer=signer)
        except MediaNotReady as not_ready:
            return not_ready

    return [grant(media_id) for media_id in ids]


def _life_seconds(media: MediaObject, ttl_seconds: int, now: datetime) -> int:
    if media.expires_at is None:
        return ttl_seconds
    return max(1, min(ttl_seconds, int((media.expires_at - now).total_seconds())))
