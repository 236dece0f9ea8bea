"""What is announced, heard as by a service that may not miss a word: live, and again from the stream in the end."""

import asyncio
import contextlib
import json

import nats
from nats.errors import TimeoutError as NothingCame

from app.events import MEDIA_STREAM


class Heard:
    """Every announcement by its event id: (event type, media id, body), in the order in which they were first heard."""

    def __init__(self) -> None:
        self.events: dict[str, tuple[str, str, bytes]] = {}
        self.messages = 0
        self.contradictions: list[str] = []

    async def take(self, message) -> None:
        event = json.loads(message.data)
        told = (event["event_type"], event["media_id"], message.data)
        self.messages += 1
        if self.events.setdefault(event["event_id"], told) != told:
            self.contradictions.append(event["media_id"])


@contextlib.asynccontextmanager
async def listening(ground):
    """Hears from now on."""
    heard = Heard()
    client = await nats.connect(
        ground.addresses.nats_url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=_nothing
    )
    try:
        await client.subscribe("media.*", cb=heard.take)
        yield heard
    finally:
        await client.close()


async def read_again(ground, heard: Heard) -> None:
    """Everything that the stream holds, for what was said while nobody heard."""
    client = await nats.connect(ground.addresses.nats_url, error_cb=_nothing)
    try:
        stream = client.jetstream()
        held = (await stream.stream_info(MEDIA_STREAM)).state.messages
        subscription = await stream.subscribe("media.*", stream=MEDIA_STREAM, ordered_consumer=True)
        with contextlib.suppress(NothingCame):
            for _ in range(held):
                await heard.take(await subscription.next_msg(timeout=10))
    finally:
        await client.close()


async def _nothing(_error: Exception) -> None:
    """It finds its way back by itself."""


async def settled_silence(heard: Heard, seconds: float) -> None:
    """Until nothing more was heard for so long."""
    before = -1
    while before != heard.messages:
        before = heard.messages
        await asyncio.sleep(seconds)
