"""Whoever sends JSON that readers disagree on, or fields that are not theirs to say, changes nothing."""

import json
import uuid

import pytest

from tests.attacks.serving import request, said

UPLOAD = "/api/v1/media/upload"
GOOD = {"file_name": "a.png", "mime_type": "image/png", "file_size": 10}
JSON = {"Content-Type": "application/json"}


NO_VALUES = {
    "file_size": [
        *("1e999", "1E400", "-1e999", "NaN", "Infinity", "-Infinity", "1e1", "10.0", "0x10", "010", "+10", ".5", "1."),
        *("-0", "1_0", "true", "null", "[10]", '{"$gt":0}', '"10"', "9" * 5_000, "1" + "0" * 30, "0." + "1" * 5_000),
    ],
    "file_name": [
        *("null", "['a']", "{}", "'a'", '"a\nb"', r'"\ud800"', r'"\udc00\ud800"', r'"\u0000"', r'"a\nb"', r'"\x41"'),
    ],
    "mime_type": ['["image/png"]', "1"],
    "is_public": ["1", '"true"', "null", "[]"],
    "context_id": ['"00000000-0000-0000-0000-00000000000g"', "0"],
    "expires_at": ["9999999999", '"9999-99-99T00:00:00Z"', '"2030-01-01"', "{}"],
}


