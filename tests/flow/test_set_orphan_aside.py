"""Set aside: what nobody claims is kept under orphans/ before it goes, whatever interrupts that. Nothing else goes."""

import asyncio
import secrets
from datetime import UTC, datetime

import pytest

from app import database, object_store
from app.config import audit_settings
from app.flow.set_orphan_aside import set_orphan_aside
from app.media import ObjectAddress
from app.object_store import ObjectStore
from tests.deployment import deploy
from tests.flow.auditing import address_of, audit, everything_in, put_bytes, read, row_of
from tests.flow.interrupted import Killed, die
from tests.story import download, make_ready, unique_png, write


@pytest.fixture
async def environment(stack, mode, database_url):
    return await deploy(stack, mode, database_url)


@pytest.fixture
async def parts(environment):
    settings = audit_settings(environment)
    async with (
        database.connect(settings.database_url) as connected,
        object_store.connect(settings.storage, settings.storage.worker) as store,
    ):
        yield {"bucket_media": settings.storage.bucket_media, "database": connected, "object_store": store}


@pytest.fixture
async def orphan(administrator, environment):
    """One that is found, and where it goes."""
    bucket, key = environment["MINIO_BUCKET_INCOMING"], f"uploads/2026/11/23/{secrets.token_hex(4)} +%41é.png"
    await put_bytes(administrator, bucket, key)
    (found,) = await audit(environment)
    return found.discrepancy


def aside(environment, orphan, name=None):
    key = f"orphans/{datetime.now(UTC):%Y-%m-%d}/{name or orphan.bucket}/{orphan.key}"
    return ObjectAddress(environment["MINIO_BUCKET_MEDIA"], key)


async def test_an_orphan_is_kept_under_its_own_name_and_gone_from_where_it_was(
    administrator, environment, parts, orphan
):
    assert await set_orphan_aside(orphan, **parts)
    kept = aside(environment, orphan)
    assert await everything_in(administrator, environment) == [(kept.bucket, kept.key, False)]
    assert await read(administrator, kept) == b"nobody's"
    assert (await administrator.stat_object(kept.bucket, kept.key)).content_type == "image/png"
    assert await audit(environment, repair=True) == []


class DyingStore(ObjectStore):
    """Storage that is still there when we are not: killed before the removal, or right after it."""

    def __init__(self, store, *, before):
        super().__init__(store._client)
        self._before = before

    async def remove_version(self, address, version_id):
        if not self._before:
            await super().remove_version(address, version_id)
        await die()


@pytest.mark.parametrize("before", [True, False], ids=["before the removal", "after the removal"])
async def test_killed_half_way_it_is_done_again_and_there_is_one_copy(
    administrator, environment, parts, orphan, before
):
    dying = DyingStore(parts["object_store"], before=before)
    with pytest.raises(Killed):
        await set_orphan_aside(orphan, **parts | {"object_store": dying})
    assert await set_orphan_aside(orphan, **parts)
    assert len(await everything_in(administrator, environment)) == 1
    assert await read(administrator, aside(environment, orphan)) == b"nobody's"


async def test_two_at_once_keep_one_copy_and_lose_nothing(administrator, environment, parts, orphan):
    assert await asyncio.gather(*(set_orphan_aside(orphan, **parts) for _ in range(2))) == [True, True]
    assert await read(administrator, aside(environment, orphan)) == b"nobody's"
    assert {key for _, key, _ in await everything_in(administrator, environment)} == {aside(environment, orphan).key}


async def test_another_orphan_of_the_same_key_does_not_replace_the_first(administrator, environment, parts, orphan):
    await set_orphan_aside(orphan, **parts)
    await put_bytes(administrator, orphan.bucket, orphan.key, b"something else")
    (found,) = await audit(environment, repair=True)
    assert found.repaired
    assert await read(administrator, aside(environment, orphan)) == b"nobody's"
    second = aside(environment, orphan, f"{orphan.bucket}@{found.discrepancy.version_id}")
    assert await read(administrator, second) == b"something else"


async def test_what_a_row_claims_by_now_stays(administrator, environment, parts, orphan, api, user, storage, rows):
    asked = await make_ready(api, storage, user, unique_png())
    await rows.execute(
        "UPDATE media.media_objects SET bucket_name = $2, storage_path = $3, version_id = $4 WHERE id = $1",
        asked["id"],
        orphan.bucket,
        orphan.key,
        orphan.version_id,
    )
    await set_orphan_aside(orphan, **parts)
    assert await read(administrator, orphan.address) == b"nobody's"


@pytest.mark.parametrize("mode", ["in place"], indirect=True)
async def test_versions_beside_the_one_that_is_served_go_and_that_one_stays(
    administrator, environment, api, user, storage, rows
):
    data = unique_png()
    asked = await make_ready(api, storage, user, data)
    served = address_of(await row_of(rows, asked))
    for later in (b"one", b"two"):
        await write(administrator, served, later)
    await administrator.remove_object(served.bucket, served.key)
    found = await audit(environment, repair=True)
    assert found.kinds == ["orphan"] * 3
    assert all(each.repaired for each in found)
    left = await everything_in(administrator, environment)
    assert [key for _, key, _ in left if not key.startswith("orphans/")] == [served.key]
    kept = {await read(administrator, ObjectAddress(bucket, key)) for bucket, key, _ in left if key != served.key}
    assert kept == {b"one", b"two"}
    assert (await download(api, storage, user, asked["id"])).content == data
    assert await audit(environment, repair=True) == []


async def test_a_key_of_the_greatest_length_is_set_aside_under_its_hash(administrator, environment, parts):
    key = "/".join(["uploads", *["k" * 200] * 4, "é" * 100])
    await put_bytes(administrator, environment["MINIO_BUCKET_INCOMING"], key)
    assert [each.repaired for each in await audit(environment, repair=True)] == [True]
    ((bucket, kept, _),) = await everything_in(administrator, environment)
    assert len(kept) < 200
    assert await read(administrator, ObjectAddress(bucket, kept)) == b"nobody's"


@pytest.mark.parametrize("mode", ["quarantine"], indirect=True)
async def test_an_orphan_where_the_worker_may_not_reach_is_told_and_stays(administrator, environment):
    planted = await put_bytes(administrator, environment["MINIO_BUCKET_INCOMING"], "no-upload")
    (found,) = await audit(environment, repair=True)
    assert (found.discrepancy.address, found.repaired) == (planted, False)
    assert await read(administrator, planted) == b"nobody's"


async def test_orphans_that_are_too_many_are_left_alone(administrator, environment):
    for number in range(3):
        await put_bytes(administrator, environment["MINIO_BUCKET_MEDIA"], f"media/{number}")
    before = await everything_in(administrator, environment)
    with pytest.raises(Exception, match="More than 2 objects have no row") as refused:
        await audit(environment, repair=True, orphans_at_most=2)
    assert await everything_in(administrator, environment) == before
    assert [each.repaired for each in refused.value.found] == [False] * 3
    assert len(await audit(environment, repair=True, orphans_at_most=3)) == 3
