"""Change: what may be changed of a media object, by one editor at a time."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from app.access import Actor
from app.database import Database, media_object, queries
from app.errors import InvalidRequest, MediaClosed, RevisionChanged
from app.file_name import MAX_CHARACTERS, checked
from app.media import ContextType, MediaObject, Status, checked_expiry

_sql = queries("change_media")

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CHARACTERS)]


class MediaChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change (RFC 7396): a field that is not there stays as it is, and null takes its value away."""

    is_public: bool | UnsetType = UNSET
    context_type: ContextType | UnsetType | None = UNSET
    context_id: UUID | UnsetType | None = UNSET
    expires_at: datetime | UnsetType | None = UNSET
    original_file_name: _Name | UnsetType = UNSET


def changed(media: MediaObject, change: MediaChange) -> MediaObject:
    """The object as it would be. Raises InvalidRequest."""
    wanted = {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not UNSET}
    if isinstance(change.original_file_name, str):
        checked(change.original_file_name)
    if isinstance(change.expires_at, datetime):
        checked_expiry(change.expires_at)
    after = msgspec.structs.replace(media, **wanted)
    if after.context_id is not None and after.context_type is None:
        raise InvalidRequest("context_id needs a context_type.")
    return after


async def change_media(after: MediaObject, *, revision: int, by: Actor, database: Database) -> MediaObject:
    """Save what was changed of this revision. Raises MediaClosed, or RevisionChanged if someone else was faster."""
    if after.status not in (Status.PENDING, Status.READY):
        raise MediaClosed(after.status)
    row = await database.one(
        _sql["change"],
        after.id,
        revision,
        after.original_file_name,
        after.is_public,
        after.context_type,
        after.context_id,
        after.expires_at,
        by.id,
        by.kind,
    )
    if row is None:
        raise RevisionChanged
    return media_object(row)
