"""POST /api/v1/media/upload: what it answers, and every way to ask wrongly."""

import asyncio
import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

ASKED = {"file_name": "ac photo.jpg", "mime_type": "image/jpeg", "file_size": 245_678}
SHA256 = base64.b64encode(bytes(32)).decode()
JSON = {"Content-Type": "application/json"}


async def ask(api, user, headers=None, **changes):
    return await api.post("/api/v1/media/upload", json=ASKED | changes, headers=user | (headers or {}))


def problem(response):
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "code"}
    assert body["status"] == response.status_code
    return response.status_code, body["code"]


async def test_an_upload_that_was_asked_for_has_the_fields_of_the_specification(api, user):
    response = await ask(api, user)
    assert response.status_code == 201
    body = response.json()
    assert list(body)[:8] == [
        "id", "file_name", "original_file_name", "file_type", "mime_type", "file_size", "url", "created_at",
    ]  # fmt: skip
    assert (body["original_file_name"], body["file_type"], body["status"]) == ("ac photo.jpg", "image", "pending")
    assert body["url"] == f"http://media.test/files/{body['id']}"
    assert "ac photo" not in body["file_name"]


async def test_the_url_signs_all_that_storage_is_to_enforce(api, user):
    upload = (await ask(api, user, checksum_sha256=SHA256)).json()["upload"]
    query = parse_qs(urlsplit(upload["url"]).query)
    assert upload["method"] == "PUT"
    signed = "cache-control;content-length;content-type;host;if-none-match;x-amz-checksum-sha256"
    assert query["X-Amz-SignedHeaders"] == [signed]
    assert upload["content_length"] == 245_678
    assert upload["headers"] == {
        "cache-control": "private, max-age=86400, immutable",
        "content-type": "image/jpeg",
        "if-none-match": "*",
        "x-amz-checksum-sha256": SHA256,
    }
    life = datetime.fromisoformat(upload["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=590) < life <= timedelta(seconds=600)


async def test_the_key_holds_nothing_that_the_client_chose(api, user):
    path = urlsplit((await ask(api, user)).json()["upload"]["url"]).path
    assert path.startswith("/media/uploads/")
    assert "photo" not in path
    assert path != urlsplit((await ask(api, user)).json()["upload"]["url"]).path


async def test_a_retry_with_its_idempotency_key_gets_the_same_answer(api, user):
    first = await ask(api, user, {"Idempotency-Key": "a-retry"})
    again = await ask(api, user, {"Idempotency-Key": "a-retry"})
    assert again.json() == first.json()


async def test_thirty_retries_at_once_make_one_row(api, user, rows):
    answers = await asyncio.gather(*(ask(api, user, {"Idempotency-Key": "at-once"}) for _ in range(30)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await rows.fetchval("SELECT count(*) FROM media.media_objects") == 1


async def test_an_idempotency_key_for_another_request_is_refused(api, user):
    await ask(api, user, {"Idempotency-Key": "reused"})
    response = await ask(api, user, {"Idempotency-Key": "reused"}, file_size=1)
    assert problem(response) == (422, "idempotency_key_reused")


async def test_two_users_may_choose_the_same_idempotency_key(api, bearer):
    first = await ask(api, bearer(), {"Idempotency-Key": "common"})
    other = await ask(api, bearer(), {"Idempotency-Key": "common"}, file_size=1)
    assert other.status_code == 201
    assert other.json()["id"] != first.json()["id"]


async def test_everything_in_the_database_happens_in_one_round_trip(api, user):
    await ask(api, user)
    statements = []
    pool = api.app.state.parts.database._pool
    async with pool.acquire() as connection:
        raw = connection._con
    raw.add_query_logger(statements.append)
    assert (await ask(api, user)).status_code == 201
    raw.remove_query_logger(statements.append)
    assert len(statements) == 1


async def test_a_multipart_body_is_told_the_right_call(api, user):
    response = await api.post("/api/v1/media/upload", files={"file": b"bytes"}, headers=user)
    assert problem(response) == (415, "unsupported_body")
    assert 'POST /api/v1/media/upload {"file_name"' in response.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"file_size": 0}, (400, "invalid_request")),
        ({"file_size": -1}, (400, "invalid_request")),
        ({"file_size": "10"}, (400, "invalid_request")),
        ({"file_size": 1.5}, (400, "invalid_request")),
        ({"file_size": True}, (400, "invalid_request")),
        ({"file_size": None}, (400, "invalid_request")),
        ({"file_size": 10 * 1024 * 1024 + 1}, (413, "upload_too_large")),
        ({"file_size": 10**30}, (413, "upload_too_large")),
        ({"mime_type": "text/html"}, (415, "type_not_allowed")),
        ({"mime_type": "image/svg+xml"}, (415, "type_not_allowed")),
        ({"mime_type": ""}, (400, "invalid_request")),
        ({"mime_type": "image/jpeg\r\nx: y"}, (415, "type_not_allowed")),
        ({"mime_type": 1}, (400, "invalid_request")),
        ({"file_name": ""}, (400, "invalid_request")),
        ({"file_name": "a" * 256}, (400, "invalid_request")),
        ({"file_name": "a\u0000b"}, (400, "invalid_request")),
        ({"file_name": "a\r\nb"}, (400, "invalid_request")),
        ({"file_name": "../../etc/passwd"}, (400, "invalid_request")),
        ({"file_name": ["a"]}, (400, "invalid_request")),
        ({"context_type": "invoice"}, (400, "invalid_request")),
        ({"context_type": "ticket_photo", "context_id": "not-a-uuid"}, (400, "invalid_request")),
        ({"context_id": "bb0e8400-e29b-41d4-a716-446655440000"}, (400, "invalid_request")),
        ({"is_public": "true"}, (400, "invalid_request")),
        ({"is_public": 1}, (400, "invalid_request")),
        ({"checksum_sha256": "abc"}, (400, "invalid_request")),
        ({"checksum_sha256": "00" * 32}, (400, "invalid_request")),
        ({"checksum_sha256": SHA256.rstrip("=")}, (400, "invalid_request")),
        ({"expires_at": "2020-01-01T00:00:00Z"}, (400, "invalid_request")),
        ({"expires_at": "2030-01-01T00:00:00"}, (400, "invalid_request")),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, (400, "invalid_request")),
        ({"expires_at": "tomorrow"}, (400, "invalid_request")),
        ({"status": "ready"}, (400, "invalid_request")),
        ({"uploaded_by": "bb0e8400-e29b-41d4-a716-446655440000"}, (400, "invalid_request")),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
async def test_a_declaration_that_can_not_be_is_refused(api, user, rows, changes, refusal):
    assert problem(await ask(api, user, **changes)) == refusal
    assert await rows.fetchval("SELECT count(*) FROM media.media_objects") == 0


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"1", b'"x"', b"{}", b"\xff\xfe", b"[" * 30_000, b'{"a":' * 10_000,
        b'{"file_name":"\\ud800","mime_type":"image/png","file_size":10}',
        b'{"file_name":"a","mime_type":"image/png","file_size":1e400}',
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
async def test_a_body_that_is_no_request_is_refused(api, user, body):
    response = await api.post("/api/v1/media/upload", content=body, headers=user | JSON)
    assert problem(response) == (400, "invalid_request")


async def test_a_body_over_64_kib_is_refused(api, user):
    response = await api.post("/api/v1/media/upload", content=b" " * 65_537, headers=user | JSON)
    assert problem(response) == (413, "body_too_large")


@pytest.mark.parametrize("key", ["", "a" * 256, "ключ".encode(), "a\tb"])
async def test_an_idempotency_key_that_is_not_plain_is_refused(api, user, key):
    assert problem(await ask(api, user, {"Idempotency-Key": key})) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("declared", "canonical"),
    [
        ("IMAGE/JPEG", "image/jpeg"),
        ("image/jpeg; charset=binary", "image/jpeg"),
        (" image/png ;x=y", "image/png"),
        ("image/jpg", "image/jpeg"),
        ("Image/PJPEG", "image/jpeg"),
        ("image/x-png", "image/png"),
        ("application/x-pdf", "application/pdf"),
    ],
)
async def test_a_media_type_is_taken_and_signed_in_its_canonical_form(api, user, declared, canonical):
    asked = (await ask(api, user, mime_type=declared)).json()
    assert (asked["mime_type"], asked["upload"]["headers"]["content-type"]) == (canonical, canonical)


