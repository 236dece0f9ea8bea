"""What belongs to one media object never reaches another: not its bytes, its URL, its checks, nor its end."""

import asyncio
import re

import pytest

from app.media import ObjectAddress
from tests import samples
from tests.attacks import raw
from tests.story import lands_at, link_to, sha256_of, storage_code, unique_png, write

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Two:
    """Two uploads of two users: mine, and the one that is to suffer."""

    def __init__(self, mine, my_data, me, theirs, their_data, them):
        self.mine, self.my_data, self.me = mine, my_data, me
        self.theirs, self.their_data, self.them = theirs, their_data, them


async def two_uploads(ground, **more):
    me, them = ground.bearer(), ground.bearer()
    my_data, their_data = samples.png(9, 9, size=801), samples.png(8, 8, size=802)
    if more.pop("checksums", False):
        mine = await ground.ask(me, my_data, checksum_sha256=sha256_of(my_data))
        theirs = await ground.ask(them, their_data, checksum_sha256=sha256_of(their_data))
    else:
        mine, theirs = await ground.ask(me, my_data), await ground.ask(them, their_data)
    return Two(mine, my_data, me, theirs, their_data, them)


async def put_as(ground, url, headers, data):
    """Headers as given, except for the host, which is the URL's."""
    return await raw.send(url, "PUT", {"Host": raw.host_of(url), **headers}.items(), data)


async def everything_of(ground, asked):
    """Its row, its events and its entries in the ledger and the audit."""
    media_id = asked["id"]
    row = await ground.rows.fetchrow("SELECT * FROM media.media_objects WHERE id = $1", media_id)
    tables = ("outbox", "purges", "audit")
    return row, [
        await ground.rows.fetch(f"SELECT * FROM media.{table} WHERE media_id = $1 ORDER BY 1", media_id)
        for table in tables
    ]


MIXED = {
    "my bytes with their headers": lambda two: (two.theirs["upload"]["headers"], two.my_data),
    "my bytes with mine": lambda two: (two.mine["upload"]["headers"], two.my_data),
    "their bytes with mine": lambda two: (two.mine["upload"]["headers"], two.their_data),
    "my bytes with their headers and my length": lambda two: (
        two.theirs["upload"]["headers"] | {"content-length": str(len(two.my_data))},
        two.my_data,
    ),
    "my bytes with their headers and my checksum": lambda two: (
        two.theirs["upload"]["headers"] | {"x-amz-checksum-sha256": sha256_of(two.my_data)},
        two.my_data,
    ),
    "my bytes, filled up to their length": lambda two: (two.theirs["upload"]["headers"], two.my_data + b"\0"),
}


@pytest.mark.parametrize("how", MIXED)
async def test_to_put_at_another_s_url(ground, how):
    two = await two_uploads(ground, checksums=True)
    headers, data = MIXED[how](two)
    url = two.theirs["upload"]["url"]
    answer = await raw.send(url, "PUT", {"Host": raw.host_of(url), **headers}.items(), data, then_hang_up=True)
    assert answer.status_code == 0 or 400 <= answer.status_code < 500, answer.text
    assert await ground.versions_at(lands_at(two.theirs)) == []
    assert (await ground.put(two.theirs, two.their_data)).status_code == 200
    assert await ground.assert_serves_only_the_declared(two.them, two.theirs, two.their_data) == "ready"


@pytest.mark.parametrize("part", ["the path", "the query", "the signature", "the date and the signature"])
async def test_to_put_with_parts_of_another_s_url(ground, part):
    two = await two_uploads(ground)
    mine, theirs = two.mine["upload"]["url"], two.theirs["upload"]["url"]
    (my_path, _, my_query), (their_path, _, their_query) = mine.partition("?"), theirs.partition("?")
    signature = re.compile(r"X-Amz-Signature=\w+")
    date = re.compile(r"X-Amz-Date=\w+")
    url = {
        "the path": f"{their_path}?{my_query}",
        "the query": f"{my_path}?{their_query}",
        "the signature": signature.sub(signature.search(theirs)[0], mine),
        "the date and the signature": date.sub(
            date.search(theirs)[0], signature.sub(signature.search(theirs)[0], mine)
        ),
    }[part]
    for asked, data in ((two.mine, two.my_data), (two.theirs, two.their_data)):
        answer = await put_as(ground, url, asked["upload"]["headers"], data)
        assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True), answer.text


DONE_TO_MINE = {
    "notified": lambda ground, two: ground.notify(two.mine),
    "completed": lambda ground, two: ground.complete(two.me, two.mine),
    "called off": lambda ground, two: ground.api.delete(f"/api/v1/media/{two.mine['id']}", headers=two.me),
    "grown old": lambda ground, two: ground.pass_time(two.mine, 100_000),
}


@pytest.mark.parametrize("state", ["asked for", "landed", "ready"])
@pytest.mark.parametrize("what", DONE_TO_MINE)
async def test_to_have_theirs_touched_when_mine_is(ground, what, state):
    two = await two_uploads(ground)
    assert (await ground.put(two.mine, two.my_data)).status_code == 200
    if state != "asked for":
        assert (await ground.put(two.theirs, two.their_data)).status_code == 200
    if state == "ready":
        await ground.notify(two.theirs)
        await ground.purge()
    before = await everything_of(ground, two.theirs), await ground.keys_of(two.theirs)
    await DONE_TO_MINE[what](ground, two)
    for work in (ground.worker.sweep, ground.worker.expire):
        await work()
    await ground.purge()
    assert (await everything_of(ground, two.theirs), await ground.keys_of(two.theirs)) == before


