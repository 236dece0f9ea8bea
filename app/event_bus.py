"""NATS: publish, consume, park, serve requests. Importer of nats, with bus_link, lanes and event_streams."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec
import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NoStreamResponseError, NotFoundError
from nats.micro import add_service
from nats.micro.request import Request

from app import telemetry
from app.bus_link import Link
from app.config import Bus
from app.errors import BusUnavailable, InvalidRequest, ParkedMessageNotFound, Refusal
from app.event_streams import make_missing, stream_created_at
from app.events import DEAD_STREAM, DEAD_SUBJECT, NOTIFICATION_SUBJECT, GivenUp
from app.lanes import Handler, Lanes

_LONGEST_SHOWN: Final = 1_000
_PUBLISH_SECONDS: Final = 5.0

log = structlog.get_logger()

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

    def __init__(self, link: Link, bus: Bus) -> None:
        self._link = link
        self._bus = bus
        self._stream: JetStreamContext = link.client.jetstream(timeout=_PUBLISH_SECONDS)

    @property
    def streams_may_be_gone(self) -> asyncio.Event:
        """Rings at each connection, and when NATS says that there is no such stream."""
        return self._link.streams_may_be_gone

    @property
    def notifications_are_late(self) -> bool:
        """NATS is away, or has just come back: storage finds that out only a few seconds after us."""
        return self._link.was_lost_lately

    async def publish(self, subject: str, payload: bytes, *, message_id: str, headers: Mapping[str, str]) -> None:
        """Into the stream, once: JetStream drops a second message with this id. Raises BusUnavailable.

        Nothing is kept for later: what was not sent, or not answered, is to be published again.
        """
        if not self._link.is_up:
            raise BusUnavailable  # nats-py would send it when it is connected again, though nobody waits any more
        try:
            async with asyncio.timeout(_PUBLISH_SECONDS), self._link.while_up():
                await self._stream.publish(subject, payload, headers={**headers, "Nats-Msg-Id": message_id})
        except NoStreamResponseError as error:
            self.streams_may_be_gone.set()
            raise BusUnavailable from error
        except (NatsError, OSError, TimeoutError) as error:
            raise BusUnavailable from error

    async def ping(self) -> None:
        """Raises BusUnavailable if NATS does not answer. Before the first connection it waits for that."""
        await self._link.ping()

    async def make_missing_streams(self) -> list[str]:
        """Create the streams that are missing, and change none. Returns those that could not be made."""
        return await make_missing(self._stream, self._bus)

    async def stream_created_at(self, stream: str) -> datetime | None:
        """When the stream came into being, by NATS's clock. None if there is none. Raises BusUnavailable."""
        return await stream_created_at(self._stream, stream)

    async def consume(
        self,
        stream: str,
        durable: str,
        handle: Handler,
        *,
        concurrency: int,
        subject: str | None = None,
        is_ours: bool = True,
    ) -> None:
        """Hand every message of a stream to `handle`, for ever, `concurrency` at a time, shared with all consumers.

        A stream that is not ours is waited for, and never made.
        """

        async def park(message: Msg, reason: str) -> None:
            metadata = message.metadata
            await self._park(
                stream, metadata.sequence.stream, message.subject, message.data, metadata.num_delivered, reason
            )

        lanes = Lanes(self._link, stream, durable, handle, park, subject=subject, is_ours=is_ours)
        await lanes.run(concurrency)

    async def park_given_up(self, given_up: GivenUp) -> None:
        """Park a message that no delivery of settled. Raises BusUnavailable."""
        try:
            message = await self._stream.get_msg(given_up.stream, given_up.stream_seq)
        except NotFoundError:
            return  # older than its stream keeps messages, or gone with it
        except (NatsError, OSError, TimeoutError) as error:
            raise BusUnavailable from error
        reason = f"gave up after {given_up.deliveries} deliveries, none of which anyone settled"
        await self._park(
            given_up.stream,
            given_up.stream_seq,
            message.subject or "",
            message.data or b"",
            given_up.deliveries,
            reason,
        )

    async def serve(self, name: str, subject: str, answer: Responder) -> None:
        """Answer requests on a subject, shared with all other servers of this name: a service that `nats micro` lists.

        `answer` gets payload and headers; a Refusal that it raises is told by its code (ADR-32 of NATS).
        """
        await self._link.was_up.wait()
        service = await add_service(self._link.client, name=name, version="1.0.0")

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
        # A header may name any subject: it is sent again to none but those that this service consumes.
        if message is None or subject not in (NOTIFICATION_SUBJECT, self._bus.billing_subject):
            raise ParkedMessageNotFound(sequence)
        try:
            await self._stream.publish(subject, message.data or b"")
            await self._stream.delete_msg(DEAD_STREAM, sequence)
        except NotFoundError:
            return  # another replay was faster
        except (NatsError, OSError, TimeoutError) as error:
            raise BusUnavailable from error

    async def _dead_message(self, sequence: int, *, next_one: bool) -> RawStreamMsg | None:
        subject = f"{DEAD_SUBJECT}.>" if next_one else None
        try:
            return await self._stream.get_msg(DEAD_STREAM, sequence, subject=subject, next=next_one)
        except NotFoundError:
            return None
        except (NatsError, OSError, TimeoutError) as error:
            raise BusUnavailable from error

    async def _park(
        self, stream: str, sequence: int, subject: str, payload: bytes, deliveries: int, reason: str
    ) -> None:
        """Under the same id whoever does it: a message that is parked twice is there once."""
        headers = {
            "Media-Reason": reason.replace("\r", " ").replace("\n", " ")[:500],
            "Media-Subject": subject,
            "Media-Deliveries": str(deliveries),
        }
        parked = f"{DEAD_SUBJECT}.{stream}"
        await self.publish(parked, payload, message_id=f"{stream}:{sequence}", headers=headers)
        telemetry.MESSAGES_PARKED.inc()
        # What comes after the colon may quote the message: it is kept with it, and not for whoever reads logs.
        log.warning("message.parked", stream=stream, sequence=sequence, reason=reason.partition(":")[0])


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
    link = Link()
    keeping = asyncio.create_task(link.keep(bus))
    try:
        yield EventBus(link, bus)
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        await link.close()
