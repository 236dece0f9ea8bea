"""Whoever steals the secret of one identity can do what its file in minio-policies/ says, and nothing else."""

import secrets
from datetime import UTC, datetime

import pytest
from miniopy_async.commonconfig import CopySource
from miniopy_async.credentials.providers import StaticProvider
from miniopy_async.deleteobjects import DeleteObject
from miniopy_async.error import MinioAdminException, S3Error
from miniopy_async.minioadmin import MinioAdmin

from app.config import Identity, api_settings
from app.media import ObjectAddress
from app.presign import Signer
from tests.story import ask, client_of, complete, download, lands_at, make_ready, put, storage_code, unique_png, write

THEIRS = b"a stranger's bytes"


@pytest.fixture
def settings(stack, mode):
    return api_settings(stack.environment(mode, stack.database_url))


@pytest.fixture
async def uploader(stack, settings):
    async with client_of(stack, settings.uploader) as client:
        yield client


@pytest.fixture
async def downloader(stack, settings):
    async with client_of(stack, settings.downloader) as client:
        yield client


@pytest.fixture
async def worker_identity(stack, settings):
    async with client_of(stack, settings.storage.worker) as client:
        yield client


@pytest.fixture
async def places(settings, administrator):
    """A stranger's object in each bucket of this deployment, and in one that is none of its own."""
    storage, name = settings.storage, secrets.token_hex(8)
    made = {
        "landed": ObjectAddress(storage.bucket_incoming, f"uploads/{name}"),
        "served": ObjectAddress(storage.bucket_media, f"media/{name}"),
        "invoice": ObjectAddress(storage.bucket_invoices, f"invoices/{name}"),
        "foreign": ObjectAddress(f"foreign-{name}", f"uploads/{name}"),
    }
    await administrator.make_bucket(made["foreign"].bucket)
    for address in made.values():
        await write(administrator, address, THEIRS)
    yield made
    for address in made.values():
        await administrator.remove_object(address.bucket, address.key)
    await administrator.remove_bucket(made["foreign"].bucket)


async def refused(attempt):
    with pytest.raises(S3Error) as raised:
        await attempt
    assert raised.value.code == "AccessDenied", raised.value


async def read(client, address):
    response = await client.get_object(address.bucket, address.key)
    async with response:
        return await response.read()


async def listed(client, bucket):
    return [found.object_name async for found in client.list_objects(bucket, recursive=True)]


async def copied(client, source, target):
    return await client.copy_object(target.bucket, target.key, CopySource(source.bucket, source.key))


def beside(address):
    return ObjectAddress(address.bucket, f"{address.key}-2")


async def test_the_uploader_writes_where_uploads_land_and_nowhere_else(uploader, administrator, places):
    mine = beside(places["landed"])
    await write(uploader, mine, b"mine")
    assert await read(administrator, mine) == b"mine"
    await administrator.remove_object(mine.bucket, mine.key)
    outside = [beside(places[name]) for name in ("served", "invoice", "foreign")]
    for address in [*outside, ObjectAddress(mine.bucket, "media/x"), ObjectAddress(mine.bucket, "x")]:
        await refused(write(uploader, address, b"mine"))


async def test_the_uploader_reads_lists_and_deletes_nothing(uploader, administrator, places):
    for address in places.values():
        await refused(read(uploader, address))
        await refused(uploader.stat_object(address.bucket, address.key))
        await refused(listed(uploader, address.bucket))
        await refused(uploader.remove_object(address.bucket, address.key))
        (failed,) = await uploader.remove_objects(address.bucket, [DeleteObject(address.key)])
        assert failed.code == "AccessDenied"
        await refused(uploader.get_object_tags(address.bucket, address.key))
        assert await read(administrator, address) == THEIRS


async def test_the_uploader_copies_nothing_of_a_strangers(uploader, administrator, settings, storage, places):
    for source in places.values():
        await refused(copied(uploader, source, beside(places["landed"])))
        target = beside(places["landed"])
        upload_id = await uploader._create_multipart_upload(target.bucket, target.key, {})
        headers = {"x-amz-copy-source": f"/{source.bucket}/{source.key}"}
        await refused(uploader._upload_part_copy(target.bucket, target.key, upload_id, 1, headers))
        await administrator._abort_multipart_upload(target.bucket, target.key, upload_id)
        signed = _signer(settings, settings.uploader).presign(
            "PUT", target.bucket, target.key, now=datetime.now(UTC), expires_seconds=60, headers=headers
        )
        response = await storage.put(signed, headers=headers)
        assert (response.status_code, storage_code(response)) == (403, "AccessDenied")


async def test_an_issued_url_copies_nothing_of_a_strangers(api, storage, user, places, administrator):
    data = unique_png()
    for source in places.values():
        asked = await ask(api, user, data)
        response = await put(storage, asked, data, **{"x-amz-copy-source": f"/{source.bucket}/{source.key}"})
        assert (response.status_code, storage_code(response)) == (403, "AccessDenied")
        assert (await complete(api, user, asked["id"])).json()["code"] == "upload_not_received"


