"""List: the media objects that a caller may see, newest first, by page or by cursor."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from app.access import Sight
from app.content import RejectionReason
from app.database import Database, Row, media_object, queries
from app.errors import InvalidRequest
from app.media import ContextType, FileType, MediaObject, Status, checked_moment

_sql = queries("list_media")


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What to list; None is any."""

    context_type: ContextType | None = None
    context_id: UUID | None = None
    file_type: FileType | None = None
    status: Status | None = None


class Page(msgspec.Struct, frozen=True):
    """`next_cursor` is None on the last page."""

    media: list[MediaObject]
    next_cursor: str | None


async def list_media(
    filters: Filters,
    *,
    sight: Sight,
    limit: int,
    page: int,
    cursor: str | None,
    database: Database,
) -> Page:
    """A page of `limit` objects. The cost of a cursor does not grow with depth; that of a page number does."""
    after = _decode(cursor) if cursor is not None else None
    wanted = (filters.context_type, filters.context_id, filters.file_type, filters.status, after)
    window = (limit + 1, (page - 1) * limit)
    if sight.everything:
        rows = await database.all(_sql["list_all"], *wanted, *window)
    else:
        claimed = (sight.context_types, sight.context_ids)
        rows = await database.all(_sql["list_visible"], sight.owner, *wanted, *window, *claimed)
    return _page(rows, limit)


class AnyFilters(msgspec.Struct, frozen=True, kw_only=True):
    """What an admin looks for; None is any."""

    status: Status | None = None
    owner: UUID | None = None
    rejection_reason: RejectionReason | None = None
    created_before: datetime | None = None
    created_since: datetime | None = None

    def __post_init__(self) -> None:
        for moment in (self.created_before, self.created_since):
            if moment is not None:
                checked_moment(moment)


async def list_any_media(filters: AnyFilters, *, limit: int, cursor: str | None, database: Database) -> Page:
    """A page of everyone's objects, deleted ones too, for an admin."""
    after = _decode(cursor) if cursor is not None else None
    rows = await database.all(_sql["list_any"], *msgspec.structs.astuple(filters), after, limit + 1)
    return _page(rows, limit)


def _page(rows: Sequence[Row], limit: int) -> Page:
    """Of one row more than a page holds: it tells that there is a next one."""
    found = [media_object(row) for row in rows[:limit]]
    return Page(found, _encode(found[-1].id) if len(rows) > limit else None)


def _encode(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def _decode(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("cursor is not one that this API gave: take next_cursor of the page before.") from error
