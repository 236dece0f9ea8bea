"""From the outbox into the stream: each event once, in order for each object, whatever dies or is away."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest

from app import database, event_bus
from app.config import worker_settings
from app.errors import BusUnavailable
from app.event_bus import EventBus
from app.flow.relay_outbox import relay_outbox
from tests.flow.interrupted import Killed
from tests.story import unused_port

pytestmark = pytest.mark.parametrize("mode", ["in place"], indirect=True)  # the relay knows no storage


class Line(EventBus):
    """The real bus; a test counts what goes over it and says what happens after each message."""

    def __init__(self, connected):
        super().__init__(connected._link)
        self.sent = []
        self.dies = False

    async def publish(self, subject, payload, *, message_id, headers):
        await super().publish(subject, payload, message_id=message_id, headers=headers)
        self.sent.append(message_id)
        if self.dies:
            raise Killed


@pytest.fixture
async def settings(environment):
    return worker_settings(environment)


@pytest.fixture
async def line(settings, bus):
    async with event_bus.connect(settings.bus) as connected:
        await connected._link.was_up.wait()
        yield Line(connected)


@pytest.fixture
async def outbox(settings):
    async with database.connect(settings.database_url) as connected:
        yield connected


async def write_event(rows, media_id, event_type):
    event_id = uuid4()
    await rows.execute(
        "INSERT INTO media.outbox (event_id, event_type, media_id, payload) VALUES ($1, $2, $3, $4)",
        event_id,
        event_type,
        media_id,
        json.dumps({"media_id": str(media_id), "event_type": event_type}),
    )
    return str(event_id)


async def unpublished(rows):
    return await rows.fetchval("SELECT count(*) FROM media.outbox WHERE published_at IS NULL")


async def test_the_events_of_an_object_leave_in_order(rows, outbox, line, events):
    media_id, other = uuid4(), uuid4()
    for event_type in ("MediaUploaded", "MediaDeleted"):
        await write_event(rows, media_id, event_type)
    await write_event(rows, other, "MediaRejected")
    assert await relay_outbox(database=outbox, event_bus=line) == 2, "the second waits for the first"
    assert await relay_outbox(database=outbox, event_bus=line) == 1
    assert [(await events.next(str(media_id))).subject for _ in range(2)] == ["media.uploaded", "media.deleted"]
    assert (await events.next(str(other))).subject == "media.rejected"
    assert await relay_outbox(database=outbox, event_bus=line) == 0


async def test_a_later_event_waits_while_another_relay_holds_the_earlier_one(rows, outbox, line, settings):
    media_id = uuid4()
    first = await write_event(rows, media_id, "MediaUploaded")
    second = await write_event(rows, media_id, "MediaDeleted")
    async with rows.transaction():
        await rows.execute("SELECT FROM media.outbox WHERE event_id = $1 FOR UPDATE", UUID(first))
        assert await relay_outbox(database=outbox, event_bus=line) == 0
    while await relay_outbox(database=outbox, event_bus=line):
        pass
    assert line.sent == [first, second]


async def test_two_relays_at_once_publish_each_event_once(rows, outbox, line):
    written = [await write_event(rows, uuid4(), "MediaUploaded") for _ in range(300)]

    async def relay():
        while await relay_outbox(database=outbox, event_bus=line):
            pass

    await asyncio.gather(relay(), relay(), relay())
    assert sorted(line.sent) == sorted(written)
    assert await unpublished(rows) == 0


async def test_a_relay_that_dies_before_it_marks_publishes_nothing_twice(rows, outbox, line, events):
    media_id = uuid4()
    event_id = await write_event(rows, media_id, "MediaUploaded")
    line.dies = True
    with pytest.raises(Killed):
        await relay_outbox(database=outbox, event_bus=line)
    assert await unpublished(rows) == 1
    line.dies = False
    assert await relay_outbox(database=outbox, event_bus=line) == 1
    assert line.sent == [event_id, event_id]
    await events.next(str(media_id))
    await events.none_more(str(media_id))


async def test_the_relay_goes_on_after_the_bus_was_away(rows, outbox, line, events, settings):
    media_id = uuid4()
    await write_event(rows, media_id, "MediaUploaded")
    away = type(settings.bus)(url=f"nats://127.0.0.1:{unused_port()}", credentials_file=None)
    async with event_bus.connect(away) as nowhere:
        with pytest.raises(BusUnavailable):
            await relay_outbox(database=outbox, event_bus=nowhere)
    assert await unpublished(rows) == 1
    assert await relay_outbox(database=outbox, event_bus=line) == 1
    assert (await events.next(str(media_id))).subject == "media.uploaded"
