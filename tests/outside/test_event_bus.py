"""What becomes of a message: acknowledged, again later, parked; and what the bus says when it is away."""

import asyncio
import secrets
import time

import msgspec
import pytest

from app import event_bus, lanes
from app.config import worker_settings
from app.errors import BusUnavailable, NeverWorks, TryLater
from app.event_streams import missing_streams, provision_streams
from tests.story import unused_port

pytestmark = pytest.mark.parametrize("mode", ["in place"], indirect=True)  # the bus knows no storage


@pytest.fixture
def environment(stack, mode):
    return stack.environment(mode, stack.database_url)  # no database is needed here


@pytest.fixture
def settings(environment):
    return worker_settings(environment).bus


@pytest.fixture
async def connected(settings):
    async with event_bus.connect(settings) as opened:
        await opened._link.was_up.wait()
        yield opened


@pytest.fixture
async def stream(bus):
    """A stream of this test's own."""
    name = f"TEST_{secrets.token_hex(6)}"
    await bus.jetstream().add_stream(name=name, subjects=[f"test.{name}"])
    yield name
    await bus.jetstream().delete_stream(name)


@pytest.fixture
async def parked(bus, stream):
    return await bus.jetstream().subscribe(f"media.dead.{stream}", ordered_consumer=True)


class Handler:
    """Handles a message in the ways that a test lists, one for each delivery, and then is done."""

    def __init__(self, *outcomes):
        self._outcomes = list(outcomes)
        self.handled = []
        self.at = []
        self.done = asyncio.Event()

    async def __call__(self, payload):
        self.handled.append(payload)
        self.at.append(time.monotonic())
        if self._outcomes:
            raise self._outcomes.pop(0)
        self.done.set()


@pytest.fixture
async def consume(connected, stream):
    """Hand the messages of the stream to a handler, from now on."""
    consuming = []

    def begin(handler):
        consuming.append(asyncio.create_task(connected.consume(stream, "durable", handler, concurrency=2)))

    yield begin
    for task in consuming:
        task.cancel()
    await asyncio.gather(*consuming, return_exceptions=True)


async def all_settled(bus, stream):
    """Until no message waits for a delivery or an acknowledgement."""
    async with asyncio.timeout(10):
        while True:
            info = await bus.jetstream().consumer_info(stream, "durable")
            if (info.num_pending, info.num_ack_pending) == (0, 0):
                return info
            await asyncio.sleep(0.01)


async def test_a_handled_message_does_not_come_again(bus, stream, consume):
    handler = Handler()
    consume(handler)
    await bus.jetstream().publish(f"test.{stream}", b"a")
    await handler.done.wait()
    info = await all_settled(bus, stream)
    assert (handler.handled, info.delivered.consumer_seq) == ([b"a"], 1)


async def test_try_later_comes_again_after_its_delay(bus, stream, consume):
    handler = Handler(TryLater("busy", 0.3), TryLater("busy", 0.3))
    consume(handler)
    await bus.jetstream().publish(f"test.{stream}", b"a")
    await handler.done.wait()
    await all_settled(bus, stream)
    assert handler.handled == [b"a"] * 3
    assert all(later - earlier >= 0.24 for earlier, later in zip(handler.at, handler.at[1:], strict=False))


async def test_a_message_that_waits_does_not_hold_up_the_others(bus, stream, consume):
    handler = Handler(TryLater("busy", 600))
    consume(handler)
    for payload in (b"busy", b"free"):
        await bus.jetstream().publish(f"test.{stream}", payload)
    async with asyncio.timeout(10):
        await handler.done.wait()
    assert handler.handled == [b"busy", b"free"]


