"""API and worker may be there first: they wait for each part, say so, and work as soon as all are up and prepared."""

import asyncio
import secrets

import asyncpg
import pytest

from app.migrations import migrate
from tests.outages.services import api_running, client_of_api, worker_running
from tests.stack import database_named
from tests.story import land, settled, unique_png

ORDERS = [("postgres", "nats", "minio"), ("minio", "nats", "postgres"), ("nats", "minio", "postgres")]


@pytest.fixture
def environment(environment, own):
    """None of the parts is up when API and worker start."""
    for part in ("postgres", "nats", "minio"):
        own.kill(part)
    yield environment
    for part in ("postgres", "nats", "minio"):
        if not getattr(own.parts, part).is_running():
            own.start(part)


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
async def test_processes_wait_for_parts_that_come_in_any_order(own, served, at_work, storage, user, order):
    for service in (served, at_work):
        await service.logged("database.waiting")
        await service.logged("bus.error")
    async with client_of_api(served) as site:
        refused = await site.get("/api/v1/media", headers=user)
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        for part in order:
            own.start(part)
        await _ready(site)
        assert (await settled(site, user, (await land(site, storage, user, unique_png()))["id"]))["status"] == "ready"
    for service in (served, at_work):
        assert _most_in_a_second(service.lines("database.waiting")) == 1


async def _ready(site):
    for _ in range(500):
        if (await site.get("/health")).status_code == 200:
            return
        await asyncio.sleep(0.02)
    raise AssertionError((await site.get("/health")).text)


def _most_in_a_second(lines):
    seconds = [line["timestamp"][:19] for line in lines]
    return max(seconds.count(second) for second in seconds)


@pytest.fixture
async def unmigrated(own):
    """A database with nothing in it."""
    connection = await asyncpg.connect(own.stack.database_url)
    name = f"empty_{secrets.token_hex(8)}"
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return database_named(own.stack.database_url, name)


async def test_processes_wait_for_the_schema_and_say_what_makes_it(own, unmigrated, storage, user):
    settings = own.environment() | {"DATABASE_URL": unmigrated}
    with api_running(settings) as served, worker_running(settings) as at_work:
        assert (await at_work.logged("database.not_migrated"))["advice"] == "run: media migrate"
        async with client_of_api(served) as site:
            refused = await site.get("/api/v1/media", headers=user)
            assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
            assert (await site.get("/health/ready")).status_code == 503
            await migrate(unmigrated)
            media_id = (await land(site, storage, user, unique_png()))["id"]
            assert (await settled(site, user, media_id))["status"] == "ready"