async def refusal(site, user, body, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = await site.post(UPLOAD, content=body, headers=user | JSON | headers)
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["code"]


def with_raw(field, raw):
    """The good body with one value written as no encoder would."""
    return json.dumps(GOOD | {field: "@"}).replace('"@"', raw).encode()


class TestWantsToSayWhatTheServiceSays:
    @pytest.mark.parametrize(
        "field",
        [
            "id",
            "status",
            "uploaded_by",
            "storage_path",
            "bucket_name",
            "link_epoch",
            "revision",
            "url",
            "created_at",
            "updated_at",
            "rejection_reason",
            "etag",
            "file_type",
            "original_file_name",
            "incoming_path",
            "object_key",
            "upload",
            "download_url",
            "__proto__",
            "constructor",
            "$set",
            "",
        ],
    )
    async def test_a_field_that_is_not_the_client_s_is_refused(self, site, user, field):
        assert await refusal(site, user, GOOD | {field: "ready"}) == (400, "invalid_request")

    @pytest.mark.parametrize(
        "field", ["status", "uploaded_by", "link_epoch", "id", "mime_type", "file_size", "storage_path"]
    )
    async def test_nor_can_it_be_changed_later(self, site, user, field):
        asked = (await site.post(UPLOAD, json=GOOD, headers=user)).json()
        response = await site.patch(f"/api/v1/media/{asked['id']}", json={field: "x"}, headers=user | {"If-Match": "*"})
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
        assert (await site.get(f"/api/v1/media/{asked['id']}", headers=user)).json()["status"] == "pending"

    async def test_what_an_answer_says_can_not_be_sent_back(self, site, user):
        asked = (await site.post(UPLOAD, json=GOOD, headers=user)).json()
        assert await refusal(site, user, asked) == (400, "invalid_request")


class TestWantsReadersToDisagree:
    @pytest.mark.parametrize(
        "body",
        [
            b'{"file_name":"a.png","mime_type":"image/png","file_size":10,"file_size":10737418240}',
            b'{"file_name":"a.png","mime_type":"image/png","file_size":10,"mime_type":"text/html"}',
            b'{"mime_type":"image/png","file_size":10,"file_name":"a.png","file\\u005fname":"../b"}',
        ],
        ids=["size", "type", "escaped name"],
    )
    async def test_with_a_key_that_comes_twice_the_policy_sees_what_is_done(self, site, user, body):
        """The last one counts, for the check and for what is made of it: there is one reader."""
        code, _ = await refusal(site, user, body)
        assert code in (400, 413, 415)

    async def test_of_two_sizes_the_one_that_is_signed_is_the_one_that_was_checked(self, site, user):
        body = b'{"file_name":"a.png","mime_type":"image/png","file_size":10737418240,"file_size":10}'
        response = await site.post(UPLOAD, content=body, headers=user | JSON)
        assert response.status_code in (201, 400)
        if response.status_code == 201:
            asked = response.json()
            assert (asked["file_size"], asked["upload"]["content_length"]) == (10, 10)

    @pytest.mark.parametrize(
        ("field", "raw"),
        [(field, raw) for field, values in NO_VALUES.items() for raw in values],
        ids=lambda value: value[:24].encode("unicode_escape").decode(),
    )
    async def test_with_a_value_that_is_none(self, site, user, field, raw):
        status, _ = await refusal(site, user, with_raw(field, raw))
        assert status in (400, 413)

    @pytest.mark.parametrize(
        "body",
        [
            b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
            json.dumps(GOOD).encode("utf-16"),
            json.dumps(GOOD).encode("utf-16-le"),
            json.dumps(GOOD).encode("utf-32"),
            json.dumps(GOOD).encode("utf-7").replace(b"{", b"+AHs-"),
            json.dumps(GOOD | {"file_name": "é"}, ensure_ascii=False).encode("latin-1"),
            b'{"file_name":"\xc0\xaf","mime_type":"image/png","file_size":10}',
            b'{"file_name":"\xed\xa0\x80","mime_type":"image/png","file_size":10}',
            json.dumps([GOOD]).encode(),
            json.dumps(json.dumps(GOOD)).encode(),
            json.dumps(GOOD).encode() + b"{}",
            json.dumps(GOOD).encode() + b"\x00",
            json.dumps(GOOD).encode()[:-1],
            json.dumps(GOOD).encode()[:-1] + b",}",
            b"/**/" + json.dumps(GOOD).encode(),
            b"while(1);" + json.dumps(GOOD).encode(),
            b"file_name=a.png&mime_type=image/png&file_size=10",
            b"<upload/>",
            b"\x00",
            b"null",
        ],
        ids=lambda body: repr(body[:16]),
    )
    async def test_with_bytes_that_are_no_json_object(self, site, user, body):
        assert await refusal(site, user, body) == (400, "invalid_request")

    @pytest.mark.parametrize(
        "kind",
        [
            "text/plain",
            "text/json",
            "application/xml",
            "multipart/form-data; boundary=x",
            "application/jsonp",
            "",
            "application/x-www-form-urlencoded",
            "application/json, text/html",
        ],
    )
    async def test_with_another_type_of_body(self, site, user, kind):
        assert await refusal(site, user, GOOD, **{"Content-Type": kind}) == (415, "unsupported_body")

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
    async def test_with_a_body_that_would_have_to_be_unpacked(self, site, user, coding):
        assert await refusal(site, user, b"\x1f\x8b" + bytes(100), **{"Content-Encoding": coding}) == (
            415,
            "unsupported_body",
        )


class TestWantsToExhaustTheReader:
    @pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'], ids=["arrays", "objects", "both"])
    async def test_by_nesting(self, site, user, opening):
        body = (opening * 65_536)[:65_536]
        assert await refusal(site, user, body) == (400, "invalid_request")

    async def test_by_nesting_in_a_field_that_is_not_known(self, site, user):
        body = b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
        assert await refusal(site, user, body) == (400, "invalid_request")

    async def test_by_many_keys(self, site, user):
        assert await refusal(site, user, {f"k{n}": 1 for n in range(4_000)}) == (400, "invalid_request")

    async def test_by_a_long_string(self, site, user):
        assert await refusal(site, user, GOOD | {"file_name": "a" * 65_000}) == (400, "invalid_request")

    @pytest.mark.parametrize(("size", "status"), [(65_535, 201), (65_536, 201), (65_537, 413)])
    async def test_by_the_last_byte(self, site, user, size, status):
        response = await site.post(UPLOAD, content=json.dumps(GOOD).ljust(size), headers=user | JSON)
        assert response.status_code == status

    async def test_by_a_thousand_and_one_ids(self, site, bearer):
        admin = bearer(roles=["admin"])
        ids = [str(uuid.uuid4()) for _ in range(1_001)]
        response = await site.post("/api/v1/media/download-urls", json={"ids": ids}, headers=admin)
        assert response.status_code == 400

    async def test_a_refusal_is_short_however_long_the_mistake(self, site, user):
        response = await site.post(UPLOAD, json=GOOD | {"x" * 60_000: 1}, headers=user)
        assert response.status_code == 400
        assert len(response.content) < 2_000

    async def test_the_api_goes_on_after_all_that(self, served):
        (answer,) = await said(served.port, request())
        assert answer.status == 200
