"""From the outbox into the stream: each event once, in order for each object, whatever dies or is away."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest

from app import database, event_bus
from app.config import worker_settings
from app.database import queries
from app.errors import BusUnavailable
from app.event_bus import EventBus
from app.flow.relay_outbox import prune_outbox, relay_outbox
from tests.flow.interrupted import Killed
from tests.story import unused_port

pytestmark = pytest.mark.parametrize("mode", ["in place"], indirect=True)  # the relay knows no storage


class Line(EventBus):
    """The real bus; a test counts what goes over it and says what happens after each message."""

    def __init__(self, connected):
        super().__init__(connected._link, 1)
        self.sent = []
        self.dies = False
        self.refused = set()

    async def publish(self, subject, payload, *, message_id, headers):
        if message_id in self.refused:
            raise BusUnavailable
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


async def test_when_one_event_is_refused_the_others_of_its_batch_are_published_and_none_later(rows, outbox, line):
    written = [await write_event(rows, uuid4(), "MediaUploaded") for _ in range(50)]
    line.refused = {written[0]}
    with pytest.raises(BusUnavailable):
        await relay_outbox(database=outbox, event_bus=line)
    sent = list(line.sent)
    assert sorted(sent) == sorted(written[1:]), "when the relay gives up, all of its events have come to an end"
    assert await unpublished(rows) == 1
    line.refused = set()
    assert await relay_outbox(database=outbox, event_bus=line) == 1
    assert line.sent == [*sent, written[0]]


async def test_several_relays_share_a_load_and_keep_the_order_of_each_object(rows, settings, line):
    order = ("MediaUploaded", "MediaDeleted", "MediaExpired")  # as good as any
    objects = [uuid4() for _ in range(100)]
    written = {media_id: [await write_event(rows, media_id, kind) for kind in order] for media_id in objects}
    shares = []

    async def relay():
        async with database.connect(settings.database_url) as connected:
            shares.append(0)
            mine = len(shares) - 1
            while await unpublished_in(connected):
                shares[mine] += await relay_outbox(database=connected, event_bus=line)

    async def unpublished_in(connected):
        return (await connected.one("SELECT count(*) FROM media.outbox WHERE published_at IS NULL"))["count"]

    await asyncio.gather(*(relay() for _ in range(4)))
    assert sum(shares) == 300
    for event_ids in written.values():
        assert [event_id for event_id in line.sent if event_id in event_ids] == event_ids


async def test_published_events_are_kept_for_the_retention_and_then_forgotten(rows, outbox):
    hours = {"old": 25, "young": 23}
    ids = {name: await write_event(rows, uuid4(), "MediaUploaded") for name in (*hours, "waiting")}
    for name, age in hours.items():
        await rows.execute(
            "UPDATE media.outbox SET published_at = now() - $2 * interval '1 hour' WHERE event_id = $1", ids[name], age
        )
    assert await prune_outbox(retention_hours=24, database=outbox) == 1
    assert await prune_outbox(retention_hours=24, database=outbox) == 0
    left = {str(row["event_id"]) for row in await rows.fetch("SELECT event_id FROM media.outbox")}
    assert left == {ids["young"], ids["waiting"]}


async def test_pruning_takes_small_batches_and_reads_no_more_than_one(rows, outbox):
    await rows.execute(
        """INSERT INTO media.outbox (event_id, event_type, media_id, payload, published_at)
           SELECT uuidv7(), 'MediaUploaded', uuidv7(), '{}', now() - interval '2 days' FROM generate_series(1, 2500)"""
    )
    await rows.execute(
        """INSERT INTO media.outbox (event_id, event_type, media_id, payload, published_at)
           SELECT uuidv7(), 'MediaUploaded', uuidv7(), '{}', now() FROM generate_series(1, 20000)"""
    )
    pruned = []
    while count := await prune_outbox(retention_hours=24, database=outbox):
        pruned.append(count)
    assert pruned == [1000, 1000, 500]
    await rows.execute("ANALYZE media.outbox")
    plan = json.loads(
        await rows.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {queries('relay_outbox')['prune_published']}", 24)
    )
    assert most_rows(plan[0]["Plan"]) <= 1000


def most_rows(plan):
    return max(
        [plan["Actual Rows"] * plan["Actual Loops"] / max(plan["Actual Loops"], 1)]
        + [most_rows(inner) for inner in plan.get("Plans", [])]
    )


async def test_an_event_that_is_to_be_announced_again_is_not_pruned_meanwhile(rows, outbox, settings):
    event_id = await write_event(rows, uuid4(), "MediaUploaded")
    await rows.execute("UPDATE media.outbox SET published_at = now() - interval '2 days'")
    async with rows.transaction():
        await rows.execute("UPDATE media.outbox SET published_at = NULL")
        pruning = asyncio.create_task(prune_outbox(retention_hours=24, database=outbox))
        async with database.connect(settings.database_url) as beside:
            while not await beside.one("SELECT 1 AS waits FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
    assert await pruning == 0
    assert await rows.fetchval("SELECT event_id::text FROM media.outbox") == event_id
