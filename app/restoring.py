"""Restoring: streams that NATS has lost are made again, and what was announced on the old one is announced again.

Looked at at each connection, when NATS says that there is no stream, and now and then.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from app.database import Database
from app.event_bus import EventBus
from app.events import MEDIA_STREAM
from app.flow.announce_again import announce_again

_CLOCKS_DIFFER_BY: Final = timedelta(seconds=30)  # at most: those of NATS, PostgreSQL and this process
# Longer than a relay may have an open transaction: by then it is seen which events the old stream got.
_SETTLES_WITHIN: Final = timedelta(seconds=90)

log = structlog.get_logger()


class Restoring:
    """What one worker has seen of the stream of events."""

    def __init__(self, *, database: Database, event_bus: EventBus) -> None:
        self._database = database
        self._event_bus = event_bus
        self._searched: datetime | None = None
        self._for_good = False
        self._unmade: list[str] = []

    async def restore(self) -> bool:
        """Make what is missing. Returns whether to look once more. Raises Unavailable.

        Lost events wait in the outbox before their stream is there again, so that the relay keeps their order.
        """
        created = await self._event_bus.stream_created_at(MEDIA_STREAM)
        try:
            await self._search(created)
        finally:
            unmade = await self._event_bus.make_missing_streams()
            self._tell(unmade)
        return created is None and MEDIA_STREAM not in unmade

    async def _search(self, created: datetime | None) -> None:
        now = datetime.now(UTC)
        settled = created is not None and now - created > _SETTLES_WITHIN
        if created is not None and created == self._searched and (self._for_good or not settled):
            return
        again = await announce_again(published_before=(created or now) + _CLOCKS_DIFFER_BY, database=self._database)
        if again:
            log.warning("events.announced_again", events=again, stream_created_at=str(created))
        self._searched, self._for_good = created, settled

    def _tell(self, unmade: list[str]) -> None:
        """Once, until it changes: the account may not make streams, or NATS is not ready to."""
        if unmade != self._unmade:
            self._unmade = unmade
            if unmade:
                log.warning("streams.missing", streams=unmade, remedy="run: media provision --only streams")
