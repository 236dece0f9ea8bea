"""What clients see of a media object: spec.md's fields, then what came after them."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.api.parts import Parts
from app.flow.request_upload import PresignedUpload, RequestedUpload
from app.media import MediaObject, Status


class MediaView(msgspec.Struct, frozen=True, kw_only=True):
    """A media object. `download_url` is there once it is ready; its token serves public objects without a bearer."""

    id: UUID
    file_name: str
    original_file_name: str
    file_type: str
    mime_type: str
    file_size: int
    url: str
    download_url: str | None
    created_at: datetime
    updated_at: datetime
    status: str
    rejection_reason: str | None
    context_type: str | None
    context_id: UUID | None
    is_public: bool
    expires_at: datetime | None
    checksum_sha256: str | None
    width: int | None
    height: int | None


class UploadView(msgspec.Struct, frozen=True, kw_only=True):
    """A media object that was asked for, and the PUT that its bytes are sent with."""

    id: UUID
    file_name: str
    original_file_name: str
    file_type: str
    mime_type: str
    file_size: int
    url: str
    created_at: datetime
    status: str
    upload: PresignedUpload | None


class MediaPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of media objects; `next_cursor` is null on the last."""

    items: list[MediaView]
    page: int
    limit: int
    next_cursor: str | None


def view_upload(requested: RequestedUpload, parts: Parts) -> UploadView:
    media = requested.media
    return UploadView(
        id=media.id,
        file_name=media.file_name,
        original_file_name=media.original_file_name,
        file_type=media.file_type,
        mime_type=media.mime_type,
        file_size=media.file_size,
        url=_url(media, parts),
        created_at=media.created_at,
        status=media.status,
        upload=requested.upload,
    )


def view_media(media: MediaObject, parts: Parts) -> MediaView:
    return MediaView(
        id=media.id,
        file_name=media.file_name,
        original_file_name=media.original_file_name,
        file_type=media.file_type,
        mime_type=media.mime_type,
        file_size=media.file_size,
        url=_url(media, parts),
        download_url=_download_url(media, parts) if media.status == Status.READY else None,
        created_at=media.created_at,
        updated_at=media.updated_at,
        status=media.status,
        rejection_reason=media.rejection_reason,
        context_type=media.context_type,
        context_id=media.context_id,
        is_public=media.is_public,
        expires_at=media.expires_at,
        checksum_sha256=media.checksum_sha256,
        width=media.width,
        height=media.height,
    )


def _url(media: MediaObject, parts: Parts) -> str:
    return f"{parts.settings.media_public_url}/files/{media.id}"


def _download_url(media: MediaObject, parts: Parts) -> str:
    return f"{_url(media, parts)}/download?token={parts.download_tokens.issue(media.id)}"