async def test_a_message_that_is_long_in_hand_does_not_come_again(bus, stream, consume, monkeypatch):
    monkeypatch.setattr(lanes, "_ACK_WAIT_SECONDS", 0.6)
    replies = await bus.subscribe(f"$JS.ACK.{stream}.durable.>")
    released, handled = asyncio.Event(), []

    async def handle(payload):
        handled.append(payload)
        await released.wait()

    consume(handle)
    await bus.jetstream().publish(f"test.{stream}", b"a")
    said = [(await replies.next_msg(timeout=10)).data for _ in range(5)]  # for longer than the wait for the ack
    released.set()
    info = await all_settled(bus, stream)
    assert (said, handled, info.delivered.consumer_seq) == ([b"+WPI"] * 5, [b"a"], 1)


async def test_never_works_is_parked_with_the_reason_and_does_not_come_again(bus, stream, consume, parked):
    handler = Handler(NeverWorks("no such thing\nas this"))
    consume(handler)
    await bus.jetstream().publish(f"test.{stream}", b"bad")
    message = await parked.next_msg(timeout=10)
    assert message.data == b"bad"
    assert message.headers["Media-Reason"] == "no such thing as this"
    assert (message.headers["Media-Subject"], message.headers["Media-Deliveries"]) == (f"test.{stream}", "1")
    await bus.jetstream().publish(f"test.{stream}", b"good")
    await handler.done.wait()
    await all_settled(bus, stream)
    assert handler.handled == [b"bad", b"good"]


async def test_a_bug_is_logged_and_the_message_comes_again(bus, stream, consume, failures):
    handler = Handler(ZeroDivisionError())
    consume(handler)
    await bus.jetstream().publish(f"test.{stream}", b"a")
    await handler.done.wait()
    assert handler.handled == [b"a", b"a"]
    assert len(failures) == 1
    failures.clear()


async def test_what_fails_for_ever_is_parked_in_the_end(bus, stream, consume, parked, monkeypatch):
    monkeypatch.setattr(lanes, "_MAX_DELIVERIES", 3)
    handler = Handler(*[TryLater("busy", 0.01) for _ in range(9)])
    consume(handler)
    await bus.jetstream().publish(f"test.{stream}", b"a")
    message = await parked.next_msg(timeout=10)
    assert message.headers["Media-Reason"] == "gave up after 3 deliveries: busy"
    await all_settled(bus, stream)
    assert len(handler.handled) == 3


async def test_a_second_message_with_the_same_id_is_dropped(bus, connected, stream):
    for payload in (b"a", b"a", b"b"):
        await connected.publish(f"test.{stream}", payload, message_id=payload.decode(), headers={"traceparent": "t"})
    state = (await bus.jetstream().stream_info(stream)).state
    assert state.messages == 2
    kept = await bus.jetstream().get_msg(stream, seq=1)
    assert (kept.data, kept.headers) == (b"a", {"traceparent": "t", "Nats-Msg-Id": "a"})


async def test_a_subject_that_no_stream_takes_is_unavailable(connected):
    with pytest.raises(BusUnavailable):
        await connected.publish("test.nowhere", b"", message_id="1", headers={})


async def test_a_bus_that_is_away_is_unavailable(settings):
    away = msgspec.structs.replace(settings, url=f"nats://127.0.0.1:{unused_port()}")
    async with event_bus.connect(away) as nowhere:
        with pytest.raises(TimeoutError):  # it waits for the first connection as long as its caller lets it
            async with asyncio.timeout(0.1):
                await nowhere.ping()
        with pytest.raises(BusUnavailable):
            await nowhere.publish("media.uploaded", b"", message_id="1", headers={})
    for ask in (provision_streams, missing_streams):
        with pytest.raises(BusUnavailable):
            await ask(away)


async def test_provisioning_again_changes_nothing(settings, bus):
    before = {info.config.name: info.config for info in await bus.jetstream().streams_info()}
    await provision_streams(settings)
    after = {info.config.name: info.config for info in await bus.jetstream().streams_info()}
    assert {name: after[name] for name in ("MEDIA", "MEDIA_DEAD", "MINIO_EVENTS")} == {
        name: before[name] for name in ("MEDIA", "MEDIA_DEAD", "MINIO_EVENTS")
    }
    assert await missing_streams(settings) == []
