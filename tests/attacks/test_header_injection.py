"""Whoever puts more than a name into a name finds it in no header, no link and no log line of ours."""

import json
import re
import uuid
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest

from tests.attacks.conftest import SOCKET_MODE
from tests.attacks.serving import request, said, serving
from tests.story import link_to, make_ready, unique_png

UPLOAD = "/api/v1/media/upload"
MARK = "kilroy-was-here"


def asked_name(name):
    return {"file_name": name, "mime_type": "image/png", "file_size": 10}


def saved_as(header):
    """The names that clients read out of a Content-Disposition: old ones, and all others."""
    plain = re.search(r'filename="([^"]*)"', header)[1]
    exact = re.search(r"filename\*=UTF-8''(.*)$", header)
    return plain, unquote(exact[1], errors="strict") if exact else plain


def told_nowhere(served, *words):
    """Every line of the log is one JSON object, and none holds these words."""
    lines = served.lines()
    assert lines
    assert all(isinstance(line, dict) and "event" in line for line in lines)
    text = served.log.read_text()
    assert not [word for word in words if word in text or json.dumps(word)[1:-1] in text]


class TestWantsToChooseTheDownloadsHeaders:
    @pytest.mark.parametrize(
        "name",
        [
            'a".png',
            'a"; filename=evil.exe; x=".png',
            "a;filename=evil.exe",
            "a'b.png",
            "a,b.png",
            "a=b.png",
            "%0d%0aX-A: b",
            "a%22.png",
            "a%2f..%2fb.png",
            "..",
            "...png",
            ".htaccess",
            "~root",
            "C:evil.exe",
            "photo.png ",
            " photo.png",
            "gnp.\u202eexe.png",
            "\u2066a\u2069.png",
            "a\u200bb.png",
            "\uff41.png",
            "é.png",
            "e\u0301.png",
            "фото.png",
            "🙂.png",
            "=?utf-8?q?evil=2Eexe?=",
            "<script>.png",
            "$(id).png",
            "`id`.png",
            "{{7*7}}.png",
            "a" * 255,
            "é" * 255,
            "🙂" * 255,
            "filename*=UTF-8''evil.exe",
            "inline; filename=x.html",
            "CON",
            "con.png",
            "a\u00a0b.png",
        ],
        ids=lambda name: ascii(name)[:30],
    )
    async def test_by_a_file_name(self, site, storage, user, name):
        asked = await make_ready(site, storage, user, unique_png(), file_name=name)
        served = await storage.get(await link_to(site, user, asked["id"]))
        assert served.status_code == 200
        header = served.headers["content-disposition"]
        assert header.isascii()
        assert header.isprintable()
        assert header.startswith("attachment; filename=")
        assert re.fullmatch(
            r"""attachment; filename="[^"\\%]*"(; filename\*=UTF-8''[A-Za-z0-9%!#$&+.^_`|~-]*)?""", header
        )
        assert "x-a" not in served.headers
        for saved in saved_as(header):
            assert not set(saved) & set("/\\\r\n\x00\u202e\u2066\u200b")

    @pytest.mark.parametrize(
        "name",
        [
            "a\r\nX-A: b.png",
            "a\nb.png",
            "a\rb",
            "a\x00.png",
            "a\x00",
            "\x00",
            "a\x1b[31m.png",
            "a\tb",
            "\x7f",
            "a\x85b",
            "a\u2028b",
            "a\u2029b",
            "../../etc/passwd",
            "/etc/passwd",
            "a/b.png",
            "a\\b.png",
            "..\\..\\evil",
            "",
            " ",
            "\u200b",
            "\u202e",
            "a" * 256,
            "🙂" * 256,
            "a" * 60_000,
        ],
        ids=lambda name: ascii(name)[:30],
    )
    async def test_a_name_that_no_file_has_is_refused(self, site, user, name):
        response = await site.post(UPLOAD, json=asked_name(name), headers=user)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")

    @pytest.mark.parametrize(
        "disposition",
        ["inline\r\nX-A: b", "inline; filename=evil.exe", "", "INLINE", "form-data", "inline\x00", "inline,attachment"],
    )
    async def test_by_a_disposition(self, site, user, disposition):
        path = f"/files/{uuid.uuid4()}?disposition={quote(disposition)}"
        assert (await site.get(path, headers=user)).status_code == 400

    @pytest.mark.parametrize(
        "name", ["response-content-type", "response-content-disposition", "X-Amz-Expires", "versionId", "bucket", "key"]
    )
    async def test_by_a_parameter_of_storage(self, site, storage, user, name):
        asked = await make_ready(site, storage, user, unique_png())
        link = await site.get(f"/files/{asked['id']}?{name}=text/html", headers=user)
        query = parse_qs(urlsplit(link.headers["location"]).query)
        assert "text/html" not in [value for values in query.values() for value in values]

    async def test_by_a_type_that_runs_in_a_browser(self, site, storage, user):
        asked = await make_ready(site, storage, user, unique_png())
        shown = await storage.get(
            (await site.get(f"/files/{asked['id']}?disposition=inline", headers=user)).headers["location"]
        )
        assert shown.headers["content-type"] == "image/png"


