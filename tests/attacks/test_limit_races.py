"""Four API processes, four hundred requests at once: what one user may ask for is not a byte more for it."""

import asyncio
import contextlib

import httpx
import pytest

from tests.attacks.conftest import SOCKET_MODE
from tests.attacks.serving import api_process

PROCESSES, REQUESTS = 4, 400
MEGABYTE = 1024 * 1024
UNLIMITED = {"UPLOAD_RATE_PER_MINUTE": "0", "MAX_PENDING_UPLOADS": "0", "USER_QUOTA_MB": "0"}


@pytest.fixture
def mode():
    return SOCKET_MODE


@contextlib.asynccontextmanager
async def processes(environment):
    """Clients of four APIs on one database."""
    with contextlib.ExitStack() as running:
        served = [running.enter_context(api_process(environment)) for _ in range(PROCESSES)]
        async with contextlib.AsyncExitStack() as opened:
            limits = httpx.Limits(max_connections=REQUESTS // PROCESSES)
            clients = [
                await opened.enter_async_context(
                    httpx.AsyncClient(base_url=each.url, trust_env=False, timeout=30, limits=limits)
                )
                for each in served
            ]
            await asyncio.gather(*(client.get("/health/live") for client in clients))
            yield clients


async def rush(clients, users, file_size):
    """All requests at once, dealt out over processes and users. Returns the codes of the answers, user by user."""
    body = {"file_name": "a.png", "mime_type": "image/png", "file_size": file_size}

    async def one(number):
        client, user = clients[number % PROCESSES], number // PROCESSES % len(users)
        answer = await client.post("/api/v1/media/upload", json=body, headers=users[user])
        return user, answer.json().get("code", answer.status_code)

    answers = await asyncio.gather(*(one(number) for number in range(REQUESTS)))
    return [[code for user, code in answers if user == which] for which in range(len(users))]


def admitted(codes, refusal):
    assert set(codes) <= {201, refusal}
    return codes.count(201)


async def held(rows):
    """What the rows say, and what is counted."""
    return await rows.fetchrow("""
        SELECT count(*), sum(file_size)::bigint, (SELECT sum(pending_uploads) FROM media.uploaders) AS pending,
            (SELECT sum(held_bytes) FROM media.uploaders)::bigint AS bytes
        FROM media.media_objects WHERE status = 'pending'
    """)


async def test_more_than_twenty_uploads_in_a_minute(environment, bearer, rows):
    users = [bearer(), bearer()]
    limits = {"UPLOAD_RATE_PER_MINUTE": "20", "MAX_PENDING_UPLOADS": "50"}
    async with processes(environment | UNLIMITED | limits) as clients:
        answers = await rush(clients, users, 100)
    assert [admitted(codes, "upload_rate_exceeded") for codes in answers] == [20, 20]
    assert tuple(await held(rows)) == (40, 4_000, 40, 4_000)


async def test_more_than_fifty_uploads_open(environment, bearer, rows):
    async with processes(environment | UNLIMITED | {"MAX_PENDING_UPLOADS": "50"}) as clients:
        (codes,) = await rush(clients, [bearer()], 100)
    assert admitted(codes, "too_many_pending") == 50
    assert tuple(await held(rows)) == (50, 5_000, 50, 5_000)


async def test_a_byte_over_the_quota(environment, bearer, rows):
    size = 10_007
    async with processes(environment | UNLIMITED | {"USER_QUOTA_MB": "1"}) as clients:
        (codes,) = await rush(clients, [bearer()], size)
    fit = MEGABYTE // size
    assert admitted(codes, "quota_exceeded") == fit
    assert tuple(await held(rows)) == (fit, fit * size, fit, fit * size)
