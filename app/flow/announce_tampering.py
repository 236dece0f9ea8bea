"""Announce: the bytes of a ready media object are not those that were checked. Nothing is changed: it is evidence."""

from datetime import UTC, datetime
from uuid import UUID

import structlog

from app import events
from app.database import Database, media_object, queries

_sql = queries("announce_tampering")

log = structlog.get_logger()


async def announce_tampering(media_id: UUID, *, reason: str, database: Database) -> bool:
    """Returns whether this call announced it: it is said once of each object."""
    row = await database.one(_sql["find_media"], media_id)
    if row is None:
        return False
    event = events.media_tampered(media_object(row), datetime.now(UTC))
    announced = await database.one(_sql["announce"], media_id, event.event_id, event.event_type, event.payload, reason)
    if announced is not None:
        log.warning("media.tampered", media_id=str(media_id), reason=reason)
    return announced is not None
