"""Storage and rows agree, or it is said where they don't: nothing that the service does looks like a discrepancy."""

import asyncio
from pathlib import Path

import pytest

from app import database, object_store
from app.config import audit_settings
from app.database import Database
from app.flow.compare_storage import Position, compare_storage
from app.object_store import ObjectStore
from tests.deployment import deploy
from tests.flow.auditing import (
    address_of,
    audit,
    lose,
    nothing_changes,
    put_bytes,
    row_of,
)
from tests.flow.interrupted import nothing
from tests.story import ask, land, lands_at, make_ready, sha256_of, unique_png, write


@pytest.fixture
async def environment(stack, mode, database_url):
    return await deploy(stack, mode, database_url)


async def test_what_the_service_leaves_behind_is_clean(
    api, storage, user, rows, idle_worker, administrator, environment
):
    await make_ready(api, storage, user, unique_png())
    await land(api, storage, user, unique_png())
    await ask(api, user, unique_png())
    rejected = await land(api, storage, user, b"no PNG at all")
    await api.post(f"/api/v1/media/{rejected['id']}/complete", headers=user)
    deleted = await make_ready(api, storage, user, unique_png())
    await api.delete(f"/api/v1/media/{deleted['id']}", headers=user)
    async with nothing_changes(administrator, environment):
        assert await audit(environment) == []
    await idle_worker.purge()
    found = await audit(environment)
    assert (found, found.tally.rows, found.tally.unrepaired) == ([], 1, 0)


async def test_bytes_that_are_gone_are_missing(api, storage, user, rows, administrator, environment):
    asked = await make_ready(api, storage, user, unique_png())
    await make_ready(api, storage, user, unique_png())
    row = await row_of(rows, asked)
    await lose(administrator, row)
    found = await audit(environment)
    assert found.kinds == ["missing"]
    (missing,) = found.of("missing")
    assert (str(missing.media_id), missing.address, missing.version_id) == (
        asked["id"], address_of(row), row["version_id"],
    )  # fmt: skip


async def test_bytes_without_a_row_are_orphans_in_every_bucket(administrator, environment):
    planted = {
        await put_bytes(administrator, environment[f"MINIO_BUCKET_{kind}"], key)
        for kind, key in (
            ("INCOMING", "uploads/2026/11/23/stray +%41é.png"),
            ("MEDIA", "media/2026/11/23/stray.png"),
            ("MEDIA", "anywhere"),
            ("INVOICES", "stray.pdf"),
        )
    }
    found = await audit(environment)
    assert {orphan.address for orphan in found.of("orphan")} == planted
    assert len(found) == len(planted)


async def test_bytes_of_a_closed_upload_that_the_ledger_has_forgotten_are_orphans(
    api, storage, user, rows, idle_worker, administrator, environment
):
    asked = await make_ready(api, storage, user, unique_png())
    await api.delete(f"/api/v1/media/{asked['id']}", headers=user)
    await idle_worker.purge()
    await write(administrator, lands_at(asked), unique_png())
    assert await audit(environment) == [], "a URL may still write there: the ledger knows"
    await rows.execute("DELETE FROM media.purges")
    assert [orphan.address for orphan in (await audit(environment)).of("orphan")] == [lands_at(asked)]


@pytest.mark.parametrize("mode", ["in place"], indirect=True)
async def test_what_came_to_a_key_beside_the_version_that_was_checked_is_an_orphan(
    api, storage, user, rows, administrator, environment
):
    asked = await make_ready(api, storage, user, unique_png())
    row = await row_of(rows, asked)
    await write(administrator, address_of(row), b"a later version")
    await administrator.remove_object(row["bucket_name"], row["storage_path"])
    found = await audit(environment)
    assert found.kinds == ["orphan", "orphan"]
    assert {orphan.is_delete_marker for orphan in found.of("orphan")} == {True, False}
    assert row["version_id"] not in {orphan.version_id for orphan in found.of("orphan")}


