"""Notifications and sweeps while storage or the database is away: they wait, and are done when it is back."""

import asyncio
import contextlib
from urllib.parse import urlsplit

import pytest

from app.config import worker_settings
from app.errors import StorageUnavailable
from app.events import NOTIFICATION_STREAM
from app.worker import open_worker
from tests.gate import gate_before
from tests.story import land, pass_time, settled, status_of, unique_png

pytestmark = pytest.mark.parametrize("part", ["storage", "database"])

RECOVERED_WITHIN = 5


@pytest.fixture
async def gate(stack, part, database_url):
    address = stack.minio_endpoint if part == "storage" else urlsplit(database_url).netloc.rpartition("@")[2]
    async with gate_before(address) as opened:
        yield opened


@pytest.fixture
async def behind(environment, gate, part, durable):
    """A worker that reaches the part through the gate alone."""
    changed = {"SWEEP_INTERVAL_SECONDS": "1000"}
    if part == "storage":
        changed["MINIO_ENDPOINT"] = gate.address
    else:
        url = urlsplit(environment["DATABASE_URL"])
        changed["DATABASE_URL"] = url._replace(netloc=f"{url.netloc.rpartition('@')[0]}@{gate.address}").geturl()
    async with open_worker(worker_settings({**environment, **changed}), durable=durable) as opened:
        yield opened


@contextlib.asynccontextmanager
async def working(worker):
    work = asyncio.create_task(worker.run())
    try:
        yield
        assert not work.done()
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


@pytest.fixture
def refused(behind):
    """Counts how often the worker found the part away."""
    found, answers = asyncio.Semaphore(0), behind._in_hand._answers

    async def counted(away):
        answer = await answers(away)
        if not answer:
            found.release()
        return answer

    behind._in_hand._answers = counted
    return found


async def times(found, count):
    async with asyncio.timeout(10):
        for _ in range(count):
            await found.acquire()


async def test_notifications_wait_in_hand_and_are_done_when_the_part_is_back(
    api, storage, user, bearer, rows, gate, behind, bus, durable, refused
):
    before = (await bus.jetstream().consumer_info(NOTIFICATION_STREAM, durable)).delivered
    async with working(behind):
        first = await land(api, storage, user, unique_png())
        await settled(api, user, first["id"])
        await gate.shut()
        uploads = [await land(api, storage, user, unique_png()) for _ in range(10)]
        await times(refused, 40)
        assert await rows.fetchval("SELECT count(*) FROM media.media_objects WHERE status = 'pending'") == 10
        await gate.open()
        async with asyncio.timeout(RECOVERED_WITHIN):
            for asked in uploads:
                assert (await settled(api, user, asked["id"]))["status"] == "ready"
        assert set(
            await rows.fetch("SELECT finalized_by, count(*) FROM media.media_objects GROUP BY finalized_by")
        ) == {("notification", 11)}
        after = (await bus.jetstream().consumer_info(NOTIFICATION_STREAM, durable)).delivered
        messages = after.stream_seq - before.stream_seq
        assert after.consumer_seq - before.consumer_seq == messages, "none was handed back meanwhile"


async def test_a_sweep_keeps_what_it_took_until_the_part_is_back(api, storage, user, rows, gate, behind, refused):
    uploads = [await land(api, storage, user, unique_png()) for _ in range(10)]
    for asked in uploads:
        await pass_time(rows, asked["id"], 20)
    gone, finalize = asyncio.Event(), behind._finalize

    async def then_finalize(*arguments):
        if not gone.is_set():
            await gate.shut()
            gone.set()
        return await finalize(*arguments)

    behind._finalize = then_finalize
    sweeping = asyncio.create_task(behind.sweep())
    await gone.wait()
    await times(refused, 4)
    assert not sweeping.done()
    await gate.open()
    async with asyncio.timeout(RECOVERED_WITHIN):
        assert await sweeping is True
    assert [await status_of(rows, asked["id"]) for asked in uploads] == ["ready"] * 10


async def test_what_a_part_refuses_though_it_is_there_holds_up_no_other(part, behind, gate, api, storage, user, rows):
    in_hand, attempts = behind._in_hand, []

    async def attempt():
        attempts.append(1)
        raise StorageUnavailable

    with pytest.raises(StorageUnavailable):
        async with asyncio.timeout(RECOVERED_WITHIN):
            await in_hand.until_done(attempt)
    assert len(attempts) == 2
