"""NATS dies, freezes, loses all that it stored, or ends a connection: the bus is at work again by itself."""

import asyncio
import contextlib

import nats
import pytest

from app import event_bus
from app.config import Bus
from app.errors import BusUnavailable
from app.events import NOTIFICATION_STREAM, NOTIFICATION_SUBJECT
from tests.own_nats import own_nats_server

pytestmark = pytest.mark.timeout(90)

RECOVERED_WITHIN = 5


@pytest.fixture
def server(stack):
    with own_nats_server(stack.secrets) as own:
        yield own


@pytest.fixture
async def connected(server):
    async with event_bus.connect(Bus(url=server.url, credentials_file=None)) as opened:
        await opened._link.was_up.wait()
        yield opened


@pytest.fixture
async def keeper(connected):
    """What a worker does when it is told that streams may be gone."""

    async def keep():
        while True:
            await connected.streams_may_be_gone.wait()
            connected.streams_may_be_gone.clear()
            with contextlib.suppress(BusUnavailable):
                await connected.make_missing_streams()

    keeping = asyncio.create_task(keep())
    yield
    keeping.cancel()


@pytest.fixture
async def handled(connected, keeper):
    """The payloads that sixteen lanes have handled, as they are."""
    seen = asyncio.Queue()
    consuming = asyncio.create_task(connected.consume(NOTIFICATION_STREAM, "durable", seen.put, concurrency=16))
    yield seen
    assert not consuming.done()
    consuming.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await consuming


async def all_pulling(bus):
    """Until every lane waits for a message."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(nats.js.errors.NotFoundError):
                if (await bus.jetstream().consumer_info(NOTIFICATION_STREAM, "durable")).num_waiting == 16:
                    return
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def someone(server):
    client = await nats.connect(server.url)
    try:
        yield client
    finally:
        await client.close()


async def until(holds):
    async with asyncio.timeout(RECOVERED_WITHIN):
        while not holds():
            await asyncio.sleep(0.01)


async def notify(server, payload):
    """As storage does, over and over until there is a stream that takes it."""
    async with someone(server) as bus:
        while True:
            with contextlib.suppress(nats.errors.Error):
                return await bus.jetstream().publish(NOTIFICATION_SUBJECT, payload)
            await asyncio.sleep(0.05)


async def handles_again(server, handled):
    """That sixteen messages at once find sixteen lanes, in time."""
    async with asyncio.timeout(RECOVERED_WITHIN):
        for number in range(16):
            await notify(server, b"%d" % number)
        got = set()
        while len(got) < 16:
            got.add(await handled.get())


async def test_a_killed_nats_is_at_work_again_with_every_lane(server, handled, connected):
    async with someone(server) as bus:
        await all_pulling(bus)
    server.kill()
    with pytest.raises(BusUnavailable):
        async with asyncio.timeout(1):
            await connected.publish("media.uploaded", b"", message_id="1", headers={})
    server.start()
    await handles_again(server, handled)
    await connected.publish("media.uploaded", b"", message_id="1", headers={})


async def test_a_wiped_nats_gets_its_streams_and_durables_again(server, handled):
    async with someone(server) as bus:
        await all_pulling(bus)
    server.kill()
    server.wipe()
    server.start()
    await handles_again(server, handled)


async def test_a_stream_that_someone_deleted_is_made_again(server, handled):
    async with someone(server) as bus:
        await all_pulling(bus)
        await bus.jetstream().delete_stream(NOTIFICATION_STREAM)
    await handles_again(server, handled)


async def test_a_frozen_nats_is_at_work_again_when_it_thaws(server, handled, connected):
    async with someone(server) as bus:
        await all_pulling(bus)
    server.freeze()
    with pytest.raises(TimeoutError):  # a probe that does not wait for the answer
        async with asyncio.timeout(0.2):
            await connected.ping()
    publishing = connected.publish("media.uploaded", b"", message_id="1", headers={})  # it waits for five seconds
    refused = await asyncio.gather(connected.ping(), publishing, return_exceptions=True)
    assert [type(refusal) for refusal in refused] == [BusUnavailable, BusUnavailable]
    server.thaw()
    await handles_again(server, handled)
    await connected.ping()
    await connected.publish("media.uploaded", b"", message_id="1", headers={})


async def test_a_probe_that_gave_up_on_a_frozen_nats_does_not_end_the_connection(server, connected):
    server.freeze()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await connected.ping()
    server.thaw()
    async with asyncio.timeout(1):
        await connected.ping()
        await connected.publish("media.uploaded", b"", message_id="1", headers={})


async def test_a_connection_that_was_ended_for_good_is_made_anew(server, handled, connected):
    async with someone(server) as bus:
        await all_pulling(bus)
    await connected._link.client._process_err("'maximum connections exceeded'")
    await until(lambda: connected._link.client.is_closed)
    await handles_again(server, handled)


async def test_what_could_not_be_published_is_not_sent_behind_the_caller_s_back(server, connected):
    async with someone(server) as bus:
        server.kill()
        for number in range(5):
            with pytest.raises(BusUnavailable):
                await connected.publish("media.uploaded", b"", message_id=str(number), headers={})
        server.start()
        await until(lambda: connected._link.is_up and bus.is_connected)
        await connected.ping()
        assert (await bus.jetstream().stream_info("MEDIA")).state.messages == 0
