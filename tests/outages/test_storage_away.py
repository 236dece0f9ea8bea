"""MinIO is away: what needs no storage works, what needs it is refused soon, and all goes on when it is back."""

import time

import pytest

from tests.story import ask, complete, download, land, link_to, make_ready, put, settled, unique_png

API_SECONDS, WORKER_SECONDS = 2, 5  # after the return


@pytest.fixture(params=["silent", "dead"])
def outage(own, request):
    return lambda: getattr(own, request.param)("minio")


async def test_links_and_upload_requests_are_signed_without_it(site, storage, user, outage):
    data = unique_png()
    ready = await make_ready(site, storage, user, data)
    with outage():
        assert await link_to(site, user, ready["id"])
        asked = await ask(site, user, data)
        assert (await site.get("/health/ready")).status_code == 200
        assert (await site.get("/health")).json()["parts"]["object_store"]["status"] == "unavailable"
    assert (await download(site, storage, user, ready["id"])).content == data
    assert (await put(storage, asked, data)).status_code == 200


async def test_complete_is_refused_soon_and_works_soon_after_the_return(site, storage, user, outage):
    asked = await land(site, storage, user, unique_png())
    with outage():
        began = time.monotonic()
        refused = await complete(site, user, asked["id"])
        assert time.monotonic() - began < 6
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        assert refused.headers["retry-after"] == "1"
        media = (await site.get(f"/api/v1/media/{asked['id']}", headers=user)).json()
        assert media["status"] == "pending"
    back_at = time.monotonic()
    while (answer := await complete(site, user, asked["id"])).status_code != 200:
        assert time.monotonic() - back_at < API_SECONDS
    assert answer.json()["status"] == "ready"


async def test_delete_means_gone_for_readers_at_once_and_the_bytes_follow(site, storage, user, at_work, own, outage):
    ready = await make_ready(site, storage, user, data := unique_png())
    link = await link_to(site, user, ready["id"])
    assert (await storage.get(link)).content == data
    with outage():
        began = time.monotonic()
        answer = await site.delete(f"/api/v1/media/{ready['id']}", headers=user)
        assert time.monotonic() - began < 6
        assert answer.status_code == 204
        assert (await site.get(f"/api/v1/media/{ready['id']}", headers=user)).status_code == 404


async def test_a_worker_finalizes_what_landed_before_soon_after_the_return(site, storage, user, outage, at_work):
    await settled(site, user, (await land(site, storage, user, unique_png()))["id"])
    asked = await land(site, storage, user, unique_png())
    with outage():
        assert (await site.get("/health")).status_code == 503
    back_at = time.monotonic()
    assert (await settled(site, user, asked["id"]))["status"] == "ready"
    assert time.monotonic() - back_at < WORKER_SECONDS
