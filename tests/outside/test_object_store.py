"""What the steps rely on of storage: how it looks at, copies and removes objects, and what it says when it is away."""

import asyncio
import contextlib
import secrets

import msgspec
import pytest

from app import object_store
from app.config import api_settings, worker_settings
from app.errors import StorageUnavailable
from app.media import ObjectAddress
from app.stored_objects import StoredObject
from tests.story import sha256_of, unique_png, unused_port, write

in_quarantine = pytest.mark.parametrize("mode", ["quarantine"], indirect=True)  # a copy is made in no other
in_place = pytest.mark.parametrize("mode", ["in place"], indirect=True)  # which keeps versions


@pytest.fixture
def environment(stack, mode):
    return stack.environment(mode, stack.database_url)  # no database is needed here


@pytest.fixture
def storage(environment):
    return worker_settings(environment).storage


@pytest.fixture
async def store(storage):
    async with object_store.connect(storage, storage.worker) as connected:
        yield connected


@pytest.fixture
async def away(storage):
    nowhere = msgspec.structs.replace(storage, endpoint=f"127.0.0.1:{unused_port()}")
    async with object_store.connect(nowhere, storage.worker) as connected:
        yield connected


@pytest.fixture
def source(storage):
    return ObjectAddress(storage.bucket_incoming, f"uploads/{secrets.token_hex(8)} +%41é.png")


@pytest.fixture
def target(storage):
    return ObjectAddress(storage.bucket_media, f"media/{secrets.token_hex(8)} +%41é.png")


@in_quarantine
async def test_one_look_tells_size_type_and_first_bytes(store, administrator, source):
    data = unique_png()
    await write(administrator, source, data)
    seen = await store.look(source, 100)
    assert (seen.size_bytes, seen.first_bytes, seen.content_type) == (len(data), data[:100], "image/png")
    assert seen.other_headers == ()
    assert (await store.look(source, 1_000_000)).first_bytes == data


@pytest.mark.parametrize("kind", ["incoming", "media"])
async def test_when_it_expires_is_said_by_storage_alone(store, storage, administrator, kind):
    """A lifecycle rule shows in the headers of what it is about; an uploader can't put that there."""
    address = ObjectAddress(getattr(storage, f"bucket_{kind}"), f"uploads/{secrets.token_hex(8)}")
    headers = {"x-amz-expiration": 'expiry-date="Fri, 01 Jan 2100 00:00:00 GMT", rule-id="mine"', "content-type": "a/b"}
    await administrator._execute("PUT", address.bucket, address.key, body=b"a", headers=headers)
    seen = await administrator.stat_object(address.bucket, address.key)
    expires = {name.lower(): value for name, value in seen.metadata.items()}.get("x-amz-expiration")
    if storage.quarantine and kind == "incoming":
        assert 'rule-id="uploads"' in expires
        assert "2100" not in expires
    else:
        assert expires is None
    assert (await store.look(address, 1)).other_headers == ()
    await administrator.remove_object(address.bucket, address.key, seen.version_id)


@in_quarantine
async def test_an_empty_object_has_no_bytes(store, administrator, source):
    await write(administrator, source, b"")
    assert await store.look(source, 100) == StoredObject(0, b"", "", None, "", ())


@in_quarantine
async def test_what_is_not_there_is_none(store, source, target):
    assert await store.look(source, 100) is None
    assert await store.checksum(source, None) is None
    assert await store.copy(source, target, "image/png") is None
    assert await store.look(target, 100) is None


@in_quarantine
async def test_a_copy_has_the_bytes_their_sha256_and_nothing_else_of_its_source(store, administrator, source, target):
    data = unique_png()
    await administrator._execute(
        "PUT",
        source.bucket,
        source.key,
        body=data,
        headers={
            "cache-control": "max-age=9",
            "x-amz-meta-a": "b",
            "x-amz-tagging": "a=b",
            "content-type": "text/html",
        },
    )
    assert (await store.look(source, 1)).other_headers == ("cache-control", "x-amz-meta-a", "x-amz-tagging-count")
    copied = await store.copy(source, target, "image/png")
    assert copied.checksum_sha256 == sha256_of(data)
    assert await store.checksum(target, None) == sha256_of(data)
    seen = await store.look(target, len(data))
    assert (seen.first_bytes, seen.content_type, seen.other_headers) == (data, "image/png", ())


@in_quarantine
async def test_removing_says_what_is_gone_whether_or_not_it_was_there(store, administrator, source, target):
    await write(administrator, source, b"a")
    assert set(await store.remove([source, target])) == {source, target}
    assert await store.look(source, 1) is None
    assert await store.remove([]) == []


@in_quarantine
async def test_what_may_not_be_removed_is_not_said_to_be_gone(storage, environment, administrator, source):
    await write(administrator, source, b"a")
    async with object_store.connect(storage, api_settings(environment).uploader) as uploader:
        uploader._versioned[source.bucket] = False  # it may not even ask
        assert await uploader.remove([source]) == []
    await administrator.stat_object(source.bucket, source.key)


