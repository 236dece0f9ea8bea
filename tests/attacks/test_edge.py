"""The edge before storage lets an object's presigned PUT and GET through as they are, and refuses all that is not one.

On the real HAProxy with the configuration of deploy/edge, before the real MinIO.
"""

import asyncio
import hashlib
import re
import secrets
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from miniopy_async.error import S3Error

from app.config import api_settings
from app.media import ObjectAddress
from app.presign import Signer
from tests.story import (
    ask,
    client_of,
    download,
    link_to,
    make_ready,
    put,
    sha256_of,
    storage_code,
    unique_png,
    write,
)

FROM_THE_EDGE = "The edge does not let this request through."
BODY = b"an attacker's bytes"


@pytest.fixture
def environment(environment, edge):
    return environment | {"MINIO_PUBLIC_URL": edge[0]}


@pytest.fixture
def settings(stack, edge):
    environment = stack.environment("in place", stack.database_url) | {"MINIO_PUBLIC_URL": edge[0]}
    return api_settings(environment)


@pytest.fixture
async def landing(administrator):
    """Where an attacker would write; removed if that came off."""
    address = ObjectAddress("media", f"uploads/{secrets.token_hex(12)}")
    yield address
    await administrator.remove_object(address.bucket, address.key)


def presigned(settings, method, address, identity=None, headers=None):
    identity = identity or settings.uploader
    signer = Signer(
        base_url=settings.storage_public_url,
        region="us-east-1",
        access_key=identity.access_key,
        secret_key=identity.secret_key,
    )
    return signer.presign(
        method, address.bucket, address.key, now=datetime.now(UTC), expires_seconds=60, headers=headers or {}
    )


