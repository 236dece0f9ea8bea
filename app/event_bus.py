"""NATS: publish, consume, park, serve requests. Importer of nats, with event_streams.py, which provisions.

Of a message a step's outcome decides: done (ack), TryLater (nak with a delay), NeverWorks (parked with the reason, then
term). Anything else is a bug: logged with its traceback, nak with back-off.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RawStreamMsg
from nats.js.errors import APIError, NotFoundError
from nats.micro import add_service
from nats.micro.request import Request

from app.cancellation import is_cancelled
from app.config import Bus
from app.errors import BusUnavailable, InvalidRequest, NeverWorks, ParkedMessageNotFound, Refusal, TryLater
from app.events import DEAD_STREAM, DEAD_SUBJECT, NOTIFICATION_SUBJECT

_ACK_WAIT_SECONDS: Final = 60
_MAX_ACK_PENDING: Final = 1024
_PULL_SECONDS: Final = 20
_MAX_DELIVERIES: Final = 50
_LONGEST_BACKOFF_SECONDS: Final = 60.0
_LONGEST_SHOWN: Final = 1_000
# What a parked message may be sent to again: a subject that this service consumes, and no other that a header may name.
_REPLAYED_TO: Final = frozenset({NOTIFICATION_SUBJECT})

log = structlog.get_logger()

T = TypeVar("T")
Handler = Callable[[bytes], Awaitable[None]]
Responder = Callable[[bytes, Mapping[str, str]], Awaitable[bytes]]


class ParkedMessage(msgspec.Struct, frozen=True):
    """A message that could never be handled. `payload` is its beginning, as text."""

    sequence: int
    parked_at: datetime
    subject: str
    reason: str
    deliveries: int
    payload: str


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

    async def serve(self, name: str, subject: str, answer: Responder) -> None:
        """Answer requests on a subject, shared with all other servers of this name: a service that `nats micro` lists.

        `answer` gets payload and headers; a Refusal that it raises is told by its code (ADR-32 of NATS).
        """
        await self._connected.wait()
        service = await add_service(self._client, name=name, version="1.0.0")

        async def respond(request: Request) -> None:
            with contextlib.suppress(NatsError, ValueError):  # nobody waits for the answer any more, or ever did
                try:
                    answered = await answer(request.data, request.headers or {})
                except Refusal as refusal:
                    await request.respond_error(refusal.code, str(refusal))
                except Exception:
                    log.exception("request.failed", subject=subject)
                    await request.respond_error("internal_error", "Something went wrong here. It is logged.")
                else:
                    await _respond(request, answered)

        await service.add_endpoint(name=name, subject=subject, handler=respond)

    async def parked(self, *, after: int, limit: int) -> list[ParkedMessage]:
        """Parked messages in the order in which they were parked, past the sequence `after`. Raises BusUnavailable."""
        found: list[ParkedMessage] = []
        while len(found) < limit:
            message = await self._dead_message(after + 1, next_one=True)
            if message is None:
                break
            after = int(message.seq or 0)
            found.append(_parked(message))
        return found

    async def replay(self, sequence: int) -> None:
        """Send a parked message to its subject once more, and take it off the parked ones.

        Killed in between, it is both: whoever consumes it takes it twice. Raises ParkedMessageNotFound, BusUnavailable.
        """
        message = await self._dead_message(sequence, next_one=False)
        subject = _header(message, "Media-Subject") if message else ""
        if message is None or subject not in _REPLAYED_TO:
            raise ParkedMessageNotFound(sequence)
        try:
            await self._stream.publish(subject, message.data or b"")
            await self._stream.delete_msg(DEAD_STREAM, sequence)
        except NotFoundError:
            return  # another replay was faster
        except (NatsError, APIError, OSError, TimeoutError) as error:
            raise BusUnavailable from error

    async def _dead_message(self, sequence: int, *, next_one: bool) -> RawStreamMsg | None:
        subject = f"{DEAD_SUBJECT}.>" if next_one else None
        try:
            return await self._stream.get_msg(DEAD_STREAM, sequence, subject=subject, next=next_one)
        except NotFoundError:
            return None
        except (NatsError, APIError, OSError, TimeoutError) as error:
            raise BusUnavailable from error

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
            async with _kept(message):
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


def _parked(message: RawStreamMsg) -> ParkedMessage:
    deliveries = _header(message, "Media-Deliveries")[:10]
    assert message.time is not None
    return ParkedMessage(
        sequence=int(message.seq or 0),
        parked_at=message.time,
        subject=_header(message, "Media-Subject"),
        reason=_header(message, "Media-Reason"),
        deliveries=int(deliveries) if deliveries.isdecimal() and deliveries.isascii() else 0,
        payload=(message.data or b"")[:_LONGEST_SHOWN].decode(errors="replace"),
    )


async def _respond(request: Request, answer: bytes) -> None:
    try:
        await request.respond(answer)
    except MaxPayloadError:
        await request.respond_error(InvalidRequest.code, "The answer is too long for NATS: ask for less at once.")


def _header(message: RawStreamMsg, name: str) -> str:
    """As text: anyone on the bus may have written it, and nats-py gives what is not ASCII as an object of `email`."""
    return str((message.headers or {}).get(name, ""))


@contextlib.asynccontextmanager
async def connect(bus: Bus) -> AsyncIterator[EventBus]:
    """A connection in the making: NATS may come up later, and is waited for in the background."""
    client, connected = Client(), asyncio.Event()
    connecting = asyncio.create_task(_connect(client, bus, connected))
    try:
        yield EventBus(client, connected)
    finally:
        connecting.cancel()
        await asyncio.wait([connecting])
        with contextlib.suppress(NatsError, OSError, TimeoutError, asyncio.CancelledError):
            await client.close()


async def _connect(client: Client, bus: Bus, connected: asyncio.Event) -> None:
    while not is_cancelled():
        try:
            await client.connect(
                bus.url,
                name="media-service",
                user_credentials=bus.credentials_file,
                connect_timeout=5,
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                allow_reconnect=True,
                error_cb=log_error,
            )
        except (NatsError, OSError, TimeoutError) as error:
            log.warning("bus.unreachable", reason=type(error).__name__)
            await asyncio.sleep(1)
        else:
            connected.set()
            return


async def log_error(error: Exception) -> None:
    """What a client tells of, beside what it raises: by type alone, as its text may hold an address with a password."""
    log.warning("bus.error", reason=type(error).__name__)


@contextlib.asynccontextmanager
async def _kept(message: Msg) -> AsyncIterator[None]:
    """Tell NATS over and over that the message is in hand: a large copy or a scan may outlast the wait for its ack.

    A wait as long as the longest handling would do too, but then what a dead worker held comes again that much later.
    """
    keeping = asyncio.create_task(_keep(message))
    try:
        yield
    finally:
        keeping.cancel()


async def _keep(message: Msg) -> None:
    while not is_cancelled():
        await asyncio.sleep(_ACK_WAIT_SECONDS / 3)
        await _reply(message.in_progress())


async def _reply(acknowledgement: Awaitable[None]) -> None:
    # An acknowledgement that does not reach NATS only means that the message comes again.
    with contextlib.suppress(NatsError, OSError):
        await acknowledgement
