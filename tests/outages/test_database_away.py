"""PostgreSQL is away while an API and a worker run: callers are told at once, and all goes on when it is back."""

import asyncio
import statistics
import time

import asyncpg
import pytest

from tests.outages.services import calling
from tests.story import ask, land, put, settled, unique_png

OUTAGES = ["silent", "dead"]
API_SECONDS, WORKER_SECONDS = 2, 5  # after the return


@pytest.fixture(params=OUTAGES)
def outage(own, request):
    return lambda: getattr(own, request.param)("postgres")


async def test_callers_get_a_503_at_once_and_soon_after_the_return_what_they_ask_for(site, user, served, outage):
    async with calling(lambda: site.get("/api/v1/media", headers=user)) as calls:
        await calls.more(20, status=200)
        with outage():
            await served.logged("database.waiting")
            during = await calls.more(200)
        back_at = time.monotonic()
        await calls.more(1, status=200)
        assert time.monotonic() - back_at < API_SECONDS
        await calls.more(50)
    assert {(status, body["code"]) for _, _, status, body in during} == {(503, "database_unavailable")}
    assert statistics.median(seconds for _, seconds, _, _ in during) < 0.1
    assert calls.statuses() == {200, 503}
    assert calls.longest(503) < 4  # also of those who found it out


async def test_a_change_of_unknown_outcome_is_said_so_and_can_safely_be_asked_again(site, user, own):
    data = unique_png()
    body = {"file_name": "photo.png", "mime_type": "image/png", "file_size": len(data)}
    headers = {**user, "Idempotency-Key": "once"}
    await site.get("/api/v1/media", headers=user)  # there is a connection to ask on
    with own.silent("postgres"):
        answer = await site.post("/api/v1/media/upload", json=body, headers=headers)
        refused = await site.post("/api/v1/media/upload", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert "may have been done" in answer.json()["detail"]
    assert "may have been done" not in refused.json()["detail"]  # nobody was asked
    async with calling(lambda: site.post("/api/v1/media/upload", json=body, headers=headers), at_once=1) as calls:
        await calls.more(2, status=201)
    listed = (await site.get("/api/v1/media", headers=user)).json()["items"]
    assert [media["id"] for media in listed] == [calls.answers[-1][3]["id"]]


async def test_probes_say_it_at_once_and_the_process_stays_alive(site, outage):
    async with calling(lambda: site.get("/health/ready"), at_once=1) as calls:
        await calls.more(1, status=200)
        with outage():
            await calls.more(5, status=503)
            health = await site.get("/health")
            assert (await site.get("/health/live")).status_code == 200
        await calls.more(1, status=200)
    down = {name for name, part in health.json()["parts"].items() if part["status"] != "ok"}
    assert (health.status_code, down) == (503, {"database"})


async def test_a_wait_goes_on_over_an_outage_and_ends_with_what_was_waited_for(site, storage, user, own, at_work):
    asked = await ask(site, user, data := unique_png())
    waiting = asyncio.create_task(
        site.get(f"/api/v1/media/{asked['id']}", headers={**user, "Prefer": "wait=20"}),
    )
    for _ in range(5):  # by then it has looked once, and waits
        await site.get("/api/v1/media", headers=user)
    with own.dead("postgres"):
        await at_work.logged("database.waiting")
        assert (await put(storage, asked, data)).status_code == 200
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


async def test_a_wait_goes_on_over_a_look_that_finds_no_answer(site, storage, user, environment, at_work):
    asked = await ask(site, user, data := unique_png())
    waiting = asyncio.create_task(site.get(f"/api/v1/media/{asked['id']}", headers={**user, "Prefer": "wait=20"}))
    for _ in range(5):
        await site.get("/api/v1/media", headers=user)
    holder = await asyncpg.connect(environment["DATABASE_URL"])
    await holder.execute("BEGIN; LOCK TABLE media.media_objects")
    async with calling(lambda: site.get("/api/v1/media", headers=user), at_once=1) as calls:
        other = await asyncpg.connect(environment["DATABASE_URL"])
        await other.execute("SELECT pg_notify('media_outbox', $1)", asked["id"])  # have it look now
        await other.close()
        await calls.more(2, status=503)  # the waiter's look was given up with the first of them
    await holder.close()
    assert (await put(storage, asked, data)).status_code == 200
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


async def test_a_wait_that_ends_in_an_outage_is_a_503(site, user, own):
    asked = await ask(site, user, unique_png())
    began = time.monotonic()
    waiting = asyncio.create_task(site.get(f"/api/v1/media/{asked['id']}", headers={**user, "Prefer": "wait=2"}))
    for _ in range(5):
        await site.get("/api/v1/media", headers=user)
    with own.silent("postgres"):
        answer = await waiting
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert time.monotonic() - began < 5


async def test_a_worker_pauses_and_soon_goes_on(site, storage, user, own, at_work, outage):
    await settled(site, user, (await land(site, storage, user, unique_png()))["id"])
    asked = await ask(site, user, data := unique_png())
    with outage():
        assert (await put(storage, asked, data)).status_code == 200
        await at_work.logged("database.waiting")
    back_at = time.monotonic()
    async with calling(lambda: site.get(f"/api/v1/media/{asked['id']}", headers=user), at_once=1) as calls:
        while (await calls.more(1, status=200))[-1][3]["status"] == "pending":
            assert time.monotonic() - back_at < WORKER_SECONDS


async def test_who_waits_for_a_database_that_is_held_up_is_told_in_seconds(site, user, environment):
    holder = await asyncpg.connect(environment["DATABASE_URL"])
    await holder.execute("BEGIN; LOCK TABLE media.media_objects")
    async with calling(lambda: site.get("/api/v1/media", headers=user), at_once=30) as calls:
        await calls.more(60)
        assert calls.statuses() == {503}
        assert calls.longest(503) < 6
        assert (await site.get("/health/live")).status_code == 200
        await holder.close()
        await calls.more(60, status=200)
    assert calls.statuses() == {200, 503}
