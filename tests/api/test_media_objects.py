"""GET and DELETE: who sees what, lists, waiting."""

import asyncio
import uuid

import pytest

from tests.api.test_upload_requests import ask, problem


async def test_a_pending_object_has_no_download_url(api, user):
    asked = (await ask(api, user)).json()
    media = (await api.get(f"/api/v1/media/{asked['id']}", headers=user)).json()
    assert (media["status"], media["download_url"], media["rejection_reason"]) == ("pending", None, None)


@pytest.mark.parametrize("call", [("GET", ""), ("GET", "/download"), ("DELETE", ""), ("POST", "/complete")])
async def test_a_stranger_and_an_unknown_id_get_the_same_404(api, user, bearer, call):
    method, suffix = call
    asked = (await ask(api, user)).json()
    stranger = bearer()
    theirs = await api.request(method, f"/api/v1/media/{asked['id']}{suffix}", headers=stranger)
    unknown = await api.request(method, f"/api/v1/media/{uuid.uuid4()}{suffix}", headers=stranger)
    assert problem(theirs) == problem(unknown) == (404, "media_not_found")
    assert theirs.json().keys() == unknown.json().keys()


async def test_an_admin_sees_everything(api, user, bearer):
    asked = (await ask(api, user)).json()
    admin = bearer(roles=["admin"])
    assert (await api.get(f"/api/v1/media/{asked['id']}", headers=admin)).status_code == 200
    assert [item["id"] for item in (await api.get("/api/v1/media", headers=admin)).json()["items"]] == [asked["id"]]


@pytest.mark.parametrize("path", ["/api/v1/media/abc", "/api/v1/media/abc/download", "/files/abc", "/files/1/download"])
async def test_a_malformed_id_is_named(api, user, path):
    response = await api.get(path, headers=user)
    assert problem(response) == (400, "invalid_request")
    assert "media_id" in response.json()["detail"]


async def test_a_pending_object_can_not_be_downloaded(api, user):
    asked = (await ask(api, user)).json()
    response = await api.get(f"/api/v1/media/{asked['id']}/download", headers=user)
    assert problem(response) == (409, "media_not_ready")


async def test_complete_before_the_put_is_refused(api, user):
    asked = (await ask(api, user)).json()
    response = await api.post(f"/api/v1/media/{asked['id']}/complete", headers=user)
    assert problem(response) == (409, "upload_not_received")


async def test_waiting_ends_with_the_change_and_not_with_the_time(api, user):
    asked = (await ask(api, user)).json()
    waiting = asyncio.create_task(api.get(f"/api/v1/media/{asked['id']}", headers=user | {"Prefer": "wait=20"}))
    changes = api.app.state.parts.changes
    async with asyncio.timeout(5):
        while not changes._waiting:  # nothing tells that it waits
            await asyncio.sleep(0.01)
        await api.delete(f"/api/v1/media/{asked['id']}", headers=user)
        answer = await waiting
    assert (answer.json()["status"], answer.headers["preference-applied"]) == ("expired", "wait=20")
    assert not changes._waiting


async def test_waiting_in_vain_answers_what_is(api, user):
    asked = (await ask(api, user)).json()
    answer = await api.get(f"/api/v1/media/{asked['id']}", headers=user | {"Prefer": "respond-async, wait=1"})
    assert answer.json()["status"] == "pending"


async def test_the_list_is_the_callers_own_newest_first(api, user, bearer):
    mine = [(await ask(api, user)).json()["id"] for _ in range(3)]
    await ask(api, bearer())
    page = (await api.get("/api/v1/media", headers=user)).json()
    assert [item["id"] for item in page["items"]] == mine[::-1]
    assert page["next_cursor"] is None


async def test_the_cursor_walks_the_whole_list_once(api, user):
    mine = [(await ask(api, user)).json()["id"] for _ in range(7)]
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/api/v1/media", params=query, headers=user)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == mine[::-1]


async def test_pages_are_numbered_from_one(api, user):
    mine = [(await ask(api, user)).json()["id"] for _ in range(5)]
    second = (await api.get("/api/v1/media", params={"limit": 2, "page": 2}, headers=user)).json()
    assert [item["id"] for item in second["items"]] == mine[::-1][2:4]


@pytest.mark.parametrize(
    "filters", [{"context_type": "ticket_photo"}, {"file_type": "pdf"}, {"status": "expired"}, {"context_id": "mine"}]
)
async def test_a_filter_keeps_what_it_names(api, bearer, filters):
    context = str(uuid.uuid4())
    user = bearer(contexts=[f"ticket_photo:{context}"])
    await ask(api, user)
    kept = (await ask(api, user, context_type="ticket_photo", context_id=context, mime_type="application/pdf")).json()[
        "id"
    ]
    await api.delete(f"/api/v1/media/{kept}", headers=user)
    query = {name: context if value == "mine" else value for name, value in filters.items()}
    page = (await api.get("/api/v1/media", params=query, headers=user)).json()
    assert [item["id"] for item in page["items"]] == [kept]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=x", "page=0", "page=10001", "cursor=!", "cursor=AAAA", "cursor=" + "A" * 65,
        "context_id=1", "status=gone", "context_type=x", "file_type=", "cursor=%F0%9F%98%80", "cursor=%00",
        "limit=1&limit=2", "limit=1&%6Cimit=1",
    ],
)  # fmt: skip
async def test_a_query_that_can_not_be_is_refused(api, user, query):
    assert problem(await api.get(f"/api/v1/media?{query}", headers=user)) == (400, "invalid_request")


@pytest.mark.parametrize("query", ["utm_source=a&utm_source=b", "parts=a&parts=a&limit=1"])
async def test_a_parameter_that_the_call_does_not_know_may_come_twice(api, user, query):
    assert (await api.get(f"/api/v1/media?{query}", headers=user)).status_code == 200


@pytest.mark.parametrize("prefer", ["Wait=1", "wait = 1", 'wait="1"', "respond-async, wait=1; x=y"])
async def test_a_preference_is_read_as_rfc_7240_has_it(api, user, prefer):
    asked = (await ask(api, user)).json()
    waited = await api.get(f"/api/v1/media/{asked['id']}", headers=user | {"Prefer": prefer})
    assert (waited.json()["status"], waited.headers["preference-applied"]) == ("pending", "wait=1")


async def test_deleting_a_pending_upload_calls_it_off(api, user):
    asked = (await ask(api, user)).json()
    response = await api.delete(f"/api/v1/media/{asked['id']}", headers=user)
    assert (response.status_code, response.content) == (204, b"")
    assert (await api.get(f"/api/v1/media/{asked['id']}", headers=user)).json()["status"] == "expired"
    assert (await api.delete(f"/api/v1/media/{asked['id']}", headers=user)).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nothing/here", (404, "route_not_found")),
        ("PUT", "/api/v1/media", (405, "method_not_allowed")),
        ("PATCH", "/health", (405, "method_not_allowed")),
    ],
)
async def test_a_wrong_address_is_a_problem_too(api, user, method, path, expected):
    assert problem(await api.request(method, path, headers=user)) == expected


async def test_a_wrong_method_is_told_the_right_ones(api, user):
    response = await api.put("/api/v1/media", headers=user)
    assert "GET" in response.headers["allow"]
