"""Relay: events from the outbox into the stream, at least once, in order for each media object.

Any number of relays share the outbox: each locks the events that it publishes until they are marked. One that dies in
between publishes nothing twice, as JetStream drops a second message with the same id.
"""

import asyncio

import structlog

from app import telemetry
from app.database import Database, Row, queries
from app.errors import Unavailable
from app.event_bus import EventBus
from app.events import SUBJECTS

_sql = queries("relay_outbox")

log = structlog.get_logger()


async def relay_outbox(*, database: Database, event_bus: EventBus) -> int:
    """Publish what waits, a batch at most. Returns how many. Raises Unavailable: what is not in the stream waits on."""
    async with database.transaction() as transaction:
        rows = await transaction.all(_sql["take_unpublished"])
        # All of them to their end: none is left to be published behind the back of a transaction that is over.
        ends = await asyncio.gather(*(_publish(row, event_bus) for row in rows), return_exceptions=True)
        failures = [end for end in ends if end is not None]
        for bug in (failure for failure in failures if not isinstance(failure, Unavailable)):
            raise bug
        published = [row["id"] for row, end in zip(rows, ends, strict=True) if end is None]
        if published:
            await transaction.all(_sql["mark_published"], published)
    if failures:
        raise failures[0]
    return len(rows)


async def prune_outbox(*, retention_hours: int, database: Database) -> int:
    """Forget events that were published so long ago, a batch at most. Returns how many."""
    return len(await database.all(_sql["prune_published"], retention_hours))


async def _publish(row: Row, event_bus: EventBus) -> None:
    headers = {"traceparent": row["traceparent"]} if row["traceparent"] else {}
    await event_bus.publish(
        SUBJECTS[row["event_type"]], row["payload"].encode(), message_id=str(row["event_id"]), headers=headers
    )
    telemetry.EVENTS_PUBLISHED.labels(row["event_type"]).inc()
    log.info(
        "event.published", event_id=str(row["event_id"]), event_type=row["event_type"], media_id=str(row["media_id"])
    )
