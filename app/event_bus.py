"""NATS JetStream: publish, consume, park. Sole importer of nats.

Of a message a step's outcome decides: done (ack), TryLater (nak with a delay), NeverWorks (parked with the reason, then
term). Anything else is a bug: logged with its traceback, nak with back-off.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, TypeVar

import nats
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamConfig
from nats.js.errors import APIError, NotFoundError

from app.cancellation import is_cancelled
from app.config import Bus
from app.errors import BusUnavailable, NeverWorks, TryLater
from app.events import DEAD_STREAM, DEAD_SUBJECT, MEDIA_STREAM, NOTIFICATION_STREAM, NOTIFICATION_SUBJECT, SUBJECTS

_DAY: Final = 86_400
_STREAMS: Final = (
    # A notification is a hint, and the sweep finds what it does not say: a week is plenty.
    StreamConfig(name=NOTIFICATION_STREAM, subjects=[NOTIFICATION_SUBJECT], max_age=7 * _DAY),
    StreamConfig(name=MEDIA_STREAM, subjects=list(SUBJECTS.values()), max_age=30 * _DAY, duplicate_window=600),
    StreamConfig(name=DEAD_STREAM, subjects=[f"{DEAD_SUBJECT}.>"], max_age=90 * _DAY),
)
_ACK_WAIT_SECONDS: Final = 60
_MAX_ACK_PENDING: Final = 1024
_PULL_SECONDS: Final = 20
_MAX_DELIVERIES: Final = 50
_LONGEST_BACKOFF_SECONDS: Final = 60.0

log = structlog.get_logger()

T = TypeVar("T")
Handler = Callable[[bytes], Awaitable[None]]


class EventBus:
    """A connection that finds its way back to NATS by itself."""

    def __init__(self, client: Client, connected: asyncio.Event) -> None:
        self._client = client
        self._connected = connected
        self._stream: JetStreamContext = client.jetstream(timeout=5)

    async def publish(self, subject: str, payload: bytes, *, message_id: str, headers: Mapping[str, str]) -> None:
        """Into the stream, once: JetStream drops a second message with this id. Raises BusUnavailable."""
        try:
            await self._stream.publish(subject, payload, headers={**headers, "Nats-Msg-Id": message_id})
        except (NatsError, OSError, TimeoutError) as error:
            raise BusUnavailable from error

    async def ping(self) -> None:
        """Raises BusUnavailable if NATS does not answer. Before the first connection it waits for that."""
        await self._connected.wait()
        if not self._client.is_connected:
            raise BusUnavailable
        try:
            await self._client.flush(timeout=2)
        except (NatsError, OSError, TimeoutError) as error:
            raise BusUnavailable from error

    async def consume(self, stream: str, durable: str, handle: Handler, *, concurrency: int) -> None:
        """Hand every message of a stream to `handle`, for ever, `concurrency` at a time, shared with all consumers."""
        await self._connected.wait()
        await self._until_answered(lambda: self._ensure_consumer(stream, durable))
        async with asyncio.TaskGroup() as lanes:
            for _ in range(concurrency):
                lanes.create_task(self._lane(stream, durable, handle))

    async def _ensure_consumer(self, stream: str, durable: str) -> None:
        wanted = ConsumerConfig(
            durable_name=durable,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_SECONDS,
            max_ack_pending=_MAX_ACK_PENDING,
        )
        try:
            await self._stream.consumer_info(stream, durable)
        except NotFoundError:
            await self._stream.add_consumer(stream, config=wanted)

    async def _lane(self, stream: str, durable: str, handle: Handler) -> None:
        # One message a pull: nats-py holds a batch back until it is full or its time is up.
        pull = await self._until_answered(lambda: self._stream.pull_subscribe_bind(durable, stream))
        while not is_cancelled():
            try:
                messages = await pull.fetch(1, timeout=_PULL_SECONDS)
            except TimeoutError:
                continue
            except (NatsError, APIError) as error:
                log.warning("bus.pull_failed", stream=stream, reason=type(error).__name__)
                await asyncio.sleep(1)
                await self._until_answered(lambda: self._ensure_consumer(stream, durable))
                continue
            for message in messages:
                await self._settle(message, stream, handle)

    async def _settle(self, message: Msg, stream: str, handle: Handler) -> None:
        deliveries = message.metadata.num_delivered
        try:
            await handle(message.data)
        except NeverWorks as never:
            await self._park(message, stream, str(never))
        except TryLater as later:
            await self._again(message, stream, later.delay_seconds, str(later))
        except Exception:
            log.exception("message.failed", stream=stream, deliveries=deliveries)
            await self._again(message, stream, min(2.0**deliveries, _LONGEST_BACKOFF_SECONDS), "unexpected failure")
        else:
            await _reply(message.ack())

    async def _again(self, message: Msg, stream: str, delay_seconds: float, reason: str) -> None:
        if message.metadata.num_delivered >= _MAX_DELIVERIES:
            await self._park(message, stream, f"gave up after {_MAX_DELIVERIES} deliveries: {reason}")
        else:
            await _reply(message.nak(delay=delay_seconds * random.uniform(0.8, 1.2)))  # noqa: S311  jitter

    async def _park(self, message: Msg, stream: str, reason: str) -> None:
        metadata = message.metadata
        headers = {
            "Media-Reason": reason.replace("\r", " ").replace("\n", " ")[:500],
            "Media-Subject": message.subject,
            "Media-Deliveries": str(metadata.num_delivered),
        }
        sequence = metadata.sequence.stream
        parked = f"{DEAD_SUBJECT}.{stream}"
        try:
            await self.publish(parked, message.data, message_id=f"{stream}:{sequence}", headers=headers)
        except BusUnavailable:
            return  # not acknowledged: it comes again
        log.warning("message.parked", stream=stream, sequence=sequence, reason=reason)
        await _reply(message.term())

    async def _until_answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await ask()
            except (NatsError, APIError, OSError, TimeoutError) as error:
                log.warning("bus.waiting", reason=str(error) or type(error).__name__)
                await asyncio.sleep(1)


@contextlib.asynccontextmanager
async def connect(bus: Bus) -> AsyncIterator[EventBus]:
    """A connection in the making: NATS may come up later, and is waited for in the background."""
    client, connected = Client(), asyncio.Event()
    connecting = asyncio.create_task(_connect(client, bus, connected))
    try:
        yield EventBus(client, connected)
    finally:
        connecting.cancel()
        with contextlib.suppress(NatsError, OSError, TimeoutError, asyncio.CancelledError):
            await client.close()


async def provision_streams(bus: Bus) -> None:
    """Create the streams that are missing, and set those that differ right. Raises BusUnavailable."""
    async with _asking(bus) as manager:
        for stream in _STREAMS:
            try:
                await manager.update_stream(stream)
            except NotFoundError:
                await manager.add_stream(stream)


async def missing_streams(bus: Bus) -> list[str]:
    """Names of the streams that `provision_streams` would create. Raises BusUnavailable."""
    async with _asking(bus) as manager:
        present = {info.config.name for info in await manager.streams_info()}
    return [str(stream.name) for stream in _STREAMS if stream.name not in present]


@contextlib.asynccontextmanager
async def overhearing(bus: Bus, subject: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """What is published on a subject from now on, heard beside all consumers. Raises BusUnavailable."""
    async with _connected(bus) as client:
        subscription = await client.subscribe(subject)
        await client.flush(timeout=5)  # NATS knows of it now
        yield _payloads(subscription)


async def _payloads(subscription: Subscription) -> AsyncIterator[bytes]:
    while True:
        yield (await subscription.next_msg(timeout=None)).data


@contextlib.asynccontextmanager
async def _asking(bus: Bus) -> AsyncIterator[JetStreamContext]:
    """For a few questions to JetStream. Raises BusUnavailable."""
    async with _connected(bus) as client:
        yield client.jetstream(timeout=5)


@contextlib.asynccontextmanager
async def _connected(bus: Bus) -> AsyncIterator[Client]:
    """A connection for a short while, which fails at once where NATS is away. Raises BusUnavailable."""
    try:
        client = await nats.connect(
            bus.url,
            user_credentials=bus.credentials_file,
            connect_timeout=5,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # of the first connection too; 0 would be for ever
            reconnect_time_wait=0,
            error_cb=_log_error,
        )
        try:
            yield client
        finally:
            await client.close()
    except (NatsError, APIError, OSError, TimeoutError) as error:
        raise BusUnavailable from error


async def _connect(client: Client, bus: Bus, connected: asyncio.Event) -> None:
    while True:
        try:
            await client.connect(
                bus.url,
                name="media-service",
                user_credentials=bus.credentials_file,
                connect_timeout=5,
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                allow_reconnect=True,
                error_cb=_log_error,
            )
        except (NatsError, OSError, TimeoutError) as error:
            log.warning("bus.unreachable", reason=type(error).__name__)
            await asyncio.sleep(1)
        else:
            connected.set()
            return


async def _log_error(error: Exception) -> None:
    log.warning("bus.error", reason=type(error).__name__)


async def _reply(acknowledgement: Awaitable[None]) -> None:
    # An acknowledgement that does not reach NATS only means that the message comes again.
    with contextlib.suppress(NatsError, OSError):
        await acknowledgement
