"""What no message says the sweep finds: uploads that landed unannounced, and those that never came."""

import asyncio
import json

import pytest

from app.database import queries
from app.flow.reconcile_uploads import take_unsettled_uploads
from tests.story import ask, download, land, pass_time, put, status_of, stored, unique_png


async def test_the_sweep_alone_settles_an_upload(api, storage, user, rows, idle_worker):
    data = unique_png()
    asked = await land(api, storage, user, data)
    assert await idle_worker.sweep() is False, "it is not its turn yet"
    assert await status_of(rows, asked["id"]) == "pending"
    await pass_time(rows, asked["id"], 20)
    assert await idle_worker.sweep() is True
    assert await rows.fetchval("SELECT finalized_by FROM media.media_objects") == "sweep"
    assert (await download(api, storage, user, asked["id"])).content == data


async def test_an_upload_that_never_came_expires_after_its_url_and_the_grace(
    api, user, rows, worker, events, environment
):
    asked = await ask(api, user, unique_png())
    ends = int(environment.get("UPLOAD_URL_TTL_SECONDS", "600"))
    grace = int(environment.get("UPLOAD_GRACE_SECONDS", "900"))
    await pass_time(rows, asked["id"], ends + grace - 30)
    await worker.sweep()
    assert await status_of(rows, asked["id"]) == "pending"
    await pass_time(rows, asked["id"], 60)
    await worker.sweep()
    assert await status_of(rows, asked["id"]) == "expired"
    message = await events.next(asked["id"])
    assert message.subject == "media.expired"
    await events.none_more(asked["id"])


async def test_what_landed_in_time_is_settled_by_the_sweep_however_late(api, storage, user, rows, idle_worker):
    asked = await land(api, storage, user, unique_png())
    await pass_time(rows, asked["id"], 100_000)
    await idle_worker.sweep()
    assert await status_of(rows, asked["id"]) == "ready"


async def test_two_sweeps_take_different_uploads(api, user, rows, finalize):
    uploads = [await ask(api, user, unique_png()) for _ in range(10)]
    for asked in uploads:
        await pass_time(rows, asked["id"], 20)
    taken = await asyncio.gather(*(take_unsettled_uploads(early=False, database=finalize.database) for _ in range(4)))
    ids = [str(media.id) for batch in taken for media in batch]
    assert sorted(ids) == sorted(asked["id"] for asked in uploads)


async def test_while_notifications_are_late_an_upload_has_its_first_turn_early(api, user, rows, finalize):
    asked = await ask(api, user, unique_png())

    async def taken(*, early):
        return [str(media.id) for media in await take_unsettled_uploads(early=early, database=finalize.database)]

    assert await taken(early=True) == [], "not within its first two seconds"
    await pass_time(rows, asked["id"], 3)
    assert await taken(early=False) == []
    assert await taken(early=True) == [asked["id"]]
    assert await taken(early=True) == [], "its second turn is as always"


async def test_bytes_that_land_after_the_upload_expired_do_not_stay(
    api, storage, user, rows, idle_worker, administrator, environment
):
    data = unique_png()
    asked = await ask(api, user, data)
    await rows.execute("UPDATE media.media_objects SET sweep_at = now(), upload_expires_at = now() - interval '1 day'")
    await idle_worker.sweep()
    assert await status_of(rows, asked["id"]) == "expired"
    assert (await put(storage, asked, data)).status_code == 200, "the URL itself still lives"
    assert len(await stored(administrator, environment, data)) == 1
    await rows.execute("UPDATE media.purges SET due_at = now(), closes_at = now()")
    await idle_worker.purge()
    assert await stored(administrator, environment, data) == set()


async def test_bytes_that_land_on_an_upload_that_was_called_off_go_without_any_notification(
    api, storage, user, rows, idle_worker, administrator, environment
):
    data = unique_png()
    asked = await ask(api, user, data)
    assert (await api.delete(f"/api/v1/media/{asked['id']}", headers=user)).status_code == 204
    await idle_worker.purge()
    assert (await put(storage, asked, data)).status_code == 200, "the URL itself still lives"
    ends = int(environment.get("UPLOAD_URL_TTL_SECONDS", "600")) + int(environment.get("UPLOAD_GRACE_SECONDS", "900"))
    await pass_time(rows, asked["id"], ends - 60)
    await idle_worker.purge()
    assert len(await stored(administrator, environment, data)) == 1, "another PUT may still come"
    await pass_time(rows, asked["id"], 120)
    await idle_worker.purge()
    assert await stored(administrator, environment, data) == set()
    assert await rows.fetchval("SELECT count(*) FROM media.purges") == 0


@pytest.mark.parametrize("mode", ["in place"], indirect=True)
async def test_what_a_sweep_costs_grows_with_pending_uploads_alone(rows, api, user, idle_worker):
    for _ in range(20):
        await ask(api, {**user}, unique_png())
    await rows.execute(READY_ROWS, 100_000)
    await rows.execute("UPDATE media.media_objects SET sweep_at = now() - interval '1 minute' WHERE status = 'pending'")
    await rows.execute("ANALYZE media.media_objects")
    for step, block in (
        ("reconcile_uploads", "take_unsettled"),
        ("expire_media", "find_expired"),
        ("measure_backlog", "count_waiting"),
    ):
        plan = json.loads(
            await rows.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {queries(step)[block].replace('$1', 'true')}")
        )[0]
        assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 500, step


READY_ROWS = """
    INSERT INTO media.media_objects (
        file_name, original_file_name, file_type, mime_type, file_size, bucket_name, storage_path, status, etag,
        finalized_at, expires_at
    )
    SELECT 'a', 'a', 'image', 'image/png', 1, 'media', 'ready/' || n, 'ready', 'etag', now(), now() + interval '1 day'
    FROM generate_series(1, $1) AS n
"""
