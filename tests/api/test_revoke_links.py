"""Revoke: every temporary token issued so far ends; those that come after it, and bearers, do not."""

from urllib.parse import urlsplit

import pytest

from tests.api.test_upload_requests import problem
from tests.story import ask, link_to, make_ready, unique_png


async def token_link(api, user, media_id):
    """Path and query of its download_url."""
    url = urlsplit((await api.get(f"/api/v1/media/{media_id}", headers=user)).json()["download_url"])
    return f"{url.path}?{url.query}"


async def revoke(api, user, media_id):
    return await api.post(f"/api/v1/media/{media_id}/revoke-links", headers=user)


@pytest.fixture
async def shared(api, storage, user):
    """A public object's id."""
    return (await make_ready(api, storage, user, unique_png(), is_public=True))["id"]


@pytest.mark.parametrize("who", ["its uploader", "an admin"])
async def test_all_tokens_so_far_end(api, user, bearer, shared, who):
    early = [await token_link(api, user, shared), await token_link(api, bearer(roles=["admin"]), shared)]
    response = await revoke(api, user if who == "its uploader" else bearer(roles=["admin"]), shared)
    assert (response.status_code, response.content) == (204, b"")
    for link in early:
        refused = await api.get(link)
        assert problem(refused) == (401, "not_authenticated")
        assert "revoked" in refused.json()["detail"]


async def test_a_token_that_comes_after_it_opens_again(api, user, shared):
    await revoke(api, user, shared)
    assert (await api.get(await token_link(api, user, shared))).status_code == 302
    await revoke(api, user, shared)
    await revoke(api, user, shared)
    assert (await api.get(await token_link(api, user, shared))).status_code == 302


async def test_bearers_need_no_token(api, user, shared):
    await revoke(api, user, shared)
    assert await link_to(api, user, shared)


async def test_the_tokens_of_other_objects_live_on(api, storage, user, shared):
    other = (await make_ready(api, storage, user, unique_png(), is_public=True))["id"]
    link = await token_link(api, user, other)
    await revoke(api, user, shared)
    assert (await api.get(link)).status_code == 302


async def test_a_link_that_storage_answers_lives_on(api, storage, user, shared):
    issued = (await api.get(await token_link(api, user, shared))).headers["location"]
    await revoke(api, user, shared)
    assert (await storage.get(issued)).status_code == 200


async def test_it_counts_as_a_change(api, user, shared):
    tag = (await api.get(f"/api/v1/media/{shared}", headers=user)).headers["etag"]
    await revoke(api, user, shared)
    late = await api.patch(f"/api/v1/media/{shared}", json={"is_public": False}, headers=user | {"If-Match": tag})
    assert problem(late) == (412, "revision_changed")


async def test_the_links_of_a_pending_upload_can_be_revoked_and_of_a_closed_one_not(api, user):
    asked = (await ask(api, user, b"x"))["id"]
    assert (await revoke(api, user, asked)).status_code == 204
    await api.delete(f"/api/v1/media/{asked}", headers=user)
    assert problem(await revoke(api, user, asked)) == (409, "media_closed")


async def test_those_of_a_deleted_one_are_not_found(api, user, bearer, shared):
    link = await token_link(api, user, shared)
    await api.delete(f"/api/v1/media/{shared}", headers=user)
    assert problem(await revoke(api, user, shared)) == (404, "media_not_found")
    assert problem(await revoke(api, bearer(roles=["admin"]), shared)) == (404, "media_not_found")
    assert problem(await api.get(link)) == (404, "media_not_found")


async def test_a_token_dies_with_its_object(api, user, rows, shared):
    link = await token_link(api, user, shared)
    await rows.execute("UPDATE media.media_objects SET expires_at = now()")
    assert problem(await api.get(link)) == (409, "media_not_ready")
    await rows.execute("UPDATE media.media_objects SET status = 'expired'")
    assert problem(await api.get(link)) == (409, "media_not_ready")
