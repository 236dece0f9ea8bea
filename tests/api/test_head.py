"""HEAD answers as GET would, without a body, wherever GET is."""

import uuid

import pytest

from tests.story import make_ready, unique_png

VARYING = ("date", "location")


@pytest.fixture
def mode():
    return "in place"


@pytest.mark.parametrize(
    "path",
    [
        "/health", "/health/live", "/health/ready", "/docs", "/docs/openapi.json", "/docs/start.js",
        "/docs/assets/swagger-ui.css", "/api/v1/media", "/api/v1/media/{id}", "/api/v1/media/{id}/download",
        "/files/{id}", "/files/{id}/download", "/api/v1/media/{unknown}", "/api/v1/media?limit=x", "/nothing",
        "/api/v1/admin/media",
    ],
)  # fmt: skip
async def test_it_has_the_status_and_the_headers_of_get(api, storage, user, path):
    ready = await make_ready(api, storage, user, unique_png())
    url = path.format(id=ready["id"], unknown=uuid.uuid4())
    head, got = await api.head(url, headers=user), await api.get(url, headers=user)
    assert (head.status_code, head.content) == (got.status_code, b"")
    told, expected = (
        {name: value for name, value in answer.headers.items() if name not in VARYING} for answer in (head, got)
    )
    if path == "/health" or "{id}" in path or path == "/health/ready":  # a time or a token in it
        told.pop("content-length", None), expected.pop("content-length", None)
    assert told == expected


async def test_a_redirect_says_where_to(api, storage, user):
    ready = await make_ready(api, storage, user, data := unique_png())
    head = await api.head(f"/files/{ready['id']}", headers=user)
    assert head.status_code == 302
    assert (await storage.get(head.headers["location"])).content == data


@pytest.mark.parametrize("path", ["/api/v1/media/upload", "/api/v1/media/{}/complete"])
async def test_where_there_is_no_get_it_is_not_taken(api, user, path):
    answer = await api.head(path.format(uuid.uuid4()), headers=user)
    assert (answer.status_code, answer.content) == (405, b"")
    assert "HEAD" not in answer.headers["allow"]


async def test_allow_names_it_beside_get(api, user):
    refused = await api.put(f"/api/v1/media/{uuid.uuid4()}", headers=user)
    assert refused.status_code == 405
    assert {"GET", "HEAD", "PATCH", "DELETE"} <= set(refused.headers["allow"].split(", "))


async def test_without_a_token_it_is_refused_as_get_is(api):
    assert (await api.head("/api/v1/media")).status_code == 401
