"""The checker finds what is planted: each damage is done behind the back of a real service, and told by its kind."""

import io
import json
import random
import uuid

import asyncpg
import nats
import pytest

from tests.faults.checker import check
from tests.faults.clients import open_clients
from tests.faults.diary import Diary
from tests.faults.evidence import come_to_rest, gather
from tests.faults.ground import open_ground
from tests.faults.listening import listening
from tests.faults.ordeal import SETTINGS
from tests.story import client_of

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def run(mode):
    """A service at rest after a few uploads, and what was written down of them."""
    diary = Diary()
    async with (
        open_ground(mode, **SETTINGS) as ground,
        open_clients(ground, diary, random.Random(3)) as clients,
        listening(ground) as heard,
    ):
        for _ in range(12):
            await clients.upload()
        await come_to_rest(ground, patience_seconds=20)
        yield ground, diary, heard, clients


async def test_every_planted_damage_is_found(run):
    ground, *_ = run
    assert await _violations(run) == set(), "nothing is planted yet"
    ready = await _ready(ground)
    planted = set()
    async with client_of(ground.addresses, ground.secrets.root) as storage, ground.database() as database:
        planted.add(("lost", await _lose_the_bytes(storage, ready.pop())))
        planted.add(("lost", await _forget_the_row(database, ready.pop())))
        planted.add(("lost", await _leave_pending(database, ready.pop())))
        planted.add(("corrupted", await _change_the_bytes(storage, database, ready.pop())))
        planted.add(("orphan", await _leave_bytes_behind(storage, ground.buckets.media)))
        planted.add(("miscounted", await _miscount(database)))
        planted.add(("duplicate", await _announce_twice(ground, ready.pop())))
        planted.add(("unannounced", await _delete_untold(database, ready.pop())))
    found = await _violations(run)
    assert planted <= found
    # The audit sees three of them as well, with other eyes.
    assert any(kind == "audit" for kind, _ in found)


async def test_a_process_that_died_by_itself_and_a_logged_bug_are_found(run):
    ground, *_ = run
    await ground.kill("worker-2")
    with ground.folder.log("api").open("a") as log:
        log.write(json.dumps({"level": "error", "event": "request.failed"}) + "\n")
    assert {kind for kind, _ in await _violations(run)} == {"failure"}


async def _violations(run) -> set[tuple[str, str]]:
    return {(found.kind, found.subject) for found in check(await gather(*run))}


async def _ready(ground) -> list[asyncpg.Record]:
    async with ground.database() as database:
        return await database.fetch(
            """SELECT id::text, bucket_name, storage_path, version_id, uploaded_by::text
               FROM media.media_objects WHERE status = 'ready' ORDER BY id"""
        )


async def _lose_the_bytes(storage, row) -> str:
    await storage.remove_object(row["bucket_name"], row["storage_path"], version_id=row["version_id"])
    return row["id"]


async def _forget_the_row(database, row) -> str:
    await database.execute("DELETE FROM media.media_objects WHERE id = $1::uuid", row["id"])
    return row["id"]


async def _leave_pending(database, row) -> str:
    await database.execute("SET session_replication_role = replica")  # without the triggers that forbid it
    await database.execute(
        "UPDATE media.media_objects SET status = 'pending', sweep_at = 'infinity' WHERE id = $1::uuid", row["id"]
    )
    await database.execute("SET session_replication_role = origin")
    return row["id"]


async def _change_the_bytes(storage, database, row) -> str:
    """And the row with them, so that links lead there: whoever can write both can be found by the diary alone."""
    written = await storage.put_object(row["bucket_name"], row["storage_path"], io.BytesIO(b"other"), 5)
    await database.execute(
        "UPDATE media.media_objects SET version_id = $2 WHERE id = $1::uuid", row["id"], written.version_id
    )
    return row["id"]


async def _leave_bytes_behind(storage, bucket) -> str:
    await storage.put_object(bucket, "media/2026/01/01/nobody.png", io.BytesIO(b"orphan"), 6)
    return f"{bucket}/media/2026/01/01/nobody.png"


async def _miscount(database) -> str:
    return await database.fetchval(
        """UPDATE media.uploaders SET held_bytes = held_bytes + 1
           WHERE id = (SELECT id FROM media.uploaders ORDER BY id LIMIT 1) RETURNING id::text"""
    )


async def _announce_twice(ground, row) -> str:
    """With another event id, as de-duplication would not notice."""
    client = await nats.connect(ground.addresses.nats_url)
    said = {"event_type": "MediaUploaded", "media_id": row["id"], "event_id": str(uuid.uuid4())}
    await client.jetstream().publish("media.uploaded", json.dumps(said).encode())
    await client.close()
    return row["id"]


async def _delete_untold(database, row) -> str:
    """A change of state without its event, as a hand in the database would make."""
    await database.execute("UPDATE media.media_objects SET status = 'deleted' WHERE id = $1::uuid", row["id"])
    return row["id"]
