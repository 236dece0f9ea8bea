"""Count: how many media objects and bytes there are, by context type and status."""

import msgspec

from app.database import Database, queries
from app.media import ContextType, Status

_sql = queries("count_media")


class MediaCount(msgspec.Struct, frozen=True):
    """`bytes` are those that were declared: of rejected, expired and deleted objects none are left."""

    context_type: ContextType | None
    status: Status
    objects: int
    bytes: int


async def count_media(*, database: Database) -> list[MediaCount]:
    """One line for each context type and status that there is. Reads every row."""
    return [MediaCount(**dict(row)) for row in await database.all(_sql["count"])]
