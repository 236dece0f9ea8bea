"""Delete: gone for readers at once; its bytes are in the ledger and its event in the outbox in the same transaction."""

from datetime import UTC, datetime

from app import events
from app.access import Actor
from app.database import Database, queries
from app.media import MediaObject

_sql = queries("delete_media")


async def delete_media(media: MediaObject, *, by: Actor, grace_seconds: int, database: Database) -> bool:
    """Delete a ready object, or call off a pending upload, which expires it. Returns whether this call did it."""
    now = datetime.now(UTC)
    deleted, expired = events.media_deleted(media, now), events.media_expired(media, now)
    row = await database.one(
        _sql["mark_deleted"],
        media.id,
        grace_seconds,
        deleted.event_id,
        deleted.event_type,
        deleted.payload,
        expired.event_id,
        expired.event_type,
        expired.payload,
        by.id,
        by.kind,
    )
    return row is not None
