"""Many links at once: over HTTP, and on the bus as `media.links`."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import nats
import pytest

from tests.api.test_upload_requests import problem
from tests.story import ask, download, link_to, make_ready, unique_png


@pytest.fixture
def environment(environment, own_nats):
    return environment | {"NATS_URL": own_nats, "UPLOAD_RATE_PER_MINUTE": "0", "MAX_PENDING_UPLOADS": "0"}


@pytest.fixture
def linker(bearer):
    return bearer(roles=["service"], scope="media:links")


async def links(api, caller, ids, **more):
    response = await api.post("/api/v1/media/download-urls", json={"ids": ids, **more}, headers=caller)
    assert response.status_code == 200, response.text
    return response.json()["items"]


@pytest.fixture
async def ready(api, storage, user):
    data = unique_png()
    return (await make_ready(api, storage, user, data, file_name="a b.png"))["id"], data


async def many_like(rows, media_id, count, name="photo.png"):
    """Ready objects beside this one, as a service has asked for thousands of them."""
    found = await rows.fetch(
        """INSERT INTO media.media_objects (
               file_name, original_file_name, file_type, mime_type, file_size, bucket_name, storage_path, uploaded_by,
               status, etag, version_id, finalized_at, finalized_by)
           SELECT file_name, $3, file_type, mime_type, file_size, bucket_name, storage_path || n, uploaded_by,
               status, etag, version_id, finalized_at, finalized_by
           FROM media.media_objects, generate_series(1, $2::integer) AS n WHERE id = $1 RETURNING id""",
        media_id,
        count,
        name,
    )
    return [str(row["id"]) for row in found]


async def test_each_link_is_served(api, storage, user, linker):
    files = [unique_png() for _ in range(3)]
    ids = [(await make_ready(api, storage, user, data))["id"] for data in files]
    items = await links(api, linker, ids)
    assert [item["id"] for item in items] == ids
    assert [(await storage.get(item["url"])).content for item in items] == files
    assert {frozenset(item) for item in items} == {frozenset({"id", "url", "expires_at"})}


async def test_each_id_has_its_entry_where_it_was_asked_for(api, storage, user, rows, linker, ready):
    pending = (await ask(api, user, b"x"))["id"]
    expired, deleted, ended = [(await make_ready(api, storage, user, unique_png()))["id"] for _ in range(3)]
    await api.delete(f"/api/v1/media/{deleted}", headers=user)
    await rows.execute("UPDATE media.media_objects SET expires_at = now() WHERE id = ANY($1)", [expired, ended])
    await rows.execute("UPDATE media.media_objects SET status = 'expired' WHERE id = $1", ended)
    unknown = str(uuid.uuid4())
    asked = [unknown, ready[0], pending, deleted, ready[0], expired, ended]
    items = await links(api, linker, asked)
    assert [item["id"] for item in items] == asked
    assert [item.get("error") for item in items] == [
        "media_not_found", None, "media_not_ready", "media_not_found", None, "media_not_ready", "media_not_ready",
    ]  # fmt: skip
    assert [("url" in item, "expires_at" in item) for item in items] == [
        (error is None, error is None) for error in (item.get("error") for item in items)
    ]


async def test_a_thousand_cost_one_statement(api, rows, linker, ready):
    ids = (await many_like(rows, ready[0], 1_000))[::-1]
    statements, pool = [], api.app.state.parts.database._pool
    opened = [await pool.acquire() for _ in range(pool.get_size())]
    for connection in opened:
        connection._con.add_query_logger(lambda record: statements.append(record.query))
        await pool.release(connection)
    items = await links(api, linker, ids)
    assert [item["id"] for item in items] == ids
    assert all("url" in item for item in items)
    assert len(statements) == 1, statements
    assert await rows.fetchval("SELECT count(*) FROM media.audit WHERE action = 'link.issued'") == 1_000


@pytest.mark.parametrize(
    "body",
    [
        {}, {"ids": []}, {"ids": ["x"]}, {"ids": None}, {"ids": [1]}, {"ids": [str(uuid.UUID(int=1))] * 1001},
        {"ttl_seconds": 0}, {"ttl_seconds": 301}, {"ttl_seconds": 10**30}, {"ttl_seconds": "60"}, {"ttl_seconds": True},
        {"ttl_seconds": 1.5}, {"disposition": "form-data"}, {"bucket": "invoices"},
    ],
    ids=lambda body: json.dumps(body)[:60],
)  # fmt: skip
async def test_what_can_not_be_is_refused(api, rows, linker, ready, body):
    asked = ({"ids": [ready[0]]} | body) if body else {}
    response = await api.post("/api/v1/media/download-urls", json=asked, headers=linker)
    assert problem(response) == (400, "invalid_request")
    assert await rows.fetchval("SELECT count(*) FROM media.audit WHERE action = 'link.issued'") == 0


@pytest.mark.parametrize("ttl_seconds", [1, 60, 300, None])
async def test_a_link_lives_as_long_as_it_was_asked_for(api, linker, ready, ttl_seconds):
    (item,) = await links(api, linker, [ready[0]], **({"ttl_seconds": ttl_seconds} if ttl_seconds else {}))
    signed = parse_qs(urlsplit(item["url"]).query)
    assert signed["X-Amz-Expires"] == [str(ttl_seconds or 300)]
    left = datetime.fromisoformat(item["expires_at"]) - datetime.now(UTC)
    assert left <= timedelta(seconds=ttl_seconds or 300)


@pytest.mark.parametrize("disposition", ["inline", "attachment"])
async def test_the_disposition_is_that_of_every_link(api, storage, linker, ready, disposition):
    (item,) = await links(api, linker, [ready[0]], disposition=disposition)
    served = await storage.get(item["url"])
    assert served.headers["content-disposition"].startswith(f"{disposition}; ")


async def test_it_is_the_link_that_a_single_request_gets(api, user, linker, ready):
    (item,) = await links(api, linker, [ready[0]])
    single = urlsplit(await link_to(api, user, ready[0]))
    many = urlsplit(item["url"])
    timed = {"X-Amz-Date", "X-Amz-Signature"}
    assert many.path == single.path
    assert {name: value for name, value in parse_qs(many.query).items() if name not in timed} == {
        name: value for name, value in parse_qs(single.query).items() if name not in timed
    }


@pytest.fixture
async def caller(api, own_nats):
    """A service on the bus, once the API answers there."""
    client = await nats.connect(own_nats)
    async with asyncio.timeout(10):
        while True:
            try:
                await client.request("$SRV.PING.media-links", b"", timeout=1)
                break
            except nats.errors.NoRespondersError:
                await asyncio.sleep(0.02)
    yield client
    await client.close()


async def over_the_bus(client, headers, body):
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.request("media.links", payload, headers=headers or None, timeout=10)


def refusal_of(answer):
    assert answer.data == b""
    assert answer.headers["Nats-Service-Error"]
    return answer.headers["Nats-Service-Error-Code"]


async def test_the_bus_answers_the_same(api, storage, caller, linker, ready):
    unknown = str(uuid.uuid4())
    answer = await over_the_bus(caller, linker, {"ids": [ready[0], unknown], "ttl_seconds": 60})
    first, second = json.loads(answer.data)["items"]
    assert (first["id"], second) == (ready[0], {"id": unknown, "error": "media_not_found"})
    assert (await storage.get(first["url"])).content == ready[1]
    assert not answer.headers or "Nats-Service-Error-Code" not in answer.headers


async def test_a_thousand_links_fit_into_an_answer_on_the_bus(rows, caller, linker, ready):
    ids = await many_like(rows, ready[0], 1_000)
    answer = await over_the_bus(caller, linker, {"ids": ids})
    assert [item["id"] for item in json.loads(answer.data)["items"]] == ids


async def test_what_does_not_fit_into_an_answer_on_the_bus_is_refused(rows, caller, linker, ready):
    ids = await many_like(rows, ready[0], 1_000, name="☂" * 255)
    assert refusal_of(await over_the_bus(caller, linker, {"ids": ids})) == "invalid_request"
    answer = await over_the_bus(caller, linker, {"ids": ids[:50]})
    assert len(json.loads(answer.data)["items"]) == 50


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        (None, "not_authenticated"),
        ({"exp": 1}, "not_authenticated"),
        ({"aud": "other"}, "not_authenticated"),
        ({}, "not_allowed"),
        ({"scope": "media:links"}, "not_allowed"),
        ({"roles": ["service"], "scope": "media:read"}, "not_allowed"),
        ({"roles": ["admin"]}, None),
    ],
    ids=json.dumps,
)
async def test_the_bus_asks_for_the_same_token(rows, caller, bearer, ready, claims, code):
    headers = {} if claims is None else bearer(**claims)
    answer = await over_the_bus(caller, headers, {"ids": [ready[0]]})
    issued = await rows.fetchval("SELECT count(*) FROM media.audit WHERE action = 'link.issued'")
    if code is None:
        assert ("url" in json.loads(answer.data)["items"][0], issued) == (True, 1)
    else:
        assert (refusal_of(answer), issued) == (code, 0)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{", b"[]", b"\xff", b'{"\xff":1}', b'{"ids":[]}', b'{"ids":["x"]}', b"[" * 5000,
        b'{"ids":["00000000-0000-0000-0000-000000000000"],"a\\r\\nNats-Service-Error-Code: 200":1}',
        b'{"ids":["00000000-0000-0000-0000-000000000000"],"ttl_seconds":301}',
    ],
    ids=lambda payload: ascii(payload)[:40],
)  # fmt: skip
async def test_the_bus_refuses_what_is_no_request(caller, linker, payload):
    answer = await over_the_bus(caller, linker, payload)
    assert refusal_of(answer) == "invalid_request"


@pytest.mark.parametrize("character", ["\N{GRINNING FACE}", "請", "%", '"', " ", "é", "x", "\u0301"])
async def test_a_location_fits_into_a_proxy_s_buffer_whatever_the_name_is(api, storage, user, character):
    """Nginx takes 4 KiB of headers by default."""
    asked = await make_ready(api, storage, user, unique_png(), file_name=("a" + character * 254))
    redirect = await api.get(f"/api/v1/media/{asked['id']}/download", headers=user)
    assert redirect.status_code == 302
    assert sum(len(name) + len(value) + 4 for name, value in redirect.headers.raw) < 3_500
    assert (await storage.get(redirect.headers["location"])).status_code == 200


async def test_the_name_that_is_offered_does_not_contradict_the_type(api, storage, user):
    asked = await make_ready(api, storage, user, unique_png(), file_name="gpj.exe")
    served = await download(api, storage, user, asked["id"])
    assert served.headers["content-disposition"] == 'attachment; filename="gpj.exe.png"'
    assert (await api.get(f"/api/v1/media/{asked['id']}", headers=user)).json()["original_file_name"] == "gpj.exe"
