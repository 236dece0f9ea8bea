"""Whoever tries ids learns nothing: somebody else's id and one that nobody has are answered alike, and as fast."""

import statistics
import time
import uuid

import pytest

from tests.story import make_ready, unique_png

CALLS = {
    "show": ("GET", "/api/v1/media/{}", {}),
    "wait": ("GET", "/api/v1/media/{}", {"headers": {"Prefer": "wait=1"}}),
    "download": ("GET", "/api/v1/media/{}/download", {}),
    "download as JSON": ("GET", "/api/v1/media/{}/download", {"headers": {"Accept": "application/json"}}),
    "short": ("GET", "/files/{}", {}),
    "complete": ("POST", "/api/v1/media/{}/complete", {}),
    "delete": ("DELETE", "/api/v1/media/{}", {}),
    "change": ("PATCH", "/api/v1/media/{}", {"json": {"is_public": True}, "headers": {"If-Match": "*"}}),
    "change without looking": ("PATCH", "/api/v1/media/{}", {"json": {"is_public": True}}),
    "revoke": ("POST", "/api/v1/media/{}/revoke-links", {}),
}
STATES = ("pending", "ready", "public", "called off", "deleted")
VARYING = {"date", "content-length"}


@pytest.fixture
async def theirs(site, storage, bearer):
    """An id of a stranger's object in each state."""
    stranger = bearer()

    async def pending():
        body = {"file_name": "a.png", "mime_type": "image/png", "file_size": 10}
        return (await site.post("/api/v1/media/upload", json=body, headers=stranger)).json()["id"]

    async def gone(media_id):
        assert (await site.delete(f"/api/v1/media/{media_id}", headers=stranger)).status_code == 204
        return media_id

    async def ready(**more):
        return (await make_ready(site, storage, stranger, unique_png(), **more))["id"]

    return {
        "pending": await pending(),
        "ready": await ready(),
        "public": await ready(is_public=True),
        "called off": await gone(await pending()),
        "deleted": await gone(await ready()),
    }


async def asked(site, user, call, media_id):
    method, path, more = CALLS[call]
    headers = user | more.get("headers", {})
    return await site.request(method, path.format(media_id), **(more | {"headers": headers}))


def without(response, media_id):
    """All that it says but for the id, and for what the clock says."""
    headers = {name: value for name, value in response.headers.items() if name not in VARYING}
    return response.status_code, headers, response.text.replace(str(media_id), "…")


@pytest.mark.parametrize("call", CALLS)
async def test_an_id_of_another_s_object_is_answered_as_one_that_does_not_exist(site, user, theirs, call):
    nobody_s = uuid.uuid4()
    expected = without(await asked(site, user, call, nobody_s), nobody_s)
    assert expected[0] == 404
    for state in STATES:
        assert without(await asked(site, user, call, theirs[state]), theirs[state]) == expected, state


@pytest.mark.parametrize("call", ["download", "short"])
async def test_without_any_token_it_is_answered_so_too(site, theirs, call):
    answers = {
        without(await asked(site, {}, call, media_id), media_id)[::2] for media_id in [*theirs.values(), uuid.uuid4()]
    }
    assert len(answers) == 1


async def test_a_role_that_may_not_administer_learns_of_no_id(site, user, theirs):
    for path in ("/api/v1/admin/media/{}/retry", "/api/v1/admin/media/{}/purge"):
        answers = {
            without(await site.post(path.format(media_id), headers=user), media_id)[::2]
            for media_id in [*theirs.values(), uuid.uuid4()]
        }
        assert [status for status, _ in answers] == [403]


async def test_nothing_of_it_is_in_a_list(site, user, theirs):
    for query in ("", "?status=ready", "?file_type=image", "?limit=200"):
        listed = await site.get(f"/api/v1/media{query}", headers=user)
        assert listed.json()["items"] == []


async def test_a_cursor_of_another_shows_nothing_of_theirs(site, bearer, user, theirs):
    admin = await site.get("/api/v1/admin/media?limit=1", headers=bearer(roles=["admin"]))
    cursor = admin.json()["next_cursor"]
    assert (await site.get(f"/api/v1/media?cursor={cursor}", headers=user)).json()["items"] == []


async def test_many_ids_at_once_are_for_those_who_may_see_all(site, user, bearer, theirs):
    ids = {"ids": [theirs["ready"], str(uuid.uuid4())]}
    for headers in (user, bearer(roles=["service"], scope="media:read"), bearer(scope="media:links")):
        response = await site.post("/api/v1/media/download-urls", json=ids, headers=headers)
        assert response.status_code == 403
        assert theirs["ready"] not in response.text


async def test_an_idempotency_key_of_another_finds_nothing(site, bearer):
    body = {"file_name": "a.png", "mime_type": "image/png", "file_size": 10}
    first = await site.post("/api/v1/media/upload", json=body, headers=bearer() | {"Idempotency-Key": "guess"})
    other = await site.post("/api/v1/media/upload", json=body, headers=bearer() | {"Idempotency-Key": "guess"})
    assert first.json()["id"] != other.json()["id"]


@pytest.mark.parametrize("call", ["show", "download", "delete"])
async def test_both_take_about_the_same_time(site, user, theirs, call):
    """Medians of turns: a machine that is busy is so for both."""
    taken = {"theirs": [], "nobody's": []}
    for _ in range(60):
        for whose, media_id in (("theirs", theirs["ready"]), ("nobody's", uuid.uuid4())):
            began = time.perf_counter()
            await asked(site, user, call, media_id)
            taken[whose].append(time.perf_counter() - began)
    ratio = statistics.median(taken["theirs"]) / statistics.median(taken["nobody's"])
    assert 0.5 < ratio < 2.0
