"""What is missing is deleted for its readers and announced, but not when so much is missing that we may be wrong."""

import pytest

from app import database, object_store
from app.config import audit_settings
from app.flow.delete_missing import delete_missing
from tests.deployment import deploy
from tests.flow.auditing import audit, lose, row_of
from tests.story import make_ready, status_of, unique_png


@pytest.fixture
async def environment(stack, mode, database_url):
    return await deploy(stack, mode, database_url)


async def test_a_media_object_without_bytes_is_deleted_announced_and_remembered(
    api, storage, user, rows, idle_worker, events, administrator, environment
):
    asked = await make_ready(api, storage, user, unique_png())
    await lose(administrator, await row_of(rows, asked))
    found = await audit(environment, repair=True)
    assert (found.kinds, [each.repaired for each in found], found.tally.unrepaired) == (["missing"], [True], 0)
    assert await status_of(rows, asked["id"]) == "deleted"
    assert (await api.get(f"/api/v1/media/{asked['id']}", headers=user)).status_code == 404
    while await idle_worker.relay():
        pass
    assert [(await events.next(asked["id"])).subject for _ in range(2)] == ["media.uploaded", "media.deleted"]
    entry = await rows.fetchrow("SELECT actor_kind, action, outcome FROM media.audit ORDER BY id DESC LIMIT 1")
    assert tuple(entry) == ("system", "media.deleted", "missing")
    assert await audit(environment, repair=True) == []
    assert not await idle_worker.relay()


async def test_bytes_that_came_back_are_not_missing(api, storage, user, rows, administrator, environment):
    """Held until all is compared, a missing one is looked at again."""
    asked = await make_ready(api, storage, user, unique_png())
    row = await row_of(rows, asked)
    await lose(administrator, row)
    (found,) = await audit(environment)
    settings = audit_settings(environment)
    async with (
        database.connect(settings.database_url) as connected,
        object_store.connect(settings.storage, settings.storage.worker) as store,
    ):
        await administrator._execute(
            "PUT",
            row["bucket_name"],
            row["storage_path"],
            body=b"back",
            headers={"x-minio-source-replication-request": "true"},
            query_params={"versionId": row["version_id"]} if row["version_id"] else {},
        )
        assert not await delete_missing(found.discrepancy, database=connected, object_store=store)
        assert await status_of(rows, asked["id"]) == "ready"
        await rows.execute("UPDATE media.media_objects SET status = 'deleted'")
        await lose(administrator, row)
        assert not await delete_missing(found.discrepancy, database=connected, object_store=store)


async def test_when_more_are_missing_than_may_be_none_is_deleted(api, storage, user, rows, administrator, environment):
    asked = [await make_ready(api, storage, user, unique_png()) for _ in range(4)]
    for each in asked[:3]:
        await lose(administrator, await row_of(rows, each))
    with pytest.raises(Exception, match="More than 2 ready media objects have no bytes") as refused:
        await audit(environment, repair=True, missing_at_most=2)
    assert [each.repaired for each in refused.value.found] == [False] * 3
    assert [await status_of(rows, each["id"]) for each in asked] == ["ready"] * 4
    assert len(await audit(environment)) == 3
    assert len(await audit(environment, repair=True, missing_at_most=3)) == 3
    assert sorted([await status_of(rows, each["id"]) for each in asked]) == ["deleted", "deleted", "deleted", "ready"]
