"""Grant: a presigned GET for a ready media object. Signing asks neither storage nor network."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from app.errors import MediaNotReady
from app.file_name import content_disposition
from app.media import MediaObject, Status
from app.presign import Signer

# Types that a browser shows without running anything of theirs; all others are saved.
_SHOWN_INLINE = frozenset({"image/jpeg", "image/png", "image/webp", "application/pdf"})

Disposition = Literal["inline", "attachment"]


class PresignedDownload(msgspec.Struct, frozen=True):
    """A GET that storage answers until `expires_at`."""

    url: str
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
        "response-content-disposition": content_disposition(media.original_file_name, disposition),
        "response-content-type": media.mime_type,
    }
    if media.version_id is not None:
        query["versionId"] = media.version_id
    url = signer.presign("GET", media.stored_at.bucket, media.stored_at.key, now=now, expires_seconds=life, query=query)
    return PresignedDownload(url, now.replace(microsecond=0) + timedelta(seconds=life))


def _life_seconds(media: MediaObject, ttl_seconds: int, now: datetime) -> int:
    if media.expires_at is None:
        return ttl_seconds
    return max(1, min(ttl_seconds, int((media.expires_at - now).total_seconds())))
