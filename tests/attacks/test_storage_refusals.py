"""An issued URL allows one request: these bytes' size and type, to this key, once. Storage refuses all others."""

import asyncio
from unittest.mock import ANY
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.story import (
    ask,
    complete,
    download,
    gone,
    pass_time,
    put,
    settled,
    sha256_of,
    storage_code,
    stored,
    unique_png,
)

SIGNED = ["cache-control", "content-length", "content-type", "if-none-match", "x-amz-checksum-sha256"]


async def attempt(storage, asked, data, **changed):
    """The issued request with other headers; None leaves one out."""
    headers = {name: value for name, value in {**asked["upload"]["headers"], **changed}.items() if value is not None}
    return await storage.put(asked["upload"]["url"], content=data, headers=headers)


def answer(response):
    return response.status_code, storage_code(response)


async def test_another_size_is_refused(api, storage, user):
    data = unique_png()
    asked = await ask(api, user, data)
    for other in (data + b"\0", data[:-1], data * 2, b""):
        response = await attempt(storage, asked, other, **{"content-length": str(len(other))})
        assert answer(response) == (403, "SignatureDoesNotMatch")
    assert (await put(storage, asked, data)).status_code == 200, "nothing lay there"


async def test_another_type_is_refused(api, storage, user):
    data = unique_png()
    asked = await ask(api, user, data)
    for other in ("text/html", "image/jpeg", "image/png; charset=utf-8", "IMAGE/PNG"):
        response = await attempt(storage, asked, data, **{"content-type": other})
        assert answer(response) == (403, "SignatureDoesNotMatch")
    assert (await put(storage, asked, data)).status_code == 200, "nothing lay there"


async def test_other_bytes_than_the_checksum_are_refused(api, storage, user, administrator, environment):
    data = unique_png()
    asked = await ask(api, user, data, checksum_sha256=sha256_of(data))
    other = data[::-1]
    assert answer(await put(storage, asked, other)) == (400, "XAmzContentChecksumMismatch")
    forged = await attempt(storage, asked, other, **{"x-amz-checksum-sha256": sha256_of(other)})
    assert answer(forged) == (403, "SignatureDoesNotMatch")
    assert await stored(administrator, environment, other) == set()
    assert (await put(storage, asked, data)).status_code == 200
    assert (await complete(api, user, asked["id"])).json()["checksum_sha256"] == sha256_of(data)


@pytest.mark.parametrize("name", SIGNED)
async def test_a_signed_header_left_out_or_changed_is_refused(api, storage, user, administrator, environment, name):
    data = unique_png()
    asked = await ask(api, user, data, checksum_sha256=sha256_of(data))
    assert {*asked["upload"]["headers"], "content-length"} == set(SIGNED)
    assert set(SIGNED) | {"host"} == set(signed_headers(asked))
    if name == "content-length":
        left_out = await put_in_chunks(storage, asked, data)
        assert answer(left_out) == (411, "MissingContentLength")
    else:
        left_out = await attempt(storage, asked, data, **{name: None})
        assert left_out.status_code in {400, 403}, left_out.text
        other = {
            "cache-control": "public",
            "content-type": "text/plain",
            "if-none-match": "other",
            "x-amz-checksum-sha256": sha256_of(b""),
        }
        changed = await attempt(storage, asked, data, **{name: other[name]})
        assert answer(changed) == (403, "SignatureDoesNotMatch")
        twice = [*asked["upload"]["headers"].items(), (name, other[name])]
        repeated = await storage.put(asked["upload"]["url"], content=data, headers=twice)
        assert repeated.status_code in {400, 403}, repeated.text
    assert await stored(administrator, environment, data) == set()


async def test_a_second_put_is_refused_while_the_first_lies_there(api, storage, user):
    data = unique_png()
    asked = await ask(api, user, data)
    assert (await put(storage, asked, data)).status_code == 200
    assert answer(await put(storage, asked, data[::-1])) == (412, "PreconditionFailed")
    assert (await complete(api, user, asked["id"])).json()["status"] == "ready"
    assert (await download(api, storage, user, asked["id"])).content == data


async def test_of_many_puts_at_once_one_is_taken(api, storage, user):
    data = unique_png()
    asked = await ask(api, user, data)
    responses = await asyncio.gather(*(put(storage, asked, data) for _ in range(6)))
    assert sorted(response.status_code for response in responses) == [200, *[412] * 5]


async def test_the_url_used_again_after_ready_changes_and_announces_nothing(
    api, storage, user, rows, worker, events, administrator, environment, mode
):
    data = unique_png()
    other = data[::-1]
    asked = await ask(api, user, data)
    assert (await put(storage, asked, data)).status_code == 200
    media = await settled(api, user, asked["id"])
    await events.next(asked["id"])
    if mode == "quarantine":
        await gone(administrator, environment, data, but=1)
    again = await put(storage, asked, other)
    assert again.status_code == (412 if mode == "in place" else 200)
    await events.none_more(asked["id"])
    assert (await download(api, storage, user, asked["id"])).content == data
    assert await settled(api, user, asked["id"]) == media | {"download_url": ANY}
    await pass_time(rows, asked["id"], 3600)
    await gone(administrator, environment, other)


def signed_headers(asked):
    return parse_qs(urlsplit(asked["upload"]["url"]).query)["X-Amz-SignedHeaders"][0].split(";")


async def put_in_chunks(storage, asked, data):
    """Without a length: HTTP says then where the body ends in another way."""

    async def body():
        yield data

    return await storage.put(asked["upload"]["url"], content=body(), headers=asked["upload"]["headers"])
