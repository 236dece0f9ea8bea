"""Whoever names an address finds that nobody goes there, and that our own addresses stay ours."""

import json
import time
import uuid
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.attacks.serving import request, said
from tests.attacks.test_token_games import claims
from tests.story import make_ready, unique_png

MEDIA = "/api/v1/media"
UPLOAD = f"{MEDIA}/upload"


class TestWantsTheApiToFetch:
    @pytest.fixture
    async def site(self, served_with_published_keys):
        async with httpx.AsyncClient(base_url=served_with_published_keys.url, trust_env=False, timeout=10) as client:
            yield client

    @pytest.mark.parametrize("header", ["jku", "x5u", "jwk", "kid", "iss", "x5c", "url"])
    @pytest.mark.parametrize("known", [True, False], ids=["known key", "unknown key"])
    async def test_a_key_from_a_token_s_header(self, site, listener, header, known):
        before = len(listener.asked)
        trap = f"{listener.url}/trap/{header}"
        told = {"jwk": {"kty": "RSA", "x5u": trap, "kid": "own"}, "x5c": [trap]}.get(header, trap)
        headers = {"kid": "current" if known else "own", header: told}
        own = rsa.generate_private_key(65_537, 2048)
        token = jwt.encode(claims(), own, algorithm="RS256", headers=headers)
        response = await site.get(MEDIA, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401
        assert not [path for path in listener.asked[before:] if path != "/jwks"]

    async def test_keys_again_and_again(self, site, listener):
        before, began = len(listener.asked), time.monotonic()
        own = rsa.generate_private_key(65_537, 2048)
        for number in range(40):
            token = jwt.encode(claims(), own, algorithm="RS256", headers={"kid": f"made up {number}"})
            assert (await site.get(MEDIA, headers={"Authorization": f"Bearer {token}"})).status_code == 401
        assert len(listener.asked) - before <= 1 + (time.monotonic() - began) / 10

    @pytest.mark.parametrize(
        "field", ["url", "callback", "webhook", "upload", "source_url", "file_url", "download_url"]
    )
    async def test_a_file_or_a_callback(self, site, listener, signing_key, field):
        before = len(listener.asked)
        token = jwt.encode(claims(), signing_key, algorithm="RS256", headers={"kid": "current"})
        body = {"file_name": "a.png", "mime_type": "image/png", "file_size": 10, field: f"{listener.url}/trap"}
        response = await site.post(UPLOAD, json=body, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 400
        assert not [path for path in listener.asked[before:] if path != "/jwks"]

    async def test_a_name_that_is_an_address(self, site, listener, signing_key):
        before = len(listener.asked)
        token = jwt.encode(claims(), signing_key, algorithm="RS256", headers={"kid": "current"})
        body = {"file_name": f"{urlsplit(listener.url).netloc}", "mime_type": "image/png", "file_size": 10}
        assert (await site.post(UPLOAD, json=body, headers={"Authorization": f"Bearer {token}"})).status_code == 201
        assert not [path for path in listener.asked[before:] if path != "/jwks"]


class TestWantsOurLinksToPointElsewhere:
    @pytest.fixture
    async def ready(self, site, storage, user):
        return (await make_ready(site, storage, user, unique_png()))["id"]

    def links(self, media):
        return [media["url"], media["download_url"]]

    @pytest.mark.parametrize(
        "line",
        [
            "Host: evil.example",
            "Host: evil.example:80",
            "Host: media.test@evil.example",
            "Host: 127.0.0.1:9",
            "Host: [::1]",
            "Host: media.test#.evil.example",
            "Host: ",
            "Host: %65vil.example",
        ],
    )
    async def test_by_the_host_header(self, served, stack, user, ready, line):
        lines = [line, f"Authorization: {user['Authorization']}"]
        (answer,) = await said(served.port, request("GET", f"{MEDIA}/{ready}", *lines, host=None))
        if answer.status == 400:  # it can't be a host
            return
        assert {urlsplit(link).netloc for link in self.links(json.loads(answer.body))} == {"media.test"}
        (answer,) = await said(served.port, request("GET", f"/files/{ready}", *lines, host=None))
        assert urlsplit(answer.header("location")).netloc == stack.minio_endpoint

    @pytest.mark.parametrize(
        "header",
        [
            "X-Forwarded-Host",
            "X-Host",
            "Forwarded",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-Forwarded-Server",
            "X-Forwarded-Proto",
            "X-Forwarded-Prefix",
            "X-HTTP-Method-Override",
            "X-Forwarded-Port",
        ],
    )
    async def test_by_what_a_proxy_would_say(self, site, stack, user, ready, header):
        value = {"Forwarded": "host=evil.example;proto=https", "X-HTTP-Method-Override": "DELETE"}.get(
            header, "evil.example"
        )
        media = (await site.get(f"{MEDIA}/{ready}", headers=user | {header: value})).json()
        assert {urlsplit(link)[:2] for link in self.links(media)} == {("http", "media.test")}
        answer = await site.get(f"/files/{ready}", headers=user | {header: value})
        assert urlsplit(answer.headers["location"]).netloc == stack.minio_endpoint

    @pytest.mark.parametrize(
        "target",
        [
            "http://evil.example{0}",
            "http://evil.example:1{0}",
            "http://user@evil.example{0}",
            "https://evil.example{0}",
        ],
    )
    async def test_by_an_absolute_target(self, served, user, ready, target):
        lines = [f"Authorization: {user['Authorization']}"]
        (answer,) = await said(served.port, request("GET", target.format(f"{MEDIA}/{ready}"), *lines))
        assert {urlsplit(link).netloc for link in self.links(json.loads(answer.body))} == {"media.test"}

    @pytest.mark.parametrize(
        "target", ["*", "evil.example:443", "//evil.example/api/v1/media", "file:///etc/passwd", "http://"]
    )
    async def test_by_a_target_of_another_form(self, served, target):
        (answer,) = await said(served.port, request("GET", target))
        assert answer.status in (400, 404)
        assert answer.header("location") is None

    async def test_by_the_upload_s_name_or_context(self, site, stack, bearer):
        context = {"context_type": "ticket_photo", "context_id": str(uuid.uuid4())}
        claim = bearer(contexts=[f"ticket_photo:{context['context_id']}"])
        body = {"file_name": "@evil.example", "mime_type": "image/png", "file_size": 10, **context}
        asked = (await site.post(UPLOAD, json=body, headers=claim)).json()
        assert urlsplit(asked["upload"]["url"]).netloc == stack.minio_endpoint
