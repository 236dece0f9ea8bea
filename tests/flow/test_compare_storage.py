"""Storage and rows agree, or it is said where they don't: nothing that the service does looks like a discrepancy."""

import pytest

from tests.deployment import deploy
from tests.flow.auditing import (
    address_of,
    audit,
    lose,
    nothing_changes,
    put_bytes,
    row_of,
)
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
