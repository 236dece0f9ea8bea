"""How fast a backlog drains: uploads that landed while no worker was up, and two workers that then come."""

import asyncio

import asyncpg

from tests.faults.clients import Clients
from tests.faults.diary import Upload
from tests.faults.ground import Ground

_CLIENTS = 24
_WORKERS = ("worker-1", "worker-2")
_PATIENCE_SECONDS = 180


async def drained_per_second(ground: Ground, clients: Clients, uploads: int) -> float:
    """Uploads settled per second, from the first to the last."""
    for name in _WORKERS:
        await ground.end(name)
    landed = await _land(clients, uploads)
    for name in _WORKERS:
        await ground.start_part(name)
    async with ground.database() as connection:
        await _until_settled(connection, landed)
        return await connection.fetchval(
            """SELECT count(*) / extract(epoch FROM max(finalized_at) - min(finalized_at))::float
               FROM media.media_objects WHERE id = ANY($1::uuid[]) AND finalized_at IS NOT NULL""",
            landed,
        )


async def _land(clients: Clients, uploads: int) -> list[str]:
    async def client() -> list[Upload | None]:
        return [await clients.upload_plainly() for _ in range(uploads // _CLIENTS)]

    lists = await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    return [upload.media_id for found in lists for upload in found if upload is not None]


async def _until_settled(connection: asyncpg.Connection, ids: list[str]) -> None:
    pending = "SELECT count(*) FROM media.media_objects WHERE id = ANY($1::uuid[]) AND status = 'pending'"
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while await connection.fetchval(pending, ids):
            await asyncio.sleep(0.2)