class TestWantsToWriteTheLog:
    FORGED = '{"event": "upload.finalized", "level": "info"}'

    @pytest.mark.parametrize(
        "name", [f"{MARK}.png", f"{MARK}%0a{FORGED}", f'{MARK}"}}', f"{MARK}\u202e.png", f"{MARK}-\U0001f642"]
    )
    async def test_by_a_file_name(self, served, site, storage, user, name):
        asked = await make_ready(site, storage, user, unique_png(), file_name=name)
        await link_to(site, user, asked["id"])
        await site.delete(f"/api/v1/media/{asked['id']}", headers=user)
        told_nowhere(served, MARK)

    @pytest.mark.parametrize("name", [f"{MARK}\n{FORGED}", f"{MARK}\r\n{FORGED}\r\n", f"{MARK}/../x", f"{MARK}\x00"])
    async def test_by_a_file_name_that_is_refused(self, served, site, user, name):
        assert (await site.post(UPLOAD, json=asked_name(name), headers=user)).status_code == 400
        told_nowhere(served, MARK)

    @pytest.mark.parametrize(
        "target",
        [
            f"/{MARK}",
            f"/api/v1/media/{MARK}",
            f"/files/{MARK}%0A{quote(FORGED)}",
            f"/api/v1/media?cursor={MARK}%0A{quote(FORGED)}",
            f"/api/v1/media?{MARK}=1&{MARK}=1",
            f"/files/{uuid.UUID(int=1)}/download?token={MARK}",
            f"/docs/{MARK}",
            f"/docs/assets/{MARK}",
            f"/docs/assets/..%2f..%2f{MARK}",
        ],
        ids=lambda target: target[:24],
    )
    async def test_by_a_target(self, served, site, user, target):
        await site.get(target, headers=user)
        await site.get(target)
        told_nowhere(served, MARK)

    @pytest.mark.parametrize(
        "header",
        [
            "User-Agent",
            "Referer",
            "X-Request-Id",
            "X-Forwarded-For",
            "Forwarded",
            "Traceparent",
            "Tracestate",
            "Idempotency-Key",
            "Prefer",
            "Accept",
            "Cookie",
            "Authorization",
            "Origin",
            "X-Original-URL",
            "If-Match",
            "Range",
        ],
    )
    async def test_by_a_header(self, served, header):
        for value in (MARK, f"{MARK} {self.FORGED}", f"{MARK}\t\x80\xff"):
            await said(served.port, request("GET", "/api/v1/media", f"{header}: {value}"))
        told_nowhere(served, MARK)

    async def test_by_a_method_or_a_protocol(self, served):
        for raw in (f"{MARK} / HTTP/1.1\r\n\r\n", f"GET / {MARK}\r\n\r\n", f"\x16\x03{MARK}\r\n\r\n"):
            await said(served.port, raw.encode())
        told_nowhere(served, MARK)

    async def test_tokens_and_links_are_told_nowhere(self, served, site, storage, user):
        asked = await make_ready(site, storage, user, unique_png(), is_public=True)
        media = (await site.get(f"/api/v1/media/{asked['id']}", headers=user)).json()
        link = (await site.get(media["download_url"].replace("http://media.test", ""))).headers["location"]
        secrets = [
            user["Authorization"].rpartition(".")[2],
            media["download_url"].rpartition(".")[2],
            *parse_qs(urlsplit(link).query)["X-Amz-Signature"],
            *parse_qs(urlsplit(asked["upload"]["url"]).query)["X-Amz-Signature"],
        ]
        told_nowhere(served, *secrets, "X-Amz-", "token=")


