"""Delete what is missing: a ready media object whose bytes are gone is so for its readers too."""

from datetime import UTC, datetime

import structlog

from app import events
from app.database import Database, media_object, queries
from app.discrepancies import Missing
from app.object_store import ObjectStore
from app.stored_objects import StoredHead

_sql = queries("delete_missing")

log = structlog.get_logger()


async def delete_missing(missing: Missing, *, database: Database, object_store: ObjectStore) -> bool:
    """Returns whether this call deleted it. False: nothing is missing, as the bytes are back or the row is closed."""
    head = await object_store.head(missing.address, missing.version_id)
    if head is not None and not (isinstance(head, StoredHead) and head.is_delete_marker):
        return False
    row = await database.one(_sql["find_media"], missing.media_id)
    if row is None:
        return False
    event = events.media_deleted(media_object(row), datetime.now(UTC))
    gone = await database.one(
        _sql["mark_missing"],
        missing.media_id,
        missing.bucket,
        missing.key,
        missing.version_id,
        event.event_id,
        event.event_type,
        event.payload,
    )
    if gone is not None:
        log.warning("media.deleted", media_id=str(missing.media_id), reason="missing")
    return gone is not None
