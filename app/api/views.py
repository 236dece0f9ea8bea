"""What clients see of a media object: spec.md's fields, then what came after them."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar.datastructures import ResponseHeader

from app.access import Principal
from app.api.parts import Parts
from app.content import RejectionReason
from app.media import Checksum, ContextType, FileType, MediaObject, Status, Trigger, Url
from app.presigned_upload import PresignedUpload

ETAG: Final = ResponseHeader("ETag", documentation_only=True, description="of this revision, for `If-Match`")


class _Described(msgspec.Struct, frozen=True, kw_only=True):
    """What spec.md says of every media object."""

    id: UUID
    file_name: str
    original_file_name: str
    file_type: FileType
    mime_type: str
    file_size: int
    url: Url
    created_at: datetime
    status: Status


class MediaView(_Described, frozen=True, kw_only=True):
    """A media object. `download_url` is there once it is ready; its token serves public objects without a bearer.

    `upload_expires_at` tells the uploader of a pending one when its URL ends, or has ended.
    """

    download_url: Url | None
    upload_expires_at: datetime | None
    rejection_reason: RejectionReason | None
    context_type: ContextType | None
    context_id: UUID | None
    is_public: bool
    expires_at: datetime | None
    updated_at: datetime
    checksum_sha256: Checksum | None
    width: int | None
    height: int | None
    revision: int


class AdminView(MediaView, frozen=True, kw_only=True):
    """What an admin sees besides."""

    uploaded_by: UUID | None
    finalized_at: datetime | None
    finalized_by: Trigger | None
    bucket_name: str
    storage_path: str


class AdminPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of media objects; `next_cursor` is null on the last."""

    items: list[AdminView]
    next_cursor: str | None


class UploadView(_Described, frozen=True, kw_only=True):
    """A media object that was asked for, and the PUT that its bytes are sent with; none where it is settled already."""

    upload: PresignedUpload | None


class MediaPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of media objects; `next_cursor` is null on the last."""

    items: list[MediaView]
    page: int
    limit: int
    next_cursor: str | None


def view_upload(media: MediaObject, upload: PresignedUpload | None, parts: Parts) -> UploadView:
    return UploadView(**_fields(_Described, media, parts), upload=upload)


def view_media(media: MediaObject, parts: Parts, caller: Principal) -> MediaView:
    fields = _fields(MediaView, media, parts)
    if media.status != Status.PENDING or media.uploaded_by != caller.id:
        fields["upload_expires_at"] = None
    return MediaView(**fields)


def view_for_admin(media: MediaObject, parts: Parts) -> AdminView:
    return AdminView(**_fields(AdminView, media, parts))


def etag(media: MediaObject) -> str:
    """Changes with whatever a client can see change, but for the temporary token in download_url."""
    return f'"{media.revision}"'


def _fields(view: type[_Described], media: MediaObject, parts: Parts) -> dict[str, Any]:
    # A row says its words of closed sets as plain str: they are sent as they are, also one that a later release added.
    made = {"url": public_url(media, parts), "download_url": _download_url(media, parts)}
    return {name: made[name] if name in made else getattr(media, name) for name in view.__struct_fields__}


def public_url(media: MediaObject, parts: Parts) -> str:
    return f"{parts.settings.media_public_url}/files/{media.id}"


def _download_url(media: MediaObject, parts: Parts) -> str | None:
    if media.status != Status.READY:
        return None
    return f"{public_url(media, parts)}/download?token={parts.download_tokens.issue(media.id, media.link_epoch)}"