class TestWantsToChooseOurAnswersHeaders:
    @pytest.mark.parametrize(
        "prefer",
        [
            "wait=1\tX-A: b",
            "wait=99999999999",
            "wait=-1",
            "wait=1e3",
            "wait=",
            "wait",
            "wait=0x10",
            "wait=1;wait=2",
            "=" * 5_000,
            "respond-async",
            "wait=٣",
            'wait="1"',
            "wait =1",
        ],
        ids=lambda value: ascii(value)[:20],
    )
    async def test_by_a_preference(self, site, user, prefer):
        asked = (await site.post(UPLOAD, json=asked_name("a.png"), headers=user)).json()
        await site.delete(f"/api/v1/media/{asked['id']}", headers=user)  # so that nothing is waited for
        headers = [*user.items(), ("Prefer", prefer.encode())]
        response = await site.get(f"/api/v1/media/{asked['id']}", headers=headers)
        assert response.status_code in (200, 400)
        applied = response.headers.get("preference-applied", "wait=1")
        assert re.fullmatch(r"wait=([12]?\d|30)", applied)

    @pytest.mark.parametrize(
        "key", ["a\x00b", "\x0b", "\u00e9", "a" * 256, "", " ", "\t", "a b\x7f"], ids=lambda value: ascii(value)[:12]
    )
    async def test_by_an_idempotency_key(self, served, user, key):
        body = json.dumps(asked_name("a.png")).encode()
        lines = [f"Authorization: {user['Authorization']}", "Content-Type: application/json", f"Idempotency-Key: {key}"]
        (answer,) = await said(served.port, request("POST", UPLOAD, *lines, body=body))
        assert (answer.status, answer.code) == (400, "invalid_request")

    @pytest.mark.parametrize(
        "traceparent",
        [
            "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
            "00-" + "g" * 32 + "-" + "1" * 16 + "-01",
            "ff-" + "1" * 32 + "-" + "1" * 16 + "-01",
            "00-" + "1" * 32 + "-" + "1" * 16 + "-01-x",
            MARK,
            "'; DROP TABLE media.outbox; --",
            "00-" + "1" * 9_000,
        ],
        ids=lambda value: value[:12] + str(len(value)),
    )
    async def test_by_a_trace(self, site, user, traceparent):
        response = await site.post(UPLOAD, json=asked_name("a.png"), headers=user | {"Traceparent": traceparent})
        assert response.status_code == 201
        assert MARK not in response.text + str(response.headers)

    @pytest.mark.parametrize(
        "accept", ["text/html", "*/*;q=0", "application/json\x0bX-A: b", "a" * 9_000, "", "application/xml"]
    )
    async def test_by_what_it_accepts(self, served, user, accept):
        lines = [f"Authorization: {user['Authorization']}", f"Accept: {accept}"]
        (answer,) = await said(served.port, request("GET", "/api/v1/media", *lines))
        assert answer.status in (200, 400)
        assert answer.header("content-type") in ("application/json", "application/problem+json")
        assert answer.header("x-a") is None

    @pytest.mark.parametrize(
        "target", ["/files/%0d%0aX-A:%20b", "/%0d%0aX-A:b", "//evil.example/%2e%2e", "/docs/..%2f", "/\\evil.example"]
    )
    async def test_by_a_target(self, site, user, target):
        response = await site.get(target, headers=user)
        assert response.status_code in (400, 404)
        assert "x-a" not in response.headers
        assert "location" not in response.headers


class TestWantsAnAddressOfAnother:
    LIMIT = 5

    @pytest.fixture
    def mode(self):
        return SOCKET_MODE

    async def statuses(self, environment, forwarded):
        """Of requests with wrong bearers that say where they come from."""
        async with (
            serving(environment | {"REQUEST_RATE_PER_MINUTE": str(self.LIMIT)}) as server,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client,
        ):
            return [
                (await client.get("/api/v1/media", headers={"X-Forwarded-For": said_from})).status_code
                for said_from in forwarded
            ]

    async def test_nobody_s_word_is_taken_for_it(self, environment):
        forwarded = [f"198.51.100.{n}" for n in range(self.LIMIT + 2)]
        assert await self.statuses(environment, forwarded) == [401] * self.LIMIT + [429] * 2

    async def test_behind_a_proxy_it_is_what_the_proxy_saw(self, environment):
        forwarded = [f"198.51.100.{n}, 203.0.113.9" for n in range(self.LIMIT + 2)]
        behind = environment | {"TRUSTED_PROXIES": "127.0.0.1"}
        assert await self.statuses(behind, forwarded) == [401] * self.LIMIT + [429] * 2

    async def test_behind_a_proxy_each_client_is_counted_by_itself(self, environment):
        forwarded = [f"203.0.113.{n}" for n in range(self.LIMIT + 2)]
        behind = environment | {"TRUSTED_PROXIES": "127.0.0.1"}
        assert await self.statuses(behind, forwarded) == [401] * (self.LIMIT + 2)

    async def test_all_addresses_of_an_ipv6_network_are_one(self, environment):
        forwarded = [f"2001:db8::{n:x}:1" for n in range(1, self.LIMIT + 3)]
        behind = environment | {"TRUSTED_PROXIES": "127.0.0.1"}
        assert await self.statuses(behind, forwarded) == [401] * self.LIMIT + [429] * 2

    async def test_what_is_no_address_is_one_caller(self, environment):
        forwarded = [f"unknown-{n}" for n in range(self.LIMIT + 2)]
        behind = environment | {"TRUSTED_PROXIES": "127.0.0.1"}
        assert await self.statuses(behind, forwarded) == [401] * self.LIMIT + [429] * 2