async def test_the_downloader_reads_what_is_served_and_nothing_else(downloader, places, mode):
    for name in ("served", "invoice"):
        assert await read(downloader, places[name]) == THEIRS
    for name in ("foreign",) if mode == "in place" else ("foreign", "landed"):
        await refused(read(downloader, places[name]))


async def test_the_downloader_writes_lists_and_deletes_nothing(downloader, administrator, places):
    for address in places.values():
        await refused(write(downloader, beside(address), b"mine"))
        await refused(write(downloader, address, b"mine"))
        await refused(listed(downloader, address.bucket))
        await refused(downloader.remove_object(address.bucket, address.key))
        await refused(copied(downloader, address, beside(address)))
        assert await read(administrator, address) == THEIRS


async def test_the_worker_looks_at_and_removes_uploads_and_writes_copies(worker_identity, administrator, places):
    for name in ("landed", "served", "invoice"):
        assert await read(worker_identity, places[name]) == THEIRS
    await copied(worker_identity, places["landed"], beside(places["served"]))
    await copied(worker_identity, places["landed"], ObjectAddress(places["served"].bucket, "orphans/x"))
    await worker_identity.remove_object(places["served"].bucket, "orphans/x")
    await write(worker_identity, beside(places["invoice"]), b"an invoice")
    for name in ("served", "invoice"):
        await worker_identity.remove_object(*_parts(beside(places[name])))
    await worker_identity.remove_object(*_parts(places["landed"]))
    assert await listed_under(administrator, places["landed"]) == []


async def test_the_worker_writes_no_upload_and_touches_no_foreign_bucket(worker_identity, administrator, places, mode):
    await refused(write(worker_identity, beside(places["landed"]), b"mine"))
    for key in ("x", "orphans", "uploads/orphans/x"):
        await refused(write(worker_identity, ObjectAddress(places["served"].bucket, key), b"mine"))
    if mode == "quarantine":
        await refused(write(worker_identity, ObjectAddress(places["landed"].bucket, "orphans/x"), b"mine"))
    foreign = places["foreign"]
    await refused(read(worker_identity, foreign))
    await refused(write(worker_identity, beside(foreign), b"mine"))
    await refused(worker_identity.remove_object(*_parts(foreign)))
    await refused(listed(worker_identity, foreign.bucket))
    await refused(copied(worker_identity, foreign, beside(places["served"])))
    assert await read(administrator, foreign) == THEIRS


@pytest.mark.parametrize("role", ["uploader", "downloader", "worker"])
async def test_no_identity_administers(stack, settings, places, role):
    identity = settings.storage.worker if role == "worker" else getattr(settings, role)
    bucket = settings.storage.bucket_media
    async with client_of(stack, identity) as client:
        await refused(client.make_bucket(f"made-{secrets.token_hex(4)}"))
        await refused(client.remove_bucket(bucket))
        await refused(client.set_bucket_policy(bucket, '{"Version": "2012-10-17", "Statement": []}'))
        await refused(client.get_bucket_policy(bucket))
        await refused(client.delete_bucket_notification(bucket))
        await refused(client.delete_bucket_lifecycle(bucket))
        admin = MinioAdmin(
            stack.minio_endpoint,
            StaticProvider(identity.access_key, identity.secret_key),
            region="us-east-1",
            secure=False,
            session=client._session,
        )
        for attempt in (admin.user_list(), admin.policy_list(), admin.user_add("mallory", "mallory-mallory")):
            with pytest.raises(MinioAdminException) as raised:
                await attempt
            assert "AccessDenied" in str(raised.value)


async def test_an_identity_without_its_secret_is_refused(storage, settings, places):
    for method, name, identity in (
        ("GET", "served", settings.downloader),
        ("PUT", "landed", settings.uploader),
        ("DELETE", "served", settings.storage.worker),
    ):
        guessed = _signer(settings, Identity(identity.access_key, "guessed-secret"))
        url = guessed.presign(method, *_parts(places[name]), now=datetime.now(UTC), expires_seconds=60)
        response = await storage.request(method, url)
        assert (response.status_code, storage_code(response)) == (403, "SignatureDoesNotMatch")


async def test_nothing_is_public(storage, api, user, places, settings):
    asked = await make_ready(api, storage, user, unique_png(), is_public=True)
    link = (await download(api, storage, user, asked["id"])).request.url
    base = f"{link.scheme}://{link.host}:{link.port}"
    for address in (*places.values(), lands_at(asked)):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            assert (await storage.request(method, f"{base}/{address.bucket}/{address.key}")).status_code == 403
        assert (await storage.get(f"{base}/{address.bucket}")).status_code == 403
    assert (await storage.get(base)).status_code == 403


async def listed_under(client, address):
    return [found.object_name async for found in client.list_objects(address.bucket, prefix=address.key)]


def _signer(settings, identity):
    return Signer(
        base_url=settings.storage_public_url,
        region=settings.storage.region,
        access_key=identity.access_key,
        secret_key=identity.secret_key,
    )


def _parts(address):
    return address.bucket, address.key
