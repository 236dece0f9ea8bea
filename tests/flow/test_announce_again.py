"""NATS lost all that it had stored: its streams are made again, and what was announced is announced again."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import nats
import pytest

from app import database, event_bus
from app.config import worker_settings
from app.errors import DatabaseUnavailable
from app.event_bus import EventBus
from app.events import MEDIA_STREAM, NOTIFICATION_STREAM
from app.flow.announce_again import announce_again
from app.restoring import Restoring
from app.worker import open_worker
from tests.own_nats import own_nats_server

pytestmark = [
    pytest.mark.parametrize("mode", ["in place"], indirect=True),  # it knows no storage
    pytest.mark.timeout(90),
]


@pytest.fixture
def server(stack):
    with own_nats_server(stack.secrets) as own:
        yield own


@pytest.fixture
def environment(environment, server):
    return {**environment, "NATS_URL": server.url}


@pytest.fixture
async def bus(server):
    client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=_silent)
    yield client
    await client.close()


async def _silent(_error):
    pass


@pytest.fixture
async def outbox(environment):
    async with database.connect(environment["DATABASE_URL"]) as connected:
        yield connected


@pytest.fixture
async def working(environment):
    """A worker at work on the own NATS."""
    async with open_worker(worker_settings(environment)) as opened:
        work = asyncio.create_task(opened.run())
        yield opened
        assert not work.done()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


async def write_events(rows, count, event_type="MediaUploaded", published_at=None):
    return {
        str(
            await rows.fetchval(
                """INSERT INTO media.outbox (event_id, event_type, media_id, payload, published_at)
                   VALUES ($1, $2, $3, $4, $5) RETURNING event_id""",
                uuid4(),
                event_type,
                uuid4(),
                json.dumps({"number": number}),
                published_at,
            )
        )
        for number in range(count)
    }


async def announced(bus, event_ids):
    """Until the stream has an event of each of these ids; how often it has each."""
    seen, stream = [], bus.jetstream(timeout=0.5)
    async with asyncio.timeout(5):
        while not event_ids <= set(seen):
            seen.clear()
            with contextlib.suppress(nats.errors.Error):
                subscription = await stream.subscribe("media.*", ordered_consumer=True)
                with contextlib.suppress(TimeoutError):
                    while True:
                        seen.append((await subscription.next_msg(timeout=0.2)).headers["Nats-Msg-Id"])
                await subscription.unsubscribe()
    return seen


async def test_what_was_announced_before_nats_lost_its_store_is_announced_again_within_five_seconds(
    rows, server, bus, working
):
    event_ids = await write_events(rows, 300)
    await announced(bus, event_ids)
    server.kill()
    server.wipe()
    server.start()
    assert sorted(await announced(bus, event_ids)) == sorted(event_ids), "each is in the new stream once"
    streams = {info.config.name for info in await bus.jetstream().streams_info()}
    assert {MEDIA_STREAM, NOTIFICATION_STREAM, "MEDIA_DEAD", "MEDIA_GIVEN_UP"} <= streams


async def test_a_stream_that_was_there_all_along_gets_nothing_again(rows, server, bus, working):
    event_ids = await write_events(rows, 10)
    await announced(bus, event_ids)
    await rows.execute("UPDATE media.outbox SET published_at = now() + interval '1 hour'")  # long after the stream
    server.kill()
    server.start()
    await announced(bus, await write_events(rows, 1))
    assert await rows.fetchval("SELECT count(*) FROM media.outbox WHERE published_at > now()") == 10


async def test_every_event_from_before_is_found_and_no_other(rows, outbox):
    made = datetime.now(UTC) - timedelta(hours=1)
    lost = await write_events(rows, 4_500, published_at=made - timedelta(seconds=1))
    await write_events(rows, 10, published_at=made + timedelta(seconds=1))
    waiting = await write_events(rows, 10)
    assert await announce_again(published_before=made, database=outbox) == len(lost)
    found = await rows.fetch("SELECT event_id FROM media.outbox WHERE published_at IS NULL")
    assert {str(row["event_id"]) for row in found} == lost | waiting
    assert await announce_again(published_before=made, database=outbox) == 0


class Aged(EventBus):
    """The real bus; a test says when its stream came into being, and whether it can be made."""

    created_at = None
    unmade = ()

    async def stream_created_at(self, _stream):
        return self.created_at

    async def make_missing_streams(self):
        await super().make_missing_streams()
        return list(self.unmade)


@pytest.fixture
async def aged(environment):
    async with event_bus.connect(worker_settings(environment).bus) as connected:
        await connected._link.was_up.wait()
        yield Aged(connected._link, worker_settings(environment).bus)


async def unpublished(rows):
    return await rows.fetchval("SELECT count(*) FROM media.outbox WHERE published_at IS NULL")


async def test_events_whose_relay_was_slow_to_say_that_they_were_published_are_found_later(rows, outbox, aged):
    now = datetime.now(UTC)
    aged.created_at = now - timedelta(seconds=20)
    restoring = Restoring(database=outbox, event_bus=aged)
    await restoring.restore()
    await write_events(rows, 3, published_at=now - timedelta(seconds=160))
    await restoring.restore()
    assert await unpublished(rows) == 0, "the new stream is looked at once, and once more when it has settled"
    restoring._searched = aged.created_at = now - timedelta(seconds=100)
    await restoring.restore()
    assert await unpublished(rows) == 3
    await rows.execute("UPDATE media.outbox SET published_at = $1", now - timedelta(seconds=160))
    await restoring.restore()
    assert await unpublished(rows) == 0, "and then never again"


async def test_lost_events_wait_for_the_relay_before_there_is_a_stream_for_later_ones(rows, outbox, aged):
    await write_events(rows, 3, published_at=datetime.now(UTC))
    aged.unmade = [MEDIA_STREAM]
    restoring = Restoring(database=outbox, event_bus=aged)
    assert await restoring.restore() is False, "what can't be made is not tried over and over"
    assert await unpublished(rows) == 3
    aged.unmade = []
    assert await restoring.restore() is True, "now that there is a stream, its own time counts"


async def test_streams_are_made_though_the_database_is_away(environment, server, bus):
    await bus.jetstream().delete_stream(NOTIFICATION_STREAM)
    environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    async with open_worker(worker_settings(environment)) as opened:
        await opened._event_bus._link.was_up.wait()
        with pytest.raises(DatabaseUnavailable):
            await opened.restore()
        assert (await bus.jetstream().stream_info(NOTIFICATION_STREAM)).state.messages == 0
