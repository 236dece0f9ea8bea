"""Deleted is deleted: for readers at once, in storage, and in what was issued before."""

from tests.story import (
    ask,
    download,
    land,
    lands_at,
    link_to,
    make_ready,
    notification,
    pass_time,
    put,
    status_of,
    stored,
    unique_png,
)


async def test_a_deleted_object_is_gone_everywhere(api, storage, user, idle_worker, events, administrator, environment):
    data = unique_png()
    asked = await make_ready(api, storage, user, data)
    await idle_worker.relay()
    assert (await events.next(asked["id"])).subject == "media.uploaded"
    issued = await link_to(api, user, asked["id"])
    assert (await storage.get(issued)).content == data
    assert (await delete(api, user, asked)).status_code == 204
    assert (await storage.get(issued)).status_code == 404
    assert await stored(administrator, environment, data) == set()
    for path in ("", "/download"):
        assert (await api.get(f"/api/v1/media/{asked['id']}{path}", headers=user)).status_code == 404
    await idle_worker.relay()
    assert (await events.next(asked["id"])).subject == "media.deleted"
    assert (await delete(api, user, asked)).status_code == 404
    assert await idle_worker.relay() is False


async def test_deleting_a_pending_upload_calls_it_off(api, storage, user, rows, worker, events):
    asked = await ask(api, user, unique_png())
    for _ in range(2):
        assert (await delete(api, user, asked)).status_code == 204
    assert await status_of(rows, asked["id"]) == "expired"
    assert (await events.next(asked["id"])).subject == "media.expired"
    await events.none_more(asked["id"])


async def test_what_lands_on_an_upload_that_was_called_off_does_not_stay(
    api, storage, user, rows, idle_worker, administrator, environment
):
    data = unique_png()
    asked = await ask(api, user, data)
    assert (await delete(api, user, asked)).status_code == 204
    assert (await put(storage, asked, data)).status_code == 200
    await pass_time(rows, asked["id"], 3600)
    await idle_worker.purge()
    assert await stored(administrator, environment, data) == set()
    assert await rows.fetchval("SELECT count(*) FROM media.purges") == 0
    assert await rows.fetchval("SELECT event_type FROM media.outbox") == "MediaExpired"


async def test_what_lands_after_the_deletion_is_never_served_and_does_not_stay(
    api, storage, user, rows, idle_worker, administrator, environment
):
    data = unique_png()
    other = data[::-1]
    asked = await make_ready(api, storage, user, data)
    issued = await link_to(api, user, asked["id"])
    assert (await storage.get(issued)).content == data
    assert (await delete(api, user, asked)).status_code == 204
    assert (await storage.get(issued)).status_code == 404
    assert (await put(storage, asked, other)).status_code == 200, "the key is free again while the URL lives"
    assert (await storage.get(issued)).status_code == 404
    await idle_worker.finalize_notified(notification(lands_at(asked)))
    await pass_time(rows, asked["id"], 3600)
    await idle_worker.purge()
    assert await stored(administrator, environment, other) == set()
    assert await status_of(rows, asked["id"]) == "deleted"


async def test_what_lands_after_the_ledger_was_closed_is_removed_by_its_notification(
    api, storage, user, rows, idle_worker, administrator, environment
):
    data = unique_png()
    asked = await ask(api, user, data)
    assert (await delete(api, user, asked)).status_code == 204
    await rows.execute("UPDATE media.purges SET due_at = now(), closes_at = now()")
    await idle_worker.purge()
    assert await rows.fetchval("SELECT count(*) FROM media.purges") == 0
    assert (await put(storage, asked, data)).status_code == 200
    await idle_worker.finalize_notified(notification(lands_at(asked)))
    await idle_worker.purge()
    assert await stored(administrator, environment, data) == set()


async def test_a_strangers_object_is_not_deleted(api, storage, user, bearer):
    data = unique_png()
    asked = await make_ready(api, storage, user, data)
    assert (await delete(api, bearer(), asked)).status_code == 404
    assert (await download(api, storage, user, asked["id"])).content == data
    assert (await delete(api, bearer(roles=["admin"]), asked)).status_code == 204


async def test_a_rejected_upload_stays_rejected(api, storage, user, rows):
    asked = await land(api, storage, user, b"no PNG at all")
    await api.post(f"/api/v1/media/{asked['id']}/complete", headers=user)
    assert (await delete(api, user, asked)).status_code == 204
    assert await status_of(rows, asked["id"]) == "rejected"


async def delete(api, user, asked):
    return await api.delete(f"/api/v1/media/{asked['id']}", headers=user)
