"""In hand: a piece of work is tried over and over while the part that it needs is away, and is done when that is back.

Nothing is given up meanwhile, and nothing else is held up: what needs the same part could not be done either. Where the
part answers, and yet this piece of work does not get on, it is up to the caller, so that others have their turn.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from app import telemetry
from app.cancellation import is_cancelled
from app.database import Database
from app.errors import DatabaseUnavailable, StorageUnavailable, Unavailable
from app.object_store import ObjectStore

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 2.0

log = structlog.get_logger()

T = TypeVar("T")


class InHand:
    """The parts that are asked whether they are there."""

    def __init__(self, *, database: Database, object_store: ObjectStore, bucket: str) -> None:
        self._database = database
        self._object_store = object_store
        self._bucket = bucket

    async def until_done(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The attempt's result. Raises Unavailable where the part that it missed answers."""
        pause, answered = _FIRST_PAUSE_SECONDS, False
        while True:
            try:
                return await attempt()
            except (DatabaseUnavailable, StorageUnavailable) as away:
                # Once is not enough: a part that has just come back cuts what was asked of it before.
                before, answered = answered, await self._answers(away)
                if is_cancelled() or (before and answered):
                    raise
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  jitter
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _answers(self, away: Unavailable) -> bool:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if isinstance(away, DatabaseUnavailable):
                    await self._database.one("SELECT 1")
                else:
                    await self._object_store.ping(self._bucket)
        except (Unavailable, TimeoutError):
            telemetry.PARTS_UNAVAILABLE.labels(away.code).inc()
            return False
        return True