async def raw(url, method, target, headers=(), body=b""):
    """A request exactly as written: no client tidies the path or the headers up. Returns status and text."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close", *headers]
    if body or method in ("PUT", "POST"):
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    async with asyncio.timeout(10):
        answer = (await reader.read()).decode("latin-1")
    writer.close()
    return int(answer.split(" ", 2)[1]), answer.partition("\r\n\r\n")[2]


def target_of(url):
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def is_there(administrator, address):
    return [found async for found in administrator.list_objects(address.bucket, prefix=address.key)] != []


@pytest.mark.parametrize("size", [1, 4_096, 70_000, 3_000_000])
async def test_an_upload_and_its_download_pass_byte_for_byte(api, storage, user, edge, size):
    data = unique_png() + secrets.token_bytes(size)
    asked = await make_ready(api, storage, user, data, checksum_sha256=sha256_of(data))
    assert asked["upload"]["url"].startswith(edge[0])
    served = await download(api, storage, user, asked["id"])
    assert str(served.request.url).startswith(edge[0])
    assert (served.status_code, hashlib.sha256(served.content).digest()) == (200, hashlib.sha256(data).digest())
    assert served.headers["content-length"] == str(len(data))
    assert served.headers["content-type"] == "image/png"


async def test_a_part_of_a_download_passes(api, storage, user):
    data = unique_png()
    asked = await make_ready(api, storage, user, data)
    part = await storage.get(await link_to(api, user, asked["id"]), headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])


async def test_what_storage_refuses_is_still_refused(api, storage, user):
    """The edge checks no signature: storage does, and its answer comes back."""
    data = unique_png()
    asked = await ask(api, user, data)
    wrong = await put(storage, asked, data, **{"content-type": "text/html"})
    assert (wrong.status_code, storage_code(wrong)) == (403, "SignatureDoesNotMatch")
    assert (await put(storage, asked, data)).status_code == 200
    again = await put(storage, asked, data)
    assert (again.status_code, storage_code(again)) == (412, "PreconditionFailed")


async def test_a_configured_page_is_answered(api, storage, user):
    asked = await ask(api, user, unique_png())
    question = {"origin": "http://localhost:5173", "access-control-request-method": "PUT"}
    answer = await storage.options(asked["upload"]["url"], headers=question)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "http://localhost:5173")


SMUGGLED = {
    "a node's ETag": {"x-minio-source-etag": "0" * 32},
    "a node's time": {"x-minio-source-mtime": "2001-01-01T00:00:00Z"},
    "a node's copy, which is not announced": {"X-Minio-Source-Replication-Request": "true"},
    "a node's header in capitals": {"X-MINIO-SOURCE-ETAG": "0" * 32},
    "a node's metadata": {"x-minio-meta-a": "b"},
    "an order to unpack": {"x-minio-extract": "true"},
    "another order to unpack": {"x-amz-meta-snowball-auto-extract": "true"},
    "a source to copy from": {"x-amz-copy-source": "/media/uploads/a-strangers"},
    "a source in capitals": {"X-AMZ-COPY-SOURCE": "/media/uploads/a-strangers"},
    "a part of a source": {"x-amz-copy-source-range": "bytes=0-1"},
    "a condition on a source": {"x-amz-copy-source-if-match": "a"},
    "a replica": {"x-amz-bucket-replication-status": "REPLICA"},
    "an access list": {"x-amz-acl": "public-read-write"},
    "a grant": {"x-amz-grant-read": "uri=everyone"},
    "tags": {"x-amz-tagging": "a=b"},
    "metadata": {"x-amz-meta-a": "b"},
    "a storage class": {"x-amz-storage-class": "REDUCED_REDUNDANCY"},
    "a redirect": {"x-amz-website-redirect-location": "https://evil.invalid"},
    "encryption": {"x-amz-server-side-encryption": "AES256"},
    "a key to encrypt with": {"x-amz-server-side-encryption-customer-algorithm": "AES256"},
    "a lock": {"x-amz-object-lock-legal-hold": "ON"},
    "a session": {"x-amz-security-token": "a"},
    "another kind of checksum": {"x-amz-checksum-crc32": "AAAAAA=="},
    "a name that only begins like one that passes": {"x-amz-checksum-sha256-x": "a"},
}


@pytest.mark.parametrize("wish", SMUGGLED)
async def test_no_header_is_smuggled_along_with_an_upload(settings, storage, landing, administrator, wish):
    url = presigned(settings, "PUT", landing)
    answer = await storage.put(url, content=BODY, headers=SMUGGLED[wish])
    assert (answer.status_code, FROM_THE_EDGE in answer.text) == (403, True)
    assert not await is_there(administrator, landing)
    assert (await storage.put(url, content=BODY)).status_code == 200, "without it, it is an upload"


PIECES = {
    "unsigned": ["x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER"],
    "signed": ["x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD"],
    "signed with a trailer": ["x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"],
    "in small letters": ["x-amz-content-sha256: streaming-unsigned-payload-trailer"],
    "said first": [
        "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-content-sha256: UNSIGNED-PAYLOAD",
    ],
    "said last": [
        "x-amz-content-sha256: UNSIGNED-PAYLOAD",
        "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ],
    "with a tab": ["x-amz-content-sha256:\tSTREAMING-UNSIGNED-PAYLOAD-TRAILER\t"],
}


@pytest.mark.parametrize("forged", [True, False], ids=["made-up signature", "right signature"])
@pytest.mark.parametrize("how", PIECES)
async def test_no_body_comes_in_pieces(settings, landing, administrator, how, forged):
    url = presigned(settings, "PUT", landing)
    if forged:
        url = re.sub(r"(?<=X-Amz-Signature=).*", "0" * 64, url)
    chunk = f"{len(BODY):x}\r\n{BODY.decode()}\r\n0\r\n\r\n".encode()
    headers = [*PIECES[how], f"x-amz-decoded-content-length: {len(BODY)}", "content-encoding: aws-chunked"]
    assert await raw(url, "PUT", target_of(url), headers, chunk) == (403, error())
    only = [line for line in headers if "decoded" not in line]
    assert await raw(url, "PUT", target_of(url), only, chunk) == (403, error())
    assert not await is_there(administrator, landing)


def error():
    return f"<Error><Code>AccessDenied</Code><Message>{FROM_THE_EDGE}</Message></Error>"


UNREACHABLE = {
    "the list of buckets": "/",
    "a bucket": "/media",
    "a bucket's list": "/media/?list-type=2",
    "a bucket's uploads": "/media?uploads",
    "a bucket's policy": "/media/?policy",
    "administration": "/minio/admin/v3/list-users",
    "administration, version 4": "/minio/admin/v4/info",
    "metrics": "/minio/v2/metrics/cluster",
    "health": "/minio/health/live",
    "the nodes' own": "/minio/storage/v63/readall",
    "the console": "/minio/",
    "administration with a slash more": "//minio/admin/v3/info",
    "administration behind a bucket": "/media/../minio/admin/v3/info",
    "administration behind an encoded bucket": "/media/%2e%2e/minio/admin/v3/info",
    "administration behind a half encoded bucket": "/media/.%2E/minio/admin/v3/info",
    "administration behind encoded slashes": "/media%2f..%2fminio/admin/v3/info",
    "administration behind a slash in a key": "/media/x%2f..%2f..%2fminio/admin/v3/info",
    "administration behind a backslash": "/media/..\\minio/admin/v3/info",
    "administration behind a dot": "/./minio/admin/v3/info",
    "administration with a letter encoded": "/%6dinio/admin/v3/info",
    "administration with a whole address": "{edge}/minio/admin/v3/info",
    "administration in capitals": "/MINIO/admin/v3/info",
    "a key that is a slash": "/media//x",
}


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
@pytest.mark.parametrize("what", UNREACHABLE)
async def test_nothing_but_objects_can_be_reached(settings, edge, what, method):
    """With a signature in the query, which the edge can't tell from a right one."""
    signature = urlsplit(presigned(settings, "GET", ObjectAddress("media", "x"))).query
    target = UNREACHABLE[what].format(edge=edge[0])
    target += f"{'&' if '?' in target else '?'}{signature}"
    assert await raw(edge[0], method, target) == (403, error())


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get"])
async def test_no_other_method_passes(settings, landing, administrator, method):
    """Though it is signed by storage's administrator."""
    await write(administrator, landing, BODY)
    url = presigned(settings, method, landing, identity=settings.uploader)
    status, text = await raw(url, method, target_of(url))
    assert status in {400, 403}
    assert "Server: MinIO" not in text
    assert await is_there(administrator, landing)


