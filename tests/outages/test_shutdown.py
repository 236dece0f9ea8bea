"""SIGTERM: what is in flight is finished or handed back, and the process ends within 10 s; a second one ends it now."""

import asyncio
import contextlib
import signal
import time

import pytest

from app.events import NOTIFICATION_DURABLE, NOTIFICATION_STREAM
from tests.outages.services import api_running, client_of_api, worker_running
from tests.story import ask, land, put, settled, unique_png

END_SECONDS = 10
STALLED_BY = [None, ("postgres", "silent"), ("minio", "silent"), ("nats", "silent"), ("postgres", "dead")]


@pytest.fixture(params=STALLED_BY, ids=lambda away: " ".join(away) if away else "all parts there")
def befallen(own, request):
    """A part that is away while the process ends, or none."""
    return getattr(own, request.param[1])(request.param[0]) if request.param else contextlib.nullcontext()


async def ended_in_time(service):
    began = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    code = await service.ended()
    assert time.monotonic() - began < END_SECONDS
    return code


async def test_an_api_under_load_ends_in_time_with_0(served, site, user, befallen):
    asked = await ask(site, user, unique_png())
    waiting = asyncio.create_task(site.get(f"/api/v1/media/{asked['id']}", headers={**user, "Prefer": "wait=30"}))
    for _ in range(5):  # by then it has looked once, and waits
        await site.get("/api/v1/media", headers=user)
    with befallen:
        assert await ended_in_time(served) == 0
    assert (await waiting).status_code in (200, 503)


async def test_a_request_that_was_taken_is_answered_before_the_api_ends(served, site, user):
    asked = await ask(site, user, unique_png())
    waiting = asyncio.create_task(site.get(f"/api/v1/media/{asked['id']}", headers={**user, "Prefer": "wait=30"}))
    for _ in range(5):
        await site.get("/api/v1/media", headers=user)
    assert await ended_in_time(served) == 0
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")


async def test_a_worker_ends_in_time_with_0(site, storage, user, at_work, befallen):
    await settled(site, user, (await land(site, storage, user, unique_png()))["id"])
    landing = [await ask(site, user, data := unique_png()) | {"data": data} for _ in range(10)]
    await asyncio.gather(*(put(storage, asked, asked["data"]) for asked in landing))
    with befallen:
        assert await ended_in_time(at_work) == 0


async def test_what_a_worker_had_in_hand_is_handed_back(own, environment, site, storage, user, bus):
    with worker_running(environment) as first:
        await settled(site, user, (await land(site, storage, user, unique_png()))["id"])
        asked = await ask(site, user, data := unique_png())
        with own.silent("postgres"):
            assert (await put(storage, asked, data)).status_code == 200
            await _in_hand(bus)  # it can't be finished now
            assert await ended_in_time(first) == 0
            assert await _next_delivery(bus) < 2  # and not when the first one's time is up
    with worker_running(environment):
        assert (await settled(site, user, asked["id"]))["status"] == "ready"


async def _in_hand(bus):
    """Until a message is with a worker."""
    async with asyncio.timeout(20):
        while not (await bus.jetstream().consumer_info(NOTIFICATION_STREAM, NOTIFICATION_DURABLE)).num_ack_pending:
            await asyncio.sleep(0.02)


async def _next_delivery(bus):
    """How long it takes until a message comes to whoever asks. It is handed back again."""
    began = time.monotonic()
    pull = await bus.jetstream().pull_subscribe_bind(NOTIFICATION_DURABLE, NOTIFICATION_STREAM)
    [message] = await pull.fetch(1, timeout=20)
    await message.nak()
    return time.monotonic() - began


@pytest.mark.parametrize("process", ["api", "worker"])
async def test_a_second_sigterm_ends_it_now(environment, own, user, process):
    with api_running(environment) as served, worker_running(environment) as at_work:
        async with client_of_api(served) as site:
            assert (await site.get("/health/ready")).status_code == 200  # there is a connection to say goodbye on
        await at_work.logged("worker.started")
        service = served if process == "api" else at_work
        with own.silent("postgres"):
            service.process.send_signal(signal.SIGTERM)
            await service.logged(f"{process}.stopping")
            service.process.send_signal(signal.SIGTERM)
            assert await service.ended() == 1
