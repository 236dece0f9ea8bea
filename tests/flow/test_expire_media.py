"""Temporary files end at their expires_at: their links, their bytes and their rows."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from tests.story import gone, link_to, make_ready, pass_time, status_of, storage_code, stored, unique_png


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


async def test_links_by_the_thousand_live_no_longer_than_their_objects(api, storage, user, bearer):
    ends = datetime.now(UTC) + timedelta(seconds=60)
    asked = await make_ready(api, storage, user, unique_png(), expires_at=ends.isoformat())
    answer = await api.post("/api/v1/media/download-urls", json={"ids": [asked["id"]]}, headers=bearer(roles=["admin"]))
    (link,) = answer.json()["items"]
    assert signed_until(link["url"]) <= ends


async def test_a_temporary_token_opens_nothing_that_outlives_its_object(api, storage, user, rows):
    ends = datetime.now(UTC) + timedelta(seconds=60)
    asked = await make_ready(api, storage, user, unique_png(), expires_at=ends.isoformat(), is_public=True)
    opened = urlsplit((await api.get(f"/api/v1/media/{asked['id']}", headers=user)).json()["download_url"])
    link = await api.get(f"{opened.path}?{opened.query}")
    assert signed_until(link.headers["location"]) <= ends
    await pass_time(rows, asked["id"], 61)
    refused = await api.get(f"{opened.path}?{opened.query}")
    assert refused.status_code in {401, 404, 409}, "though no sweep has seen yet that it expired"


async def test_storage_refuses_a_link_as_soon_as_its_object_has_expired(api, storage, user):
    data = unique_png()
    asked = await make_ready(
        api, storage, user, data, expires_at=(datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    )
    link = await link_to(api, user, asked["id"])
    assert (await storage.get(link)).content == data
    async with asyncio.timeout(10):
        while (answer := await storage.get(link)).status_code == 200:
            await asyncio.sleep(0.05)
    assert (answer.status_code, storage_code(answer)) == (403, "AccessDenied")


async def test_an_object_is_gone_within_a_minute_of_its_end(
    api, storage, user, rows, worker, events, administrator, environment
):
    """With SWEEP_INTERVAL_SECONDS at its default, which is six times shorter."""
    data = unique_png()
    asked = await make_ready(api, storage, user, data, expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert (await events.next(asked["id"])).subject == "media.uploaded"
    await pass_time(rows, asked["id"], 3601)
    assert (await events.next(asked["id"], patience=20)).subject == "media.expired"
    await gone(administrator, environment, data)


def signed_until(url):
    query = parse_qs(urlsplit(url).query)
    begins = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return begins + timedelta(seconds=int(query["X-Amz-Expires"][0]))


async def test_an_object_without_an_end_stays(api, storage, user, rows, idle_worker):
    asked = await make_ready(api, storage, user, unique_png())
    await pass_time(rows, asked["id"], 10_000_000)
    await idle_worker.expire()
    assert await status_of(rows, asked["id"]) == "ready"
