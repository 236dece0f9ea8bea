"""Headers that every answer has, and which other origins' pages may read one."""

import re

import pytest

from tests.api.test_upload_requests import ask

OURS, ALSO_OURS = "https://www.example.com", "http://localhost:3000"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, idempotency-key"}
SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


def cors_headers(response):
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize(
    "path", ["/api/v1/media", "/health", "/health/live", "/nothing", "/files/abc", "/api/v1/media?limit=x"]
)
async def test_every_answer_says_what_browsers_may_do_with_it(api, user, path):
    for headers in (user, {}):
        answered = (await api.get(path, headers=headers)).headers
        assert {name: answered.get_list(name) for name in SAFE} == {name: [value] for name, value in SAFE.items()}


class TestWithoutOrigins:
    @pytest.fixture
    def environment(self, environment):
        return {name: value for name, value in environment.items() if name != "CORS_ALLOWED_ORIGINS"}

    async def test_nothing_is_said_of_origins(self, api, user):
        response = await api.get("/api/v1/media", headers=user | {"Origin": OURS})
        assert (cors_headers(response), response.headers.get("vary")) == ({}, None)
        preflight = await api.options("/api/v1/media/upload", headers={"Origin": OURS} | ASKS)
        assert cors_headers(preflight) == {}


async def test_the_docs_page_runs_no_script_but_its_own_files(api):
    page = await api.get("/docs")
    policy = page.headers["content-security-policy"]
    assert re.search(r"script-src ([^;]*)", policy)[1] == "'self'"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "no-store" not in page.headers.get("cache-control", "")
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page.text, re.DOTALL)
    assert scripts
    assert all("src=" in attributes and not inline for attributes, inline in scripts)
    assert not re.search(r"<[^>]* on\w+=", page.text)


async def test_the_docs_page_starts_with_the_schema(api):
    script = await api.get("/docs/start.js")
    assert script.headers["content-type"].startswith("text/javascript")
    (address,) = re.findall(r'fetch\("([^"]+)"\)', script.text)
    assert "/api/v1/media/upload" in (await api.get(address)).json()["paths"]


class TestWithOrigins:
    @pytest.fixture
    def environment(self, environment):
        return environment | {"CORS_ALLOWED_ORIGINS": f"{OURS}, {ALSO_OURS}"}

    @pytest.mark.parametrize("origin", [OURS, ALSO_OURS])
    async def test_an_allowed_origin_s_page_may_call_and_read(self, api, user, origin):
        preflight = await api.options("/api/v1/media/upload", headers={"Origin": origin} | ASKS)
        said = cors_headers(preflight)
        assert (preflight.status_code, said["access-control-allow-origin"]) == (204, origin)
        assert {"GET", "HEAD", "POST", "PATCH", "DELETE"} == set(said["access-control-allow-methods"].split(", "))
        allowed = set(said["access-control-allow-headers"].split(", "))
        assert {"authorization", "content-type", "idempotency-key", "if-match", "prefer"} <= allowed
        assert {"traceparent", "tracestate", "baggage"} <= allowed

        response = await ask(api, user, {"Origin": origin})
        said = cors_headers(response)
        assert (response.status_code, said["access-control-allow-origin"]) == (201, origin)
        assert {"ETag", "RateLimit", "Retry-After", "Location"} <= set(
            said["access-control-expose-headers"].split(", ")
        )
        assert response.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in said

    async def test_a_page_with_traces_may_call(self, api):
        traces = "authorization,content-type,traceparent,tracestate,baggage"
        asks = ASKS | {"Origin": OURS, "Access-Control-Request-Headers": traces}
        assert (await api.options("/api/v1/media/upload", headers=asks)).status_code == 204

    async def test_an_allowed_origin_s_page_reads_refusals_too(self, api):
        response = await api.get("/api/v1/media", headers={"Origin": OURS})
        assert (response.status_code, response.headers["access-control-allow-origin"]) == (401, OURS)

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example", "null", "https://www.example.com.evil.example", "https://wwwXexample.com",
            "https://evil.example/https://www.example.com", "http://www.example.com", "https://www.example.com:444",
            "https://www.example.com/", "https://sub.www.example.com", "https://WWW.example.com.", "*", "",
        ],
    )  # fmt: skip
    async def test_another_origin_gets_nothing(self, api, user, origin):
        response = await api.get("/api/v1/media", headers=user | {"Origin": origin})
        assert (response.status_code, cors_headers(response), response.headers["vary"]) == (200, {}, "Origin")
        preflight = await api.options("/api/v1/media/upload", headers={"Origin": origin} | ASKS)
        assert cors_headers(preflight) == {}

    async def test_caches_are_told_that_the_origin_matters_even_where_none_was_sent(self, api, user):
        assert (await api.get("/api/v1/media", headers=user)).headers["vary"] == "Origin"

    @pytest.mark.parametrize(
        "asks", [{"Access-Control-Request-Method": "PUT"}, ASKS | {"Access-Control-Request-Headers": "x-minio-source"}]
    )
    async def test_what_no_page_needs_is_not_allowed(self, api, asks):
        preflight = await api.options("/api/v1/media/upload", headers={"Origin": OURS} | asks)
        assert cors_headers(preflight) == {}


class TestWithAnyPort:
    @pytest.fixture
    def environment(self, environment):
        return environment | {"CORS_ALLOWED_ORIGINS": "http://localhost:*,https://[::1]:*"}

    @pytest.mark.parametrize("origin", ["http://localhost:3000", "http://localhost:80", "https://[::1]:5173"])
    async def test_pages_of_every_port_may_call(self, api, user, origin):
        response = await api.get("/api/v1/media", headers=user | {"Origin": origin})
        assert response.headers["access-control-allow-origin"] == origin

    @pytest.mark.parametrize(
        "origin",
        [
            "http://localhost", "http://localhost:", "http://localhost:x", "http://localhost:.evil.example",
            "https://localhost:3000", "http://localhost:3000.evil.example", "http://127.0.0.1:3000", "http://localhost:*",
        ],
    )  # fmt: skip
    async def test_others_may_not(self, api, user, origin):
        assert cors_headers(await api.get("/api/v1/media", headers=user | {"Origin": origin})) == {}