async def test_an_administrators_own_signature_passes_nowhere_but_in_a_url(stack, settings, edge, storage):
    client = client_of(type("At", (), {"minio_endpoint": urlsplit(edge[0]).netloc}), stack.root)
    async with client as administrator:
        for attempt in (administrator.list_buckets(), administrator.get_object("media", "x")):
            with pytest.raises(S3Error) as raised:
                await attempt
            assert FROM_THE_EDGE in str(raised.value)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?X-Amz-Signature=",
        "?X-Amz-Signature=00",
        "?x=X-Amz-Signature",
        f"?X-Amz-Signature={'0' * 64}&AWSAccessKeyId=a&Signature=b&Expires=9999999999",
        "?AWSAccessKeyId=a&Signature=b&Expires=9999999999",
    ],
)
async def test_what_is_not_signed_does_not_reach_storage(edge, landing, administrator, query):
    for method in ("GET", "PUT"):
        assert await raw(edge[0], method, f"/{landing.bucket}/{landing.key}{query}", body=b"") == (403, error())
    assert not await is_there(administrator, landing)


AUTHORIZATIONS = ["AWS4-HMAC-SHA256 Credential=a", "Bearer a", "", "AWS a:b"]


@pytest.mark.parametrize("value", AUTHORIZATIONS)
async def test_a_signature_in_a_header_does_not_reach_storage(settings, landing, administrator, value):
    forged = re.sub("X-Amz-Signature=[0-9a-f]{64}", f"X-Amz-Signature={'0' * 64}", presigned(settings, "PUT", landing))
    status, text = await raw(forged, "PUT", target_of(forged), [f"Authorization: {value}"], BODY)
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)
    assert not await is_there(administrator, landing)


@pytest.mark.parametrize("value", AUTHORIZATIONS)
async def test_a_bearer_that_a_client_kept_through_the_redirect_does_not_reach_storage(settings, landing, value):
    """Storage would answer 400 to two authentications."""
    url = presigned(settings, "PUT", landing)
    assert (await raw(url, "PUT", target_of(url), [f"Authorization: {value}"], BODY))[0] == 200
    link = presigned(settings, "GET", landing)
    assert (await raw(link, "GET", target_of(link), [f"Authorization: {value}", "authorization: again"]))[0] in (
        200,
        403,
    )


async def test_a_page_without_a_name_may_read_and_not_write(settings, storage, landing):
    url, headers = presigned(settings, "PUT", landing), {"origin": "null", "access-control-request-headers": "range"}
    for method, status in (("GET", 204), ("HEAD", 204), ("PUT", 403)):
        asked = await storage.options(url, headers=headers | {"access-control-request-method": method})
        assert asked.status_code == status, method


async def test_the_host_that_was_signed_is_the_one_that_storage_sees(settings, landing):
    url = presigned(settings, "PUT", landing)
    parts = urlsplit(url)
    other = parts._replace(netloc=f"localhost:{parts.port}").geturl()
    status, text = await raw(other, "PUT", target_of(other), body=BODY)
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)
    assert (await raw(url, "PUT", target_of(url), body=BODY))[0] == 200


async def test_its_log_holds_no_signature_and_no_key(settings, storage, landing, edge):
    url = presigned(settings, "PUT", landing)
    assert (await storage.put(url, content=BODY)).status_code == 200
    assert (await storage.delete(url)).status_code == 403
    logged = edge[1].read_text()
    assert '"refused":"method"' in logged
    for secret in ("X-Amz", landing.key, settings.uploader.access_key):
        assert secret not in logged


async def test_nobody_writes_under_another_address(settings, storage, landing, bus):
    """Storage tells who wrote, in its notification and its audit log, as the edge tells it."""
    notifications = await bus.subscribe("minio.events")
    await bus.flush()
    claims = {"x-forwarded-for": "203.0.113.7", "x-real-ip": "203.0.113.7", "forwarded": "for=203.0.113.7"}
    assert (await storage.put(presigned(settings, "PUT", landing), content=BODY, headers=claims)).status_code == 200
    async with asyncio.timeout(10):
        while landing.key not in (said := (await notifications.next_msg(timeout=10)).data.decode().replace("%2F", "/")):
            pass
    assert '"sourceIPAddress":"127.0.0.1"' in said
