"""A message that kills its worker at each delivery ends in MEDIA_DEAD, and the others are handled."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import msgspec
import nats
import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from app import lanes
from app.config import worker_settings
from app.events import (
    GIVEN_UP_STREAM,
    GIVEN_UP_SUBJECT,
    NOTIFICATION_DURABLE,
    NOTIFICATION_STREAM,
    NOTIFICATION_SUBJECT,
)
from app.worker import open_worker
from tests.own_nats import own_nats_server

pytestmark = [
    pytest.mark.parametrize("mode", ["in place"], indirect=True),  # the bus knows no storage
    pytest.mark.timeout(90),
]


DEADLY = Path(__file__).with_name("deadly.py")
DELIVERIES = 3


@pytest.fixture
def server(stack):
    with own_nats_server(stack.secrets) as own:
        yield own


@pytest.fixture
def environment(environment, server):
    return {**environment, "NATS_URL": server.url}


@pytest.fixture
async def stream(server):
    client = await nats.connect(server.url)
    yield client.jetstream()
    await client.close()


@contextlib.asynccontextmanager
async def working(environment):
    async with open_worker(worker_settings(environment)) as opened:
        work = asyncio.create_task(opened.run())
        yield
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


async def dies(server):
    """One life of a worker that is killed by the first message that it gets."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, DEADLY, server.url, NOTIFICATION_STREAM, NOTIFICATION_DURABLE, str(DELIVERIES)
    )
    assert await process.wait() == -signal.SIGKILL


async def test_a_message_that_kills_its_worker_each_time_is_parked(environment, server, stream, monkeypatch):
    monkeypatch.setattr(lanes, "_MAX_DELIVERIES", DELIVERIES)
    sent = await stream.publish(NOTIFICATION_SUBJECT, b"deadly")
    # A durable as an earlier release made it, but that what is not settled comes again at once.
    old = ConsumerConfig(durable_name=NOTIFICATION_DURABLE, ack_policy=AckPolicy.EXPLICIT, ack_wait=0.1)
    await stream.add_consumer(NOTIFICATION_STREAM, config=old)
    for _ in range(DELIVERIES):
        await dies(server)
    async with working(environment):
        parked = await stream.subscribe("media.dead.>", ordered_consumer=True)
        message = await parked.next_msg(timeout=10)
    assert message.data == b"deadly"
    assert message.headers["Media-Subject"] == NOTIFICATION_SUBJECT
    assert message.headers["Media-Deliveries"] == str(DELIVERIES)
    assert message.headers["Media-Reason"] == "gave up after 3 deliveries, none of which anyone settled"
    assert message.headers["Nats-Msg-Id"] == f"{NOTIFICATION_STREAM}:{sent.seq}"
    kept = (await stream.consumer_info(NOTIFICATION_STREAM, NOTIFICATION_DURABLE)).config
    assert (kept.max_deliver, kept.ack_wait) == (DELIVERIES, 0.1), "set right, and all else left as it was"


async def test_what_was_given_up_and_is_gone_is_no_more_trouble(environment, server, stream):
    unknown = {"stream": NOTIFICATION_STREAM, "stream_seq": 77, "deliveries": 12}
    subject = f"{GIVEN_UP_SUBJECT}.{NOTIFICATION_STREAM}.{NOTIFICATION_DURABLE}"
    async with working(environment):
        await stream.publish(subject, msgspec.json.encode(unknown))
        await stream.publish(subject, b"no advisory")
        parked = await stream.subscribe("media.dead.>", ordered_consumer=True)
        message = await parked.next_msg(timeout=10)
        assert message.data == b"no advisory"
        await until_settled(stream, 2)


async def until_settled(stream, count):
    async with asyncio.timeout(10):
        while True:
            info = await stream.consumer_info(GIVEN_UP_STREAM, f"{NOTIFICATION_DURABLE}-given-up")
            if info.ack_floor.stream_seq == count:
                return
            await asyncio.sleep(0.02)
