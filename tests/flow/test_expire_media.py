"""Temporary files end at their expires_at: their links, their bytes and their rows."""

from datetime import UTC, datetime, timedelta

from tests.story import link_to, make_ready, pass_time, status_of, stored, unique_png


async def test_a_temporary_file_expires(api, storage, user, rows, idle_worker, events, administrator, environment):
    data = unique_png()
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    asked = await make_ready(api, storage, user, data, expires_at=ends)
    await idle_worker.relay()
    assert (await events.next(asked["id"])).subject == "media.uploaded"
    issued = await link_to(api, user, asked["id"])
    await idle_worker.expire()
    assert await status_of(rows, asked["id"]) == "ready"
    await pass_time(rows, asked["id"], 3601)
    refused = await api.get(f"/api/v1/media/{asked['id']}/download", headers=user)
    assert (refused.status_code, refused.json()["code"]) == (409, "media_not_ready")
    await idle_worker.expire()
    assert await status_of(rows, asked["id"]) == "expired"
    await idle_worker.relay()
    assert (await events.next(asked["id"])).subject == "media.expired"
    await idle_worker.purge()
    assert await stored(administrator, environment, data) == set()
    assert (await storage.get(issued)).status_code == 404
    await idle_worker.expire()
    assert await idle_worker.relay() is False


async def test_a_link_lives_no_longer_than_its_object(api, storage, user):
    ends = datetime.now(UTC) + timedelta(seconds=60)
    asked = await make_ready(api, storage, user, unique_png(), expires_at=ends.isoformat())
    link = await api.get(f"/api/v1/media/{asked['id']}/download", headers={**user, "Accept": "application/json"})
    assert datetime.fromisoformat(link.json()["expires_at"]) <= ends


async def test_an_object_without_an_end_stays(api, storage, user, rows, idle_worker):
    asked = await make_ready(api, storage, user, unique_png())
    await pass_time(rows, asked["id"], 10_000_000)
    await idle_worker.expire()
    assert await status_of(rows, asked["id"]) == "ready"