@pytest.mark.parametrize("mode", ["quarantine"], indirect=True)
async def test_an_overwritten_object_has_another_size_or_another_etag(
    api, storage, user, rows, administrator, environment
):
    data, other = unique_png(), unique_png()
    shorter = await row_of(rows, await make_ready(api, storage, user, data))
    altered = await row_of(rows, await make_ready(api, storage, user, other))
    await write(administrator, address_of(shorter), data[:-1])
    await write(administrator, address_of(altered), other[::-1])
    found = await audit(environment)
    assert found.kinds == ["size_differs", "tampered"]
    (differs,), (tampered,) = found.of("size_differs"), found.of("tampered")
    assert (differs.media_id, differs.expected_bytes, differs.stored_bytes) == (
        shorter["id"], len(data), len(data) - 1,
    )  # fmt: skip
    assert (tampered.media_id, tampered.reason) == (altered["id"], "etag")


async def test_a_checksum_is_no_reason_to_look_different(api, storage, user, environment):
    data = unique_png()
    await make_ready(api, storage, user, data, checksum_sha256=sha256_of(data))
    assert await audit(environment) == []


READY = """
    INSERT INTO media.media_objects (
        file_name, original_file_name, file_type, mime_type, file_size, bucket_name, storage_path, status, etag,
        finalized_at
    )
    SELECT 'a', 'a', 'image', 'image/png', 1, $1, 'media/' || lpad(n::text, 6, '0'), 'ready', 'etag', now()
    FROM generate_series(0, $2 - 1) AS n
"""


@pytest.mark.parametrize("mode", ["quarantine"], indirect=True)
async def test_where_more_is_missing_than_a_page_has_each_thing_is_found_once(rows, administrator, environment):
    """As in a bucket that was restored empty: the rows of one page of storage are many."""
    bucket, count = environment["MINIO_BUCKET_MEDIA"], 4_500
    await rows.execute(READY, bucket, count)
    planted = {
        await put_bytes(administrator, bucket, f"media/{number:06}-{place}")
        for number in (0, 1_999, 2_000, 3_999, count)
        for place in ("a", "z")
    }
    found = await audit(environment)
    assert sorted(missing.key for missing in found.of("missing")) == [f"media/{n:06}" for n in range(count)]
    assert sorted(orphan.key for orphan in found.of("orphan")) == sorted(address.key for address in planted)
    assert found.tally.rows == count


@pytest.mark.parametrize("mode", ["in place"], indirect=True)
async def test_versions_of_one_key_on_two_pages_are_of_one_row(
    stack, api, storage, user, rows, administrator, environment
):
    """A page ends after 1,000 versions, here amid those of the key that is served."""
    asked = await make_ready(api, storage, user, unique_png())
    row = await row_of(rows, asked)
    for _ in range(3):
        await write(administrator, address_of(row), b"later")
    await put_bytes(administrator, row["bucket_name"], "before/000")
    multiply(Path(stack.data_dir) / "minio/data" / row["bucket_name"] / "before", 998)
    found = await audit(environment)
    assert found.kinds == ["orphan"] * 1_001
    assert row["version_id"] not in {orphan.version_id for orphan in found.of("orphan")}
    assert len({(orphan.key, orphan.version_id) for orphan in found.of("orphan")}) == 1_001


def multiply(folder, count):
    """One small object many times, as storage itself keeps it."""
    content = (folder / "000" / "xl.meta").read_bytes()
    for number in range(1, count):
        (folder / f"{number:03}").mkdir()
        (folder / f"{number:03}" / "xl.meta").write_bytes(content)


class OvertakenStore(ObjectStore):
    """Storage in which something happens once it was listed, or once it is about to be looked at."""

    def __init__(self, store):
        super().__init__(store._client)
        self.after_listing = self.before_head = nothing

    async def list_versions(self, bucket, continuation):
        page = await super().list_versions(bucket, continuation)
        happening, self.after_listing = self.after_listing, nothing
        await happening()
        return page

    async def head(self, address, version_id):
        happening, self.before_head = self.before_head, nothing
        await happening()
        return await super().head(address, version_id)


