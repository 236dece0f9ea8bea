"""The streams of NATS JetStream that the service needs: created, set right, found missing; and a subject overheard."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

import structlog
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import APIError, NotFoundError

from app.config import Bus
from app.errors import BusUnavailable
from app.events import (
    DEAD_STREAM,
    DEAD_SUBJECT,
    GIVEN_UP_STREAM,
    GIVEN_UP_SUBJECT,
    MEDIA_STREAM,
    NOTIFICATION_STREAM,
    NOTIFICATION_SUBJECT,
    SUBJECTS,
)

_DAY: Final = 86_400
_TAKEN: Final = 10_058  # somebody else made it meanwhile, with another configuration: provisioning sets that right
_STREAMS: Final = (
    # A notification is a hint, and the sweep finds what it does not say: a week is plenty.
    StreamConfig(name=NOTIFICATION_STREAM, subjects=[NOTIFICATION_SUBJECT], max_age=7 * _DAY),
    StreamConfig(name=DEAD_STREAM, subjects=[f"{DEAD_SUBJECT}.>"], max_age=90 * _DAY),
    StreamConfig(name=MEDIA_STREAM, subjects=list(SUBJECTS.values()), max_age=30 * _DAY, duplicate_window=600),
)

log = structlog.get_logger()


def _streams(bus: Bus) -> list[StreamConfig]:
    # What NATS says of messages that were delivered as often as they may be, kept for when a worker is there.
    given_up = [f"{GIVEN_UP_SUBJECT}.{stream}.>" for stream in (NOTIFICATION_STREAM, bus.billing_stream)]
    streams = (StreamConfig(name=GIVEN_UP_STREAM, subjects=given_up, max_age=7 * _DAY), *_STREAMS)
    return [stream.evolve(num_replicas=bus.stream_replicas) for stream in streams]


async def provision_streams(bus: Bus) -> None:
    """Create the streams that are missing, and set those that differ right. Raises BusUnavailable."""
    async with _asking(bus) as manager:
        for stream in _streams(bus):
            try:
                await manager.update_stream(stream)
            except NotFoundError:
                await manager.add_stream(stream)


async def missing_streams(bus: Bus) -> list[str]:
    """Names of the streams that `provision_streams` would create, or give a subject that they lack.

    Raises BusUnavailable.
    """
    async with _asking(bus) as manager:
        present = {info.config.name: set(info.config.subjects or ()) for info in await manager.streams_info()}
    return [
        str(stream.name)
        for stream in _streams(bus)
        if not set(stream.subjects or ()) <= present.get(stream.name, set())
    ]


async def has_billing_stream(bus: Bus) -> bool:
    """Whether billing-service's stream is there, with the subject of InvoiceGenerated. Raises BusUnavailable."""
    async with _asking(bus) as manager:
        try:
            return await manager.find_stream_name_by_subject(bus.billing_subject) == bus.billing_stream
        except NotFoundError:
            return False


async def make_missing(manager: JetStreamContext, bus: Bus) -> list[str]:
    """Create the streams that are missing, and leave all others as they are. Returns those that could not be made."""
    return [str(stream.name) for stream in _streams(bus) if not await _made(manager, stream)]


async def make_billing_stream(bus: Bus) -> None:
    """The stream that billing-service has, where there is no billing-service. Raises BusUnavailable."""
    async with _asking(bus) as manager:
        await _made(manager, StreamConfig(name=bus.billing_stream, subjects=[bus.billing_subject]))


async def stream_created_at(manager: JetStreamContext, stream: str) -> datetime | None:
    """When the stream came into being, by NATS's clock. None if there is none. Raises BusUnavailable."""
    try:
        return (await manager.stream_info(stream)).created
    except NotFoundError:
        return None
    except (NatsError, OSError, TimeoutError) as error:
        raise BusUnavailable from error


async def _made(manager: JetStreamContext, stream: StreamConfig) -> bool:
    try:
        if await stream_created_at(manager, str(stream.name)) is None:
            await manager.add_stream(stream)
            log.warning("stream.made", stream=stream.name)
    except BusUnavailable:
        return False
    except APIError as error:
        return error.err_code == _TAKEN
    except (NatsError, OSError, TimeoutError):  # an account that may not make streams gets no answer at all
        return False
    return True


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
    client = Client()
    try:
        await client.connect(
            bus.servers,
            user_credentials=bus.credentials_file,
            connect_timeout=5,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # of the first connection too; 0 would be for ever
            reconnect_time_wait=0,
            error_cb=log_error,
        )
        yield client
    except (NatsError, APIError, OSError, TimeoutError) as error:
        raise BusUnavailable from error
    finally:
        await client.close()  # also what was cancelled half way


async def log_error(error: Exception) -> None:
    """What a client tells of, beside what it raises: by type alone, as its text may hold an address with a password."""
    log.warning("bus.error", reason=type(error).__name__)
