"""Measure: what waits to be published and to be settled, for the metrics."""

from app import telemetry
from app.database import Database, queries

_sql = queries("measure_backlog")


async def measure_backlog(*, database: Database) -> None:
    """Set the gauges. Its cost grows with what waits alone. Raises DatabaseUnavailable: then they stay as they were."""
    row = await database.one(_sql["count_waiting"])
    assert row is not None
    telemetry.OUTBOX_EVENTS.set(row["events"])
    telemetry.OUTBOX_AGE_SECONDS.set(row["age_seconds"])
    telemetry.PENDING_UPLOADS.set(row["pending"])
