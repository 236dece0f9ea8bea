"""The streams of NATS JetStream that the service needs: created, set right, found missing; and a subject overheard."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import APIError, NotFoundError

from app.config import Bus
from app.errors import BusUnavailable
from app.event_bus import log_error
from app.events import DEAD_STREAM, DEAD_SUBJECT, MEDIA_STREAM, NOTIFICATION_STREAM, NOTIFICATION_SUBJECT, SUBJECTS

_DAY: Final = 86_400
_STREAMS: Final = (
    # A notification is a hint, and the sweep finds what it does not say: a week is plenty.
    StreamConfig(name=NOTIFICATION_STREAM, subjects=[NOTIFICATION_SUBJECT], max_age=7 * _DAY),
    StreamConfig(name=MEDIA_STREAM, subjects=list(SUBJECTS.values()), max_age=30 * _DAY, duplicate_window=600),
    StreamConfig(name=DEAD_STREAM, subjects=[f"{DEAD_SUBJECT}.>"], max_age=90 * _DAY),
)


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
    client = Client()
    try:
        await client.connect(
            bus.url,
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
