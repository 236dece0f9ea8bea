"""Verify: bytes that were changed behind everyone's back are found by their hash; of the looking, nothing is left."""

from pathlib import Path

import pytest
from miniopy_async.error import MinioException

from app import database, object_store
from app.config import audit_settings
from app.flow.verify_checksum import verify_checksum
from app.object_store import ObjectStore
from tests.deployment import deploy
from tests.flow.auditing import address_of, audit, everything_in, nothing_changes, replace, row_of
from tests.flow.interrupted import Killed, die
from tests.story import download, make_ready, pass_time, sha256_of, status_of, unique_png


@pytest.fixture
async def environment(stack, mode, database_url):
    return await deploy(stack, mode, database_url)


async def test_untouched_bytes_are_sound_and_looking_leaves_nothing(
    api, storage, user, rows, administrator, environment
):
    data = unique_png()
    await make_ready(api, storage, user, data)
    await make_ready(api, storage, user, data, checksum_sha256=sha256_of(data))
    ledger = await rows.fetchval("SELECT count(*) FROM media.purges")
    async with nothing_changes(administrator, environment):
        found = await audit(environment, verify_percent=100)
    assert (found, found.tally.verified) == ([], 2)
    assert await rows.fetchval("SELECT count(*) FROM media.purges") == ledger


@pytest.mark.parametrize("declared", [True, False], ids=["with a declared checksum", "without"])
async def test_changed_bytes_of_the_same_size_and_etag_are_tampered_and_announced_once(
    api, storage, user, rows, idle_worker, events, administrator, environment, declared
):
    data = unique_png()
    asked = await make_ready(api, storage, user, data, **({"checksum_sha256": sha256_of(data)} if declared else {}))
    await replace(administrator, await row_of(rows, asked), data[::-1])
    assert (await download(api, storage, user, asked["id"])).content == data[::-1]
    assert await audit(environment) == [], "only its hash can tell"
    for _ in range(2):
        found = await audit(environment, verify_percent=100, repair=True)
        assert (found.kinds, found.tally.unrepaired) == (["tampered"], 1)
        assert (str(found.of("tampered")[0].media_id), found.of("tampered")[0].reason) == (asked["id"], "checksum")
    assert await status_of(rows, asked["id"]) == "ready", "evidence stays"
    assert (await download(api, storage, user, asked["id"])).content == data[::-1]
    while await idle_worker.relay():
        pass
    assert [(await events.next(asked["id"])).subject for _ in range(2)] == ["media.uploaded", "media.tampered"]
    await rows.execute("DELETE FROM media.outbox")  # as its retention will
    await audit(environment, verify_percent=100)
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 0
    entries = await rows.fetch("SELECT actor_kind, outcome FROM media.audit WHERE action = 'media.tampered'")
    assert [tuple(entry) for entry in entries] == [("system", "checksum")]


async def test_a_share_of_the_objects_is_verified(api, storage, user, environment):
    await make_ready(api, storage, user, unique_png())
    verified = [(await audit(environment, verify_percent=50)).tally.verified for _ in range(30)]
    assert set(verified) == {0, 1}


@pytest.mark.parametrize("broken", ["data", "xl.meta"])
async def test_what_storage_can_not_read_is_tampered_but_not_announced(
    stack, api, storage, user, rows, administrator, environment, broken
):
    data = unique_png()
    row = await row_of(rows, await make_ready(api, storage, user, data))
    break_file(
        stack, row, (lambda _: b"rubbish") if broken == "xl.meta" else lambda kept: kept.replace(data[-20:], bytes(20))
    )
    address = address_of(row)
    with pytest.raises(MinioException):
        await administrator.get_object(address.bucket, address.key, version_id=row["version_id"])
    found = await audit(environment, verify_percent=100, repair=True)
    assert (found.kinds, found.of("tampered")[0].reason) == (["tampered"], "unreadable")
    assert await rows.fetchval("SELECT status FROM media.media_objects") == "ready"
    assert await rows.fetchval("SELECT count(*) FROM media.outbox WHERE event_type = 'MediaTampered'") == 0


def break_file(stack, row, change):
    """Where storage itself keeps an object as small as this."""
    kept = Path(stack.data_dir) / "minio/data" / row["bucket_name"] / row["storage_path"] / "xl.meta"
    kept.write_bytes(change(kept.read_bytes()))


class DyingStore(ObjectStore):
    async def copy_version(self, source, version_id, target, content_type):
        await super().copy_version(source, version_id, target, content_type)
        await die()


async def test_killed_after_the_copy_it_is_the_worker_that_removes_it(
    api, storage, user, rows, idle_worker, administrator, environment
):
    asked = await make_ready(api, storage, user, unique_png())
    await idle_worker.purge()
    before = await everything_in(administrator, environment)
    settings = audit_settings(environment)
    async with (
        database.connect(settings.database_url) as connected,
        object_store.connect(settings.storage, settings.storage.worker) as store,
    ):
        parts = {"bucket_media": settings.storage.bucket_media, "database": connected}
        with pytest.raises(Killed):
            await verify_checksum(asked["id"], **parts, object_store=DyingStore(store._client))
    assert len(await everything_in(administrator, environment)) == len(before) + 1
    assert await audit(environment) == [], "the ledger knows it"
    await pass_time(rows, asked["id"], 3601)
    await idle_worker.purge()
    assert await everything_in(administrator, environment) == before
