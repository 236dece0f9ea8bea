"""Announce again: events that were published on a stream which NATS has lost, as long as the outbox keeps them.

Their ids stay, so that who heard one before knows it, and JetStream drops what its new stream has already.
"""

from datetime import datetime

from app.database import Database, queries

_sql = queries("announce_again")


async def announce_again(*, published_before: datetime, database: Database) -> int:
    """Let the relay publish them once more. Returns how many. Raises Unavailable: then some may not be found yet."""
    found, last = 0, 0
    while rows := await database.all(_sql["unpublish"], published_before, last):
        found += len(rows)
        last = max(row["id"] for row in rows)
    return found