@pytest.mark.parametrize("call", ["complete", "delete", "download", "show"])
async def test_to_do_it_by_their_id(ground, call):
    two = await two_uploads(ground)
    assert (await ground.put(two.theirs, two.their_data)).status_code == 200
    before = await everything_of(ground, two.theirs)
    path = f"/api/v1/media/{two.theirs['id']}"
    answer = await {
        "complete": lambda: ground.api.post(f"{path}/complete", headers=two.me),
        "delete": lambda: ground.api.delete(path, headers=two.me),
        "download": lambda: ground.api.get(f"{path}/download", headers=two.me),
        "show": lambda: ground.api.get(path, headers=two.me),
    }[call]()
    assert (answer.status_code, answer.json()["code"]) == (404, "media_not_found")
    assert await everything_of(ground, two.theirs) == before


async def test_to_read_theirs_with_the_version_of_mine(ground):
    me, them = ground.bearer(), ground.bearer()
    mine, theirs = await ground.make_ready(me, unique_png()), await ground.make_ready(them, unique_png())
    my_link, their_link = await link_to(ground.api, me, mine["id"]), await link_to(ground.api, them, theirs["id"])
    their_path = their_link.partition("?")[0]
    crossed = await ground.storage.get(f"{their_path}?{my_link.partition('?')[2]}")
    assert (crossed.status_code, storage_code(crossed)) == (403, "SignatureDoesNotMatch")


async def test_to_have_their_file_removed_with_mine_because_the_bytes_are_the_same(ground):
    data, me, them = unique_png(), ground.bearer(), ground.bearer()
    mine, theirs = await ground.make_ready(me, data), await ground.make_ready(them, data)
    assert (await ground.api.delete(f"/api/v1/media/{mine['id']}", headers=me)).status_code == 204
    await ground.pass_time(mine, 4000)
    await ground.purge()
    assert (await ground.download(them, theirs)).content == data
    assert len(await ground.stored(data)) == 1


@pytest.mark.parametrize("tail", ["x", ".bak", "/x", "\u00e9", " "])
async def test_to_have_a_neighbour_removed_whose_key_begins_as_mine(ground, tail):
    data, me = unique_png(), ground.bearer()
    mine = await ground.make_ready(me, data)
    neighbours = [
        ObjectAddress(address.bucket, address.key + tail)
        for address in await ground.keys_of(mine)
        if not (tail == "/x" and address == lands_at(mine))
    ]
    for neighbour in neighbours:
        await write(ground.administrator, neighbour, b"a neighbour's bytes")
    assert (await ground.api.delete(f"/api/v1/media/{mine['id']}", headers=me)).status_code == 204
    await ground.pass_time(mine, 4000)
    await ground.purge()
    for neighbour in neighbours:
        assert len(await ground.versions_at(neighbour)) == 1
        await ground.wipe(neighbour)


async def test_to_get_their_upload_by_their_idempotency_key(ground):
    key, data = {"Idempotency-Key": "the same"}, unique_png()
    me, them = ground.bearer(), ground.bearer()
    theirs = await ground.ask(them, data, headers=key)
    mine = await ground.ask(me, data, headers=key)
    assert mine["id"] != theirs["id"]
    assert lands_at(mine) != lands_at(theirs)
    other = {"file_name": "photo.png", "mime_type": "image/png", "file_size": len(data) + 1}
    refused = await ground.api.post("/api/v1/media/upload", json=other, headers={**them, **key})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


async def test_to_share_a_key_by_asking_at_once(ground):
    users = [ground.bearer() for _ in range(3)]
    uploads = await asyncio.gather(*(ground.ask(user, unique_png()) for user in users for _ in range(10)))
    assert len({lands_at(asked) for asked in uploads}) == len({asked["id"] for asked in uploads}) == 30


async def test_to_have_files_swapped_by_finalizing_them_at_once(ground):
    files = {ground.bearer()["Authorization"]: unique_png() for _ in range(12)}
    users = {authorization: {"Authorization": authorization} for authorization in files}
    uploads = await asyncio.gather(*(ground.land(users[name], data) for name, data in files.items()))
    attempts = [
        attempt
        for name, asked in zip(files, uploads, strict=True)
        for attempt in (ground.complete(users[name], asked), ground.notify(asked))
    ]
    await asyncio.gather(*reversed(attempts))
    for (name, data), asked in zip(files.items(), uploads, strict=True):
        assert (await ground.download(users[name], asked)).content == data
        assert await ground.events_of(asked) == ["MediaUploaded"]


async def test_to_have_their_verdict_for_mine(ground):
    """One notification names a page that is called a PNG, and a PNG."""
    me, them = ground.bearer(), ground.bearer()
    mine = await ground.land(me, samples.html() + unique_png())
    theirs = await ground.land(them, unique_png())
    await asyncio.gather(*(ground.notify(asked) for asked in (mine, theirs, mine, theirs)))
    assert [await ground.status_of(asked) for asked in (mine, theirs)] == ["rejected", "ready"]
