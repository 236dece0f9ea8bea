"""What can happen to the service: each mishap does its damage and ends with everything running again.

A mishap is a coroutine over the ground. It returns when the part is back: from then on recovery is counted.
"""

import asyncio
import contextlib
import random
import signal
from collections.abc import Awaitable, Callable

import asyncpg

from tests.faults.doomed_worker import POINTS
from tests.faults.ground import Ground

_STOPPED_SECONDS = 5.0
_DURABLE_OFF_SECONDS = 8.0
_DOOM_SECONDS = 8.0

Mishap = Callable[[Ground, random.Random], Awaitable[None]]


def mishaps(mode: str) -> dict[str, Mishap]:
    """Everything that may happen in this mode, by its name in the table."""
    return {
        "kill -9 of a worker": _killed("worker-1", "worker-2"),
        **{f"kill -9 of a worker {point}": _doomed(point) for point in POINTS[mode]},
        "kill -9 of an API process": _killed("api-1", "api-2"),
        "kill -9 of NATS": _killed("nats"),
        "kill -9 of MinIO": _killed("minio"),
        "kill -9 of PostgreSQL": _killed("postgres"),
        "kill -9 of a PostgreSQL backend": _crash_a_backend,
        "a worker stands still": _stopped("worker-1", "worker-2"),
        "an API process stands still": _stopped("api-1", "api-2"),
        "NATS stands still": _stopped("nats"),
        "MinIO stands still": _stopped("minio"),
        "PostgreSQL stands still": _stopped("postgres"),
        "MinIO answers slowly": _slow_minio,
        "NATS loses its store": _wipe_nats,
        "DURABLE is switched off": _durable_off,
    }


def _killed(*names: str) -> Mishap:
    async def happen(ground: Ground, rng: random.Random) -> None:
        name = rng.choice(names)
        await ground.kill(name)
        await asyncio.sleep(rng.uniform(0.0, 1.5))  # it stays away for a while
        await ground.start_part(name)

    return happen


def _doomed(point: str) -> Mishap:
    async def happen(ground: Ground, _rng: random.Random) -> None:
        """To the next worker that passes this point. Raises TimeoutError if none does."""
        ground.doom.write_text(point)
        try:
            async with asyncio.timeout(_DOOM_SECONDS):
                while not ground.dead():
                    await asyncio.sleep(0.01)
        finally:
            ground.doom.unlink(missing_ok=True)
        for name in ground.dead():
            await ground.start_part(name)

    return happen


def _stopped(*names: str) -> Mishap:
    async def happen(ground: Ground, rng: random.Random) -> None:
        name = rng.choice(names)
        ground.signal(name, signal.SIGSTOP)
        await asyncio.sleep(_STOPPED_SECONDS)
        ground.signal(name, signal.SIGCONT)

    return happen


async def _crash_a_backend(ground: Ground, rng: random.Random) -> None:
    """PostgreSQL ends all connections and recovers by itself."""
    rng.choice(ground.backends()).kill()
    connection = None
    while connection is None:
        with contextlib.suppress(asyncpg.PostgresError, OSError):
            connection = await asyncpg.connect(ground.addresses.database_url)
    await connection.close()


async def _slow_minio(ground: Ground, _rng: random.Random) -> None:
    """It runs one twentieth of the time."""
    for _ in range(25):
        ground.signal("minio", signal.SIGSTOP)
        await asyncio.sleep(0.19)
        ground.signal("minio", signal.SIGCONT)
        await asyncio.sleep(0.01)


async def _wipe_nats(ground: Ground, rng: random.Random) -> None:
    await ground.kill("nats")
    ground.wipe_nats()
    await asyncio.sleep(rng.uniform(0.0, 1.0))
    await ground.start_part("nats")


async def _durable_off(ground: Ground, _rng: random.Random) -> None:
    ground.durable.lost = 1.0
    await asyncio.sleep(_DURABLE_OFF_SECONDS)
    ground.durable.lost = 0.0
