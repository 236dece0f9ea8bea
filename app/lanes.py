"""Lanes: the messages of a durable, each in hand of one lane until it is settled. Importer of nats, with its siblings.

Of a message its handler's outcome decides: done (ack), TryLater (nak with a delay), NeverWorks (parked with the reason,
then term). Anything else is a bug: logged with its traceback, nak with back-off. A message that was delivered
_MAX_DELIVERIES times is parked; if it killed its worker each time, NATS says so on MEDIA_GIVEN_UP.
A lane never ends: whatever goes wrong with a pull, the next one is tried.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError

from app.bus_link import Link
from app.cancellation import is_cancelled
from app.errors import BusUnavailable, NeverWorks, TryLater

Handler = Callable[[bytes], Awaitable[None]]
Park = Callable[[Msg, str], Awaitable[None]]

_ACK_WAIT_SECONDS: Final = 15
_MAX_ACK_PENDING: Final = 1024
_MAX_DELIVERIES: Final = 12
_PULL_SECONDS: Final = 20
_PULL: Final = msgspec.json.encode({"batch": 1, "expires": _PULL_SECONDS * 1_000_000_000})
_NO_MESSAGE: Final = ("404", "408")
_RETRY_SECONDS: Final = 0.5
_WAIT_SECONDS: Final = 2.0  # for a stream that somebody else makes, maybe never
_DOWN_SECONDS: Final = 0.1
_BUG_SECONDS: Final = 2.0
_LONGEST_DELAY_SECONDS: Final = 900.0

log = structlog.get_logger()


class Lanes:
    """One durable of a stream, shared with all other processes that consume it."""

    def __init__(
        self,
        link: Link,
        stream: str,
        durable: str,
        handle: Handler,
        park: Park,
        *,
        subject: str | None,
        is_ours: bool,
    ) -> None:
        self._link = link
        self._jetstream: JetStreamContext = link.client.jetstream(timeout=5)
        self._stream = stream
        self._durable = durable
        self._subject = subject
        self._is_ours = is_ours
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._handle = handle
        self._park = park
        self._ack_wait = float(_ACK_WAIT_SECONDS)
        self._works = True

    async def run(self, count: int) -> None:
        """So many messages at a time, for ever."""
        await self._link.was_up.wait()
        await self._mend()
        async with asyncio.TaskGroup() as lanes:
            for _ in range(count):
                lanes.create_task(self._lane())

    async def _lane(self) -> None:
        while not is_cancelled():
            if not self._link.is_up:
                await asyncio.sleep(_DOWN_SECONDS)
                continue
            try:
                inbox = await self._link.client.subscribe(self._link.client.new_inbox())
                try:
                    await self._take(inbox)
                finally:
                    with contextlib.suppress(NatsError, OSError):
                        await inbox.unsubscribe()
            except (NatsError, OSError, TimeoutError) as error:
                await self._failed(error)
            except asyncio.CancelledError:
                if is_cancelled():
                    raise  # else it was nats-py, which cancels the pulls of a connection that it gives up
            except Exception:
                log.exception("lane.failed", stream=self._stream)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _take(self, inbox: Subscription) -> None:
        """Message after message, until the connection is another one."""
        connection = self._link.connections
        while connection == self._link.connections and self._link.is_up and not is_cancelled():
            message = await self._pull(inbox)
            if message is not None:
                self._works = True
                await self._settle(message)

    async def _pull(self, inbox: Subscription) -> Msg | None:
        """The next message, or None if none came in time. Raises APIError with why NATS will give none to this pull.

        Not the `fetch` of nats-py, which waits on after an answer such as "Consumer Deleted" or "Leadership Change".
        """
        await self._link.client.publish(self._next, _PULL, reply=inbox.subject)
        try:
            async with self._link.while_up():
                message = await inbox.next_msg(timeout=_PULL_SECONDS + 1)
        except TimeoutError:
            return None
        status = (message.headers or {}).get("Status")
        if status in _NO_MESSAGE:
            return None
        if status is not None:
            raise APIError(code=int(status), description=(message.headers or {}).get("Description"))
        return message

    async def _failed(self, error: Exception) -> None:
        if self._works:
            self._works = False
            log.warning("bus.pull_failed", stream=self._stream, reason=str(error) or type(error).__name__)
        seconds = _RETRY_SECONDS if self._is_ours else _WAIT_SECONDS
        await asyncio.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311  jitter
        await self._mend()

    async def _mend(self) -> None:
        """Make sure of the durable. Where its stream is missing and ours, whoever makes streams is told."""
        try:
            await self._ensure_durable()
        except NotFoundError:
            if self._is_ours:
                self._link.streams_may_be_gone.set()
        except (NatsError, OSError, TimeoutError) as error:
            log.debug("bus.waiting", stream=self._stream, reason=str(error) or type(error).__name__)

    async def _ensure_durable(self) -> None:
        wanted = ConsumerConfig(
            durable_name=self._durable,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_SECONDS,
            max_ack_pending=_MAX_ACK_PENDING,
            max_deliver=_MAX_DELIVERIES,
            filter_subject=self._subject,
        )
        try:
            found = (await self._jetstream.consumer_info(self._stream, self._durable)).config
        except NotFoundError:
            found = (await self._jetstream.add_consumer(self._stream, config=wanted)).config
        if found.max_deliver != _MAX_DELIVERIES:  # made by an earlier release
            found = found.evolve(max_deliver=_MAX_DELIVERIES)
            await self._jetstream.add_consumer(self._stream, config=found)
        self._ack_wait = found.ack_wait or self._ack_wait

    async def _settle(self, message: Msg) -> None:
        deliveries = message.metadata.num_delivered
        try:
            async with self._kept(message):
                await self._handle(message.data)
        except NeverWorks as never:
            await self._parked(message, str(never))
        except TryLater as later:
            await self._again(message, later.delay_seconds, str(later))
        except asyncio.CancelledError:
            await _reply(message.nak())  # handed back: another worker need not wait for it
            raise
        except Exception:
            log.exception("message.failed", stream=self._stream, deliveries=deliveries)
            await self._again(message, _BUG_SECONDS, "unexpected failure")
        else:
            await _reply(message.ack())

    async def _again(self, message: Msg, delay_seconds: float, reason: str) -> None:
        """Later, and each time twice as late."""
        deliveries = message.metadata.num_delivered
        if deliveries >= _MAX_DELIVERIES:
            await self._parked(message, f"gave up after {deliveries} deliveries: {reason}")
            return
        delay = min(delay_seconds * 2.0 ** (deliveries - 1), _LONGEST_DELAY_SECONDS)
        await _reply(message.nak(delay=delay * random.uniform(0.8, 1.2)))  # noqa: S311  jitter

    async def _parked(self, message: Msg, reason: str) -> None:
        try:
            await self._park(message, reason)
        except BusUnavailable:
            return  # not acknowledged: it comes again
        await _reply(message.term())

    @contextlib.asynccontextmanager
    async def _kept(self, message: Msg) -> AsyncIterator[None]:
        """Tell NATS over and over that the message is in hand: what it needs may be away, or a copy or scan be long.

        A wait as long as the longest handling would do too, but then what a dead worker held comes that much later.
        """
        keeping = asyncio.create_task(self._keep(message))
        try:
            yield
        finally:
            keeping.cancel()

    async def _keep(self, message: Msg) -> None:
        while not is_cancelled():
            await asyncio.sleep(self._ack_wait / 3)
            await _reply(message.in_progress())


async def _reply(acknowledgement: Awaitable[None]) -> None:
    # An acknowledgement that does not reach NATS only means that the message comes again.
    with contextlib.suppress(NatsError, OSError):
        await acknowledgement