class OvertakenDatabase(Database):
    """Something happens between the rows and the claims."""

    def __init__(self, connected):
        super().__init__(connected._pool, connected._pulse, connected._patience)
        self.after_rows = nothing

    async def all(self, sql, *arguments):
        found = await super().all(sql, *arguments)
        happening, self.after_rows = self.after_rows, nothing
        await happening()
        return found


@pytest.fixture
async def store(environment):
    settings = audit_settings(environment)
    async with object_store.connect(settings.storage, settings.storage.worker) as connected:
        yield OvertakenStore(connected)


@pytest.fixture
async def overtaken(environment):
    async with database.connect(environment["DATABASE_URL"]) as connected:
        yield OvertakenDatabase(connected)


async def compared(environment, kind, store, connected):
    page = await compare_storage(
        environment[f"MINIO_BUCKET_{kind}"],
        Position(),
        bucket_media=environment["MINIO_BUCKET_MEDIA"],
        database=connected,
        object_store=store,
    )
    return page.discrepancies


async def test_what_is_removed_and_forgotten_after_the_listing_is_no_orphan(
    api, storage, user, rows, idle_worker, environment, store, overtaken
):
    asked = await make_ready(api, storage, user, unique_png())

    async def removed():
        await api.delete(f"/api/v1/media/{asked['id']}", headers=user)
        await rows.execute("UPDATE media.purges SET due_at = now(), closes_at = now()")
        await idle_worker.purge()
        assert await rows.fetchval("SELECT count(*) FROM media.purges") == 0

    store.after_listing = removed
    assert await compared(environment, "MEDIA", store, overtaken) == []


async def test_what_becomes_ready_after_the_listing_is_not_missing(api, storage, user, environment, store, overtaken):
    async def arrived():
        await make_ready(api, storage, user, unique_png())

    store.after_listing = arrived
    assert await compared(environment, "MEDIA", store, overtaken) == []


async def test_what_is_deleted_while_it_is_looked_at_is_not_missing(
    api, storage, user, rows, idle_worker, administrator, environment, store, overtaken
):
    asked = await make_ready(api, storage, user, unique_png())
    row = await row_of(rows, asked)
    await rows.execute("UPDATE media.media_objects SET etag = 'another'")

    async def deleted():
        await api.delete(f"/api/v1/media/{asked['id']}", headers=user)
        await lose(administrator, row)

    store.before_head = deleted
    assert await compared(environment, "MEDIA", store, overtaken) == []


@pytest.mark.parametrize("what", ["ready", "rejected"])
async def test_what_is_settled_between_the_rows_and_the_claims_is_no_orphan(
    api, storage, user, rows, environment, store, overtaken, what
):
    asked = await land(api, storage, user, unique_png() if what == "ready" else b"no PNG")

    async def settled():
        response = await api.post(f"/api/v1/media/{asked['id']}/complete", headers=user)
        assert response.json()["status"] == what

    overtaken.after_rows = settled
    assert await compared(environment, "INCOMING", store, overtaken) == []


@pytest.mark.parametrize("mode", ["quarantine"], indirect=True)
async def test_a_copy_is_no_orphan_before_it_wins_and_when_it_does(
    api, storage, user, finalize, environment, store, overtaken
):
    asked = await land(api, storage, user, unique_png())
    interrupted, rows_are_read, won, comparing = finalize.interrupted(), asyncio.Event(), asyncio.Event(), []

    async def read():
        rows_are_read.set()
        await won.wait()

    async def compare_now():
        """The copy is there, and named by the ledger alone."""
        assert await compared(environment, "MEDIA", store, overtaken) == []
        overtaken.after_rows = read
        comparing.append(asyncio.create_task(compared(environment, "MEDIA", store, overtaken)))
        await rows_are_read.wait()

    interrupted.after_look = compare_now
    assert await finalize(asked, interrupted) == "ready"
    won.set()
    assert await comparing[0] == []
