"""What clients see of a media object: spec.md's fields, then what came after them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.api.parts import Parts
from app.flow.request_upload import PresignedUpload, RequestedUpload
from app.media import MediaObject, Status


class _Described(msgspec.Struct, frozen=True, kw_only=True):
    """What spec.md says of every media object."""

    id: UUID
    file_name: str
    original_file_name: str
    file_type: str
    mime_type: str
    file_size: int
    url: str
    created_at: datetime
    status: str


class MediaView(_Described, frozen=True, kw_only=True):
    """A media object. `download_url` is there once it is ready; its token serves public objects without a bearer."""

    download_url: str | None
    rejection_reason: str | None
    context_type: str | None
    context_id: UUID | None
    is_public: bool
    expires_at: datetime | None
    updated_at: datetime
    checksum_sha256: str | None
    width: int | None
    height: int | None


class UploadView(_Described, frozen=True, kw_only=True):
    """A media object that was asked for, and the PUT that its bytes are sent with; none where it is settled already."""

    upload: PresignedUpload | None


class MediaPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of media objects; `next_cursor` is null on the last."""

    items: list[MediaView]
    page: int
    limit: int
    next_cursor: str | None


def view_upload(requested: RequestedUpload, parts: Parts) -> UploadView:
    return UploadView(**_description(requested.media, parts), upload=requested.upload)


def view_media(media: MediaObject, parts: Parts) -> MediaView:
    return MediaView(
        **_description(media, parts),
        download_url=_download_url(media, parts) if media.status == Status.READY else None,
        rejection_reason=media.rejection_reason,
        context_type=media.context_type,
        context_id=media.context_id,
        is_public=media.is_public,
        expires_at=media.expires_at,
        updated_at=media.updated_at,
        checksum_sha256=media.checksum_sha256,
        width=media.width,
        height=media.height,
    )


def _description(media: MediaObject, parts: Parts) -> dict[str, Any]:
    taken = {name: getattr(media, name) for name in _Described.__struct_fields__ if name != "url"}
    return taken | {"url": _url(media, parts)}


def _url(media: MediaObject, parts: Parts) -> str:
    return f"{parts.settings.media_public_url}/files/{media.id}"


def _download_url(media: MediaObject, parts: Parts) -> str:
    return f"{_url(media, parts)}/download?token={parts.download_tokens.issue(media.id, media.link_epoch)}"
