"""The connection to NATS, made and made again for as long as the process lives. Importer of nats, with its siblings.

A connection that breaks is mended by nats-py, one that NATS ended for good is made anew here. Whoever waits for an
answer waits for it `while_up`: a connection that is lost brings none.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError

from app.cancellation import is_cancelled
from app.config import Bus
from app.errors import BusUnavailable
from app.event_streams import log_error

_CONNECT_SECONDS: Final = 2
_RETRY_SECONDS: Final = 1
# A peer that is gone without a word is found out after 6 to 8 s; one that stands still for 5 s finds all as it was.
_PING_SECONDS: Final = 2
_LOST_PINGS: Final = 3
_PONG_SECONDS: Final = 2.0
_LATELY_SECONDS: Final = 15.0

log = structlog.get_logger()


class Link:
    """The client, and what happens to its connection."""

    def __init__(self) -> None:
        self.client = Client()
        self.was_up = asyncio.Event()
        self.streams_may_be_gone = asyncio.Event()
        self.connections = 0
        self._renewed_at = 0.0
        self._waiting: set[asyncio.Timeout] = set()
        self._pinging: asyncio.Task[bool] | None = None

    @property
    def is_up(self) -> bool:
        return bool(self.client.is_connected)

    @property
    def was_lost_lately(self) -> bool:
        """It is lost, or was until a moment ago: what others say over NATS may be late as well."""
        if not self.is_up:
            return self.connections > 0
        return self.connections > 1 and asyncio.get_running_loop().time() - self._renewed_at < _LATELY_SECONDS

    @contextlib.asynccontextmanager
    async def while_up(self) -> AsyncIterator[None]:
        """Raises TimeoutError when the connection is lost: what was asked on it is never answered."""
        async with asyncio.timeout(None) as patience:
            self._waiting.add(patience)
            try:
                yield
            finally:
                self._waiting.discard(patience)

    async def ping(self) -> None:
        """Raises BusUnavailable if NATS does not answer. Before the first connection it waits for that."""
        await self.was_up.wait()
        if not self.is_up:
            raise BusUnavailable
        # Never cancelled: the reader of nats-py dies of an answer that nobody waits for any more.
        if self._pinging is None or self._pinging.done():
            self._pinging = asyncio.create_task(_pong(self.client))
        pinging = self._pinging
        done, _ = await asyncio.wait([pinging], timeout=_PONG_SECONDS)
        if not done or pinging.cancelled() or not pinging.result():
            raise BusUnavailable

    async def keep(self, bus: Bus) -> None:
        """Connect, and once more whenever NATS ended the connection for good, such as for an account's limit."""
        while not is_cancelled():
            ended = asyncio.Event()
            try:
                await self._connect(bus, ended)
            except (NatsError, OSError, TimeoutError) as error:
                log.warning("bus.unreachable", reason=type(error).__name__)
            else:
                await self._renewed()
                if is_cancelled():  # while it connected, which nats-py may have swallowed
                    return
                await ended.wait()
                log.warning("bus.ended")
            await asyncio.sleep(_RETRY_SECONDS)

    async def close(self) -> None:
        self._forget_ping()
        with contextlib.suppress(NatsError, OSError, TimeoutError, asyncio.CancelledError):
            await self.client.close()

    def _forget_ping(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
            self._pinging = None

    async def _connect(self, bus: Bus, ended: asyncio.Event) -> None:
        async def closed() -> None:
            ended.set()

        await self.client.connect(
            bus.servers,
            name="media-service",
            user_credentials=bus.credentials_file,
            connect_timeout=_CONNECT_SECONDS,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RETRY_SECONDS,
            ping_interval=_PING_SECONDS,
            max_outstanding_pings=_LOST_PINGS,
            allow_reconnect=True,
            error_cb=log_error,
            disconnected_cb=self._lost,
            reconnected_cb=self._renewed,
            closed_cb=closed,
        )

    async def _renewed(self) -> None:
        self.connections += 1
        self._renewed_at = asyncio.get_running_loop().time()
        self.was_up.set()
        self.streams_may_be_gone.set()
        log.info("bus.connected")

    async def _lost(self) -> None:
        self._forget_ping()
        waiting, self._waiting = self._waiting, set()
        for patience in waiting:
            patience.reschedule(0)


async def _pong(client: Client) -> bool:
    try:
        await client.flush(timeout=10 * _PING_SECONDS)  # longer than a connection that gives none may live
    except (NatsError, OSError, TimeoutError):
        return False
    return True