@in_quarantine
async def test_five_hundred_keys_go_at_once(store, administrator, storage):
    addresses = [ObjectAddress(storage.bucket_incoming, f"uploads/{secrets.token_hex(16)}") for _ in range(500)]
    await write(administrator, addresses[250], b"a")
    assert set(await store.remove(addresses)) == set(addresses)
    assert await store.look(addresses[250], 1) is None


@in_quarantine
async def test_a_refusal_is_unavailable_and_never_an_absent_object(storage, administrator, source, target):
    await write(administrator, source, b"a")
    stranger = msgspec.structs.replace(storage.worker, secret_key="guessed-secret")
    async with object_store.connect(storage, stranger) as unknown:
        for attempt in (
            unknown.look(source, 1),
            unknown.checksum(source, None),
            unknown.copy(source, target, "image/png"),
            unknown.remove([source]),
            unknown.ping(source.bucket),
        ):
            with pytest.raises(StorageUnavailable):
                await attempt


@in_quarantine
async def test_a_bucket_that_is_missing_is_unavailable(store, root, source):
    nowhere = ObjectAddress("no-such-bucket", source.key)
    for attempt in (root.look(nowhere, 1), root.copy(nowhere, source, "a/b"), root.remove([nowhere])):
        with pytest.raises(StorageUnavailable):
            await attempt
    with pytest.raises(StorageUnavailable):
        await store.ping(nowhere.bucket)


@in_place
async def test_every_version_of_a_key_is_removed_and_of_no_other(store, administrator, source):
    beside = ObjectAddress(source.bucket, f"{source.key}-2")
    await write(administrator, beside, b"stays")
    for number in range(30):
        await write(administrator, source, b"%d" % number)
    await administrator.remove_object(source.bucket, source.key)
    assert await store.look(source, 1) is None, "it is covered up"
    assert await store.remove([source]) == [source]
    left = administrator.list_objects(source.bucket, prefix=source.key, include_version=True)
    assert [listed.object_name async for listed in left] == [beside.key]
    assert await store.remove([beside]) == [beside]


@in_place
async def test_a_look_names_the_version_that_it_saw(store, administrator, source):
    for data in (b"first", b"second"):
        await write(administrator, source, data)
    seen = await store.look(source, 100)
    assert seen.first_bytes == b"second"
    response = await administrator.get_object(source.bucket, source.key, version_id=seen.version_id)
    async with response:
        assert await response.read() == b"second"
    assert await store.remove([source]) == [source]


@in_quarantine
async def test_storage_that_is_away_is_unavailable(away, source, target):
    for attempt in (
        away.look(source, 1),
        away.checksum(source, None),
        away.copy(source, target, "image/png"),
        away.remove([source]),
        away.ping(source.bucket),
    ):
        with pytest.raises(StorageUnavailable):
            await attempt


@in_quarantine
async def test_a_slow_line_shortens_nothing(storage, administrator, source):
    data = unique_png().ljust(4096, b"x")
    await write(administrator, source, data)
    async with line_to(storage.endpoint, piece=500) as endpoint, through(storage, endpoint) as slow:
        seen = await slow.look(source, 4096)
    assert seen.first_bytes == data[:4096]


@in_quarantine
async def test_a_line_that_breaks_is_unavailable(storage, administrator, source):
    await write(administrator, source, unique_png().ljust(8192, b"x"))
    async with line_to(storage.endpoint, piece=500, cut_after=3000) as endpoint, through(storage, endpoint) as broken:
        with pytest.raises(StorageUnavailable):
            await broken.look(source, 4096)


def through(storage, endpoint):
    return object_store.connect(msgspec.structs.replace(storage, endpoint=endpoint), storage.worker)


@contextlib.asynccontextmanager
async def line_to(endpoint, *, piece, cut_after=None):
    """A line to storage that carries answers in small pieces, and breaks after so many bytes."""
    host, _, port = endpoint.partition(":")
    calls = set()

    async def carry(reader, writer, size, limit=None):
        carried = 0
        while (limit is None or carried < limit) and (data := await reader.read(size)):
            writer.write(data)
            await writer.drain()
            carried += len(data)
            await asyncio.sleep(0.002)
        writer.close()

    async def accept(reader, writer):
        calls.add(asyncio.current_task())
        from_storage, to_storage = await asyncio.open_connection(host, port)
        try:
            await asyncio.gather(carry(reader, to_storage, 65_536), carry(from_storage, writer, piece, cut_after))
        finally:
            for end in (writer, to_storage):
                end.close()
                with contextlib.suppress(ConnectionError):
                    await end.wait_closed()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(5):
        await asyncio.gather(*calls, return_exceptions=True)