@pytest.mark.parametrize("field", ["file_name", "mime_type", "checksum_sha256"])
async def test_what_no_database_can_hold_is_refused_with_an_idempotency_key_too(api, user, field):
    wrong = ASKED | {field: "a\u0000b"}
    one = await api.post("/api/v1/media/upload", json=wrong, headers=user | {"Idempotency-Key": "a"})
    assert one.status_code in (400, 415)
    many = await api.post("/api/v1/media/uploads", json={"uploads": [wrong]}, headers=user | {"Idempotency-Key": "a"})
    assert many.json()["items"][0]["error"] == one.json()["code"]


async def test_two_idempotency_keys_are_refused(api, user):
    headers = [*user.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    for path, body in (("upload", ASKED), ("uploads", {"uploads": [ASKED]})):
        answer = await api.post(f"/api/v1/media/{path}", json=body, headers=headers)
        assert problem(answer) == (400, "invalid_request")
        assert "Idempotency-Key comes more than once" in answer.json()["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
async def test_an_encoded_body_is_told_that_it_is_encoded(api, user, encoding):
    headers = user | JSON | {"Content-Encoding": encoding}
    answer = await api.post("/api/v1/media/upload", content=gzip.compress(json.dumps(ASKED).encode()), headers=headers)
    assert problem(answer) == (415, "unsupported_body")
    assert f"encoded as {encoding}" in answer.json()["detail"]
    assert answer.headers["accept-encoding"] == "identity"


async def test_an_expiry_shorter_than_the_url_is_kept(api, user):
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert (await ask(api, user, expires_at=soon)).status_code == 201
