"""Gathers the evidence of a run: from the database, from storage's own listing, from presigned GETs, from the audit."""

import asyncio
import sys
from pathlib import Path

from tests.faults.checker import Evidence, Row
from tests.faults.clients import Clients
from tests.faults.diary import Diary
from tests.faults.listening import Heard, read_again
from tests.story import client_of

_ROOT = Path(__file__).parents[2]


async def come_to_rest(ground, *, patience_seconds: float) -> dict[str, int]:
    """Until nothing is pending, to be announced or to be removed. Returns what was still left when patience ran out."""
    deadline = asyncio.get_running_loop().time() + patience_seconds
    async with ground.database() as connection:
        while True:
            left = dict(
                await connection.fetchrow(
                    """SELECT
                        (SELECT count(*) FROM media.media_objects WHERE status = 'pending') AS pending,
                        (SELECT count(*) FROM media.outbox WHERE published_at IS NULL) AS unpublished,
                        (SELECT count(*) FROM media.purges WHERE due_at <= now()) AS due"""
                )
            )
            if not any(left.values()) or asyncio.get_running_loop().time() > deadline:
                return left
            await asyncio.sleep(0.25)


async def gather(ground, diary: Diary, heard: Heard, clients: Clients) -> Evidence:
    """As it is now: let it come to rest first."""
    await read_again(ground, heard)
    rows, counters, unpublished, winners, named = await _database(ground)
    ready = [media_id for media_id, row in rows.items() if row.status == "ready"]
    return Evidence(
        uploads=list(diary.uploads.values()),
        rows=rows,
        stored=await _storage(ground),
        named=named,
        served=await clients.served(ready),
        announced=[(event_id, *told[:2]) for event_id, told in heard.events.items()],
        contradictions=heard.contradictions,
        counters=counters,
        unpublished=unpublished,
        winners=winners,
        audit=await _audit(ground),
        failures=ground.failures() + [f"{name} is not running" for name in ground.dead()],
    )


async def _database(ground):
    async with ground.database() as connection:
        objects = await connection.fetch(
            """SELECT id::text, status, uploaded_by::text, file_size, bucket_name, storage_path, version_id
               FROM media.media_objects"""
        )
        uploaders = await connection.fetch("SELECT id::text, pending_uploads, held_bytes FROM media.uploaders")
        unpublished = await connection.fetchval("SELECT count(*) FROM media.outbox WHERE published_at IS NULL")
        winners = await connection.fetch(
            "SELECT finalized_by, count(*) FROM media.media_objects WHERE finalized_by IS NOT NULL GROUP BY 1"
        )
        named = await connection.fetch("SELECT bucket_name, storage_path FROM media.purges")
    rows = {media_id: Row(*columns) for media_id, *columns in objects}
    counters = {user: (pending, held) for user, pending, held in uploaders}
    return rows, counters, unpublished, dict(winners), {tuple(found) for found in named}


async def _storage(ground) -> set[tuple[str, str, str | None]]:
    async with client_of(ground.addresses, ground.secrets.root) as client:
        buckets = {ground.buckets.media, ground.buckets.incoming, ground.buckets.invoices}
        return {
            (bucket, listed.object_name, None if listed.version_id in (None, "null") else listed.version_id)
            for bucket in buckets
            async for listed in client.list_objects(bucket, recursive=True, include_version=True)
        }


async def _audit(ground) -> list[str]:
    """Findings of `media audit`, a line each."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        "audit",
        cwd=_ROOT,
        env=ground.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    if process.returncode == 0:
        return []
    return [*said.decode().splitlines()[:50], *complained.decode().splitlines()[-5:], f"exit {process.returncode}"]
