"""Expire: uploads that never came, and objects that reached their `expires_at`."""

from datetime import UTC, datetime

from app import events, telemetry
from app.database import Database, media_object, queries
from app.media import MediaObject

_sql = queries("expire_media")


async def expire_media(media: MediaObject, *, grace_seconds: int, database: Database) -> bool:
    """Expire an object that is still in the state that it was seen in. Returns whether this call did it."""
    event = events.media_expired(media, datetime.now(UTC))
    row = await database.one(
        _sql["mark_expired"], media.id, media.status, event.event_id, event.event_type, event.payload, grace_seconds
    )
    if row is not None:
        telemetry.OBJECTS_EXPIRED.inc()
    return row is not None


async def find_expired_media(*, database: Database) -> list[MediaObject]:
    """Ready objects past their `expires_at`, a batch at most."""
    return [media_object(row) for row in await database.all(_sql["find_expired"])]
