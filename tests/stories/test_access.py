"""Who sees what: strangers find nothing, admins everything, anyone a public object by its temporary token."""

from tests.stories.verbs import make_ready, sample, stored


async def test_a_stranger_finds_nothing(callers, user, anyone):
    asked, _ = await make_ready(user, anyone, sample("png"))
    url, stranger = f"/api/v1/media/{asked['id']}", callers["other_user"]

    assert (await stranger.get(url)).status_code == 404
    assert (await stranger.get(f"{url}/download")).status_code == 404
    assert (await stranger.post(f"{url}/complete")).status_code == 404
    assert (await stranger.delete(url)).status_code == 404
    assert asked["id"] not in await listed(stranger)
    assert (await user.get(url)).json()["status"] == "ready"


async def test_an_admin_sees_it(callers, user, anyone):
    file = sample("png")
    asked, media = await make_ready(user, anyone, file)
    admin = callers["admin"]

    assert (await admin.get(f"/api/v1/media/{asked['id']}")).json()["id"] == media["id"]
    downloaded = await admin.get(f"/api/v1/media/{asked['id']}/download", follow_redirects=True)
    assert downloaded.content == file.content
    assert asked["id"] in await listed(admin)


async def test_a_public_object_is_downloaded_by_its_link_alone(user, anyone):
    file = sample("pdf")
    _, media = await make_ready(user, anyone, file, is_public=True)

    downloaded = await anyone.get(media["download_url"], follow_redirects=True)
    assert downloaded.status_code == 200
    assert downloaded.content == file.content


async def test_a_private_object_needs_a_bearer_beside_its_link(user, anyone):
    file = sample("pdf")
    _, media = await make_ready(user, anyone, file)

    assert (await anyone.get(media["download_url"])).status_code == 401
    assert (await user.get(media["download_url"], follow_redirects=True)).content == file.content


async def test_without_a_token_nothing_is_downloaded(user, anyone):
    _, media = await make_ready(user, anyone, sample("pdf"), is_public=True)

    assert (await anyone.get(f"/api/v1/media/{media['id']}/download")).status_code == 401
    assert (await anyone.get(f"{media['download_url']}x")).status_code == 401


async def test_what_is_deleted_is_gone_for_everyone(user, anyone, events, root, stack):
    file = sample("pdf")
    _, media = await make_ready(user, anyone, file, is_public=True)
    url = f"/api/v1/media/{media['id']}"
    assert media["id"] in await listed(user)
    link = (await anyone.get(media["download_url"])).headers["location"]

    assert (await user.delete(url)).status_code == 204

    assert (await user.get(url)).status_code == 404
    assert (await user.delete(url)).status_code == 404
    assert media["id"] not in await listed(user)
    assert (await anyone.get(media["download_url"])).status_code == 404
    assert await stored(root, stack, file.content, copies=0) == []
    assert (await anyone.get(link)).status_code == 404
    said = await events.about(media["id"], until="MediaDeleted")
    assert [event["event_type"] for event in said] == ["MediaUploaded", "MediaDeleted"]


async def listed(caller):
    """The ids of the newest media objects that a caller sees."""
    response = await caller.get("/api/v1/media", params={"limit": 100})
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]
