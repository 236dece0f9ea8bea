"""What the service answers is what the document declares: the status, the headers, the body."""

import json
import re

import jsonschema_rs
import pytest

from tests.story import ask, complete, put, unique_png

_OURS = {
    "allow",
    "etag",
    "location",
    "preference-applied",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "www-authenticate",
}


@pytest.fixture
def environment(environment):
    return environment | {"UPLOAD_RATE_PER_MINUTE": "2"}


@pytest.fixture
async def document(text, api):
    """The document, with each answer of the API held against it."""
    document = json.loads(text)
    seen = set()

    async def check(response):
        await response.aread()
        seen.add((response.status_code, _operation(document, response.request)["operationId"]))
        _check(document, response)

    api.event_hooks["response"].append(check)
    document["x-seen"] = seen
    return document


def _operation(document, request):
    for path, methods in sorted(document["paths"].items(), key=lambda item: "{" in item[0]):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), request.url.path) and request.method.lower() in methods:
            return methods[request.method.lower()]
    raise AssertionError(request)


def _check(document, response):
    told = _operation(document, response.request)["responses"][str(response.status_code)]
    declared = {name.lower(): header for name, header in told["headers"].items()}
    sent = _OURS & {name.lower() for name in response.headers}
    assert sent <= declared.keys(), response.request
    assert {name for name, header in declared.items() if header.get("required")} <= sent, response.request
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if response.content and response.status_code != 302:  # whose body nobody reads
        schema = {**told["content"][media_type]["schema"], "components": document["components"]}
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(response.json())


async def test_answers_of_the_whole_flow_are_declared(document, api, storage, user, bearer):
    data = unique_png()
    asked = await ask(api, user, data)
    path = f"/api/v1/media/{asked['id']}"
    await api.get(path, headers=user)
    await complete(api, user, asked["id"])
    await api.post(f"{path}/renew", headers=user)
    await put(storage, asked, data)
    await complete(api, user, asked["id"])
    await api.get(path, headers=user | {"Prefer": "wait=1"})
    await api.get("/api/v1/media", headers=user)
    for headers in ({}, {"If-Match": '"0"'}, {"If-Match": "*"}):
        await api.patch(path, json={"is_public": True}, headers=user | headers)
    await api.get(f"{path}/download", headers=user)
    await api.get(f"{path}/download", headers=user | {"Accept": "application/json"})
    await api.get(f"{path}/download")
    await api.get(path, headers=bearer())
    batch = {"uploads": [{"file_name": "a", "mime_type": "image/png", "file_size": 1}, {"file_size": "1"}]}
    await api.post("/api/v1/media/uploads", json=batch, headers=user)
    await api.post("/api/v1/media/uploads", json={"uploads": []}, headers=user)
    await api.post(
        "/api/v1/media/upload", json={"file_name": "a", "mime_type": "image/png", "file_size": 1}, headers=user
    )
    await api.post("/api/v1/media/upload", json={"file_size": "1"}, headers=user)
    await api.post("/api/v1/media/download-urls", json={"ids": [asked["id"]]}, headers=bearer(roles=["service"]))
    for call in ("audit", "counts", "media"):
        await api.get(f"/api/v1/admin/{call}", headers=bearer(roles=["admin"]))
    for probe in ("", "/live", "/ready"):
        await api.get(f"/health{probe}")
    await api.delete(path, headers=user)
    assert {status for status, _ in document["x-seen"]} >= {200, 201, 204, 302, 400, 401, 404, 409, 412, 428, 429}
