"""Who asks too often gets 429: each principal by itself, and whoever shows no good token by its address."""

import uuid

import httpx
import pytest

from app.api.app import create_app
from app.config import api_settings
from tests.api.test_upload_requests import problem

LIMIT = 6


@pytest.fixture
def environment(environment):
    return environment | {"REQUEST_RATE_PER_MINUTE": str(LIMIT)}


def exceeded(response):
    assert int(response.headers["retry-after"]) >= 1
    return problem(response) == (429, "request_rate_exceeded")


async def statuses(api, times, path="/api/v1/media", **request):
    return [(await api.get(path, **request)).status_code for _ in range(times)]


async def test_a_principal_is_told_when_to_come_again(api, bearer):
    someone = uuid.uuid4()
    assert await statuses(api, LIMIT, headers=bearer(someone)) == [200] * LIMIT
    assert exceeded(await api.get("/api/v1/media", headers=bearer(someone)))
    assert exceeded(await api.get(f"/files/{uuid.uuid4()}", headers=bearer(someone)))


async def test_others_at_the_same_address_are_not_held_up(api, bearer):
    someone = uuid.uuid4()
    await statuses(api, LIMIT + 3, headers=bearer(someone))
    assert await statuses(api, 3, headers=bearer()) == [200] * 3


async def test_guessing_tokens_ends_with_the_right_one_too(api, user):
    wrong = {"Authorization": "Bearer a.b.c"}
    assert await statuses(api, LIMIT, headers=wrong) == [401] * LIMIT
    assert exceeded(await api.get("/api/v1/media", headers=wrong))
    assert exceeded(await api.get("/api/v1/media", headers=user))


async def test_guessing_temporary_tokens_is_counted(api):
    path = f"/files/{uuid.uuid4()}/download?token=x"
    assert await statuses(api, LIMIT, path) == [401] * LIMIT
    assert exceeded(await api.get(path))
    assert exceeded(await api.get("/api/v1/media"))


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/docs", "/docs/openapi.json"])
async def test_probes_and_docs_are_never_held_up(api, path):
    await statuses(api, LIMIT + 1)
    assert await statuses(api, 2 * LIMIT, path) == [200] * 2 * LIMIT


async def test_an_address_is_held_up_alone(api):
    await statuses(api, LIMIT + 1)
    elsewhere = httpx.ASGITransport(app=api.app, client=("198.51.100.7", 1))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://media.test") as other:
        assert await statuses(other, 2) == [401, 401]


def test_every_call_that_may_be_refused_so_says_it(environment):
    paths = create_app(api_settings(environment)).openapi_schema.to_schema()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            counted = not path.startswith("/health")
            told = operation["responses"].get("429", {}).get("description", "")
            assert ("request_rate_exceeded" in told) == counted, (method, path)
            assert ("keys_unavailable" in operation["responses"].get("503", {}).get("description", "")) == counted


class TestWithoutALimit:
    @pytest.fixture
    def environment(self, environment):
        return environment | {"REQUEST_RATE_PER_MINUTE": "0"}

    async def test_nobody_is_held_up(self, api, user):
        assert await statuses(api, 3 * LIMIT) == [401] * 3 * LIMIT
        assert await statuses(api, 3 * LIMIT, headers=user) == [200] * 3 * LIMIT
