"""Whether PostgreSQL answers: one connection of its own, which listens for notifications and is asked now and then.

A server that refuses says so at once. One that is silent (stopped, or cut off without a word) says nothing, so whoever
asks it would wait until his time is up. Therefore an answer that takes long raises a doubt; the doubt is examined by a
`SELECT 1` here; and while that finds no answer, nobody asks: those who wait are told, and those who come too.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final, TypeVar

import asyncpg
import structlog

from app.cancellation import is_cancelled

UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,  # connections, memory, room on its disk
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby now: a new connection may find its successor
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
_DOUBT_SECONDS: Final = 0.5
_LOOKS: Final = 15
_LOOK_SECONDS: Final = 0.1
_KEEPALIVE_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.3
_REMIND_SECONDS: Final = 10.0

log = structlog.get_logger()

T = TypeVar("T")
Heard = Callable[[str], None]


class Pulse:
    """What is known of one server. `run` finds it out."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._channels: list[tuple[str, Heard]] = []
        self._listening = 0  # how many of the channels the connection listens to
        self._told = 0  # how many were told of that
        self._doubted = asyncio.Event()
        self._waiting: set[asyncio.Timeout] = set()
        self._away_since: float | None = None
        self._reminded_at = 0.0
        self._answered_at = 0.0

    @property
    def is_away(self) -> bool:
        return self._away_since is not None

    def doubt(self) -> None:
        """Have it examined now."""
        self._doubted.set()

    def answered(self) -> None:
        """Someone has had an answer just now."""
        self._answered_at = _now()

    def hear(self, channel: str, heard: Heard) -> None:
        """Call `heard` with each payload of a channel; with "" after each (re)connect: all may have changed."""
        self._channels.append((channel, heard))
        self.doubt()

    @contextlib.asynccontextmanager
    async def patience(self, seconds: float) -> AsyncIterator[None]:
        """TimeoutError for what is done here when the time is up, or as soon as the server is known to be away."""
        doubting = asyncio.get_running_loop().call_later(_DOUBT_SECONDS, self.doubt)
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                self._waiting.add(limit)
                yield
        finally:
            self._waiting.discard(limit)
            doubting.cancel()

    async def run(self, returned: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Examine it, for ever. Calls `returned` when it answers again, before anyone else asks it."""
        try:
            while not is_cancelled():
                await self._examine(returned)
                await self._rest()
        finally:
            self._forget()

    async def _examine(self, returned: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._doubted.clear()
        try:
            await _promptly(self._ask())
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            self._forget()
            if isinstance(error, TimeoutError) and _now() - self._answered_at < _LOOKS * _LOOK_SECONDS:
                self.doubt()  # it answers others: slow, but not silent
                return
            self._is_gone(type(error).__name__)
            return
        if self._away_since is not None:
            await returned()
            log.info("database.answered", away_seconds=round(_now() - self._away_since, 1))
            self._away_since = None
        for _channel, heard in self._channels[self._told :]:
            heard("")
        self._told = len(self._channels)

    async def _rest(self) -> None:
        if self.is_away:
            await asyncio.sleep(_PAUSE_SECONDS)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KEEPALIVE_SECONDS if self._channels else None):
                await self._doubted.wait()

    async def _ask(self) -> None:
        if self._connection is None or self._connection.is_closed():
            self._listening = self._told = 0
            self._connection = await asyncpg.connect(
                self._database_url, server_settings={"application_name": "media-service pulse"}
            )
            self._connection.add_termination_listener(lambda _: self.doubt())
        while self._listening < len(self._channels):
            channel, heard = self._channels[self._listening]
            await self._connection.add_listener(channel, lambda _c, _pid, _ch, said, heard=heard: heard(str(said)))
            self._listening += 1
        await self._connection.execute("SELECT 1")

    def _is_gone(self, reason: str) -> None:
        now = _now()
        if self._away_since is None:
            self._away_since, self._reminded_at = now, now - _REMIND_SECONDS
        if now - self._reminded_at >= _REMIND_SECONDS:
            self._reminded_at = now
            log.warning("database.waiting", reason=reason, away_seconds=round(now - self._away_since, 1))
        for limit in self._waiting:
            with contextlib.suppress(RuntimeError):  # its time was up at this very moment
                limit.reschedule(now)

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _promptly(asking: Coroutine[Any, Any, T]) -> T:
    """In many short waits: if this process itself was held up, one of them is over, and the answer may lie there."""
    task = asyncio.create_task(asking)
    try:
        for _ in range(_LOOKS):
            await asyncio.wait([task], timeout=_LOOK_SECONDS)
            if task.done():
                return task.result()
        raise TimeoutError
    finally:
        task.cancel()
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
