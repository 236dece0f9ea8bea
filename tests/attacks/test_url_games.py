"""An issued URL is one request: whoever changes its query, path, host, method or signer gets no other one for it."""

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from app.presign import Signer
from tests.attacks import raw
from tests.story import lands_at, sha256_of, unique_png

pytestmark = pytest.mark.asyncio(loop_scope="session")

OTHER = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA512",
    "X-Amz-Credential": "AKIAIOSFODNN7EXAMPLE%2F20260101%2Fus-east-1%2Fs3%2Faws4_request",
    "X-Amz-Date": "20991231T235959Z",
    "X-Amz-Expires": "604800",
    "X-Amz-SignedHeaders": "host%3Brange",
    "X-Amz-Signature": "0" * 64,
}
# Each takes the URL, a parameter's name and its value there, and a value that it does not have.
TAMPER = {
    "dropped": lambda url, name, value, _: re.sub(rf"&?{name}={re.escape(value)}", "", url),
    "emptied": lambda url, name, value, _: url.replace(f"{name}={value}", f"{name}="),
    "changed": lambda url, name, value, other: url.replace(f"{name}={value}", f"{name}={other}"),
    "said twice": lambda url, name, _, other: url.replace("?", f"?{name}={other}&", 1),
    "renamed": lambda url, name, *_: url.replace(name, f"{name}-"),
}
SUBRESOURCES = [
    "acl",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "legal-hold",
    "lifecycle",
    "list-type=2",
    "location",
    "notification",
    "partNumber=1",
    "partNumber=1&uploadId=x",
    "policy",
    "replication",
    "restore",
    "retention",
    "select&select-type=2",
    "tagging",
    "torrent",
    "uploads",
    "versionId=null",
    "versioning",
    "versions",
    "x-id=PutObject",
    "x-amz-copy-source=%2Fmedia%2Fuploads%2Fx",
    "x-amz-security-token=x",
    "response-content-type=text%2Fhtml",
]
PATHS = {
    "another key": lambda key: f"{key.rpartition('/')[0]}/{'0' * 32}.png",
    "a key beneath it": lambda key: f"{key}/x",
    "a slash behind it": lambda key: f"{key}/",
    "a slash before it": lambda key: f"/{key}",
    "in upper case": str.upper,
    "dots that climb": lambda key: f"{key}/../x",
    "encoded dots that climb": lambda key: f"{key}/%2e%2e/x",
    "doubly encoded dots": lambda key: f"{key}/%252e%252e/x",
    "dots out of the prefix": lambda key: key.replace("/", "/../invoices/", 1),
    "dots out of the bucket": lambda key: f"../invoices/{key}",
    "encoded slashes out of the bucket": lambda key: f"..%2f..%2finvoices%2f{key}",
    "a dot segment": lambda key: key.replace("/", "/./", 1),
    "a doubly encoded slash": lambda key: key.replace("/", "%252F"),
    "a doubly encoded letter": lambda key: f"%25{ord(key[0]):02x}{key[1:]}",
    "a backslash": lambda key: key.replace("/", "\\"),
    "a NUL at the end": lambda key: f"{key}%00",
    "a line break in it": lambda key: f"{key}%0d%0a",
    "a space at the end": lambda key: f"{key}%20",
    "a semicolon parameter": lambda key: f"{key};x=1",
    "an overlong slash": lambda key: key.replace("/", "%c0%af"),
}
METHODS = {
    "PUT": ["GET", "HEAD", "DELETE", "POST", "PATCH", "COPY", "put", "TRACE"],
    "GET": ["PUT", "HEAD", "DELETE", "POST", "PATCH", "COPY", "get"],
}
DISGUISES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]
HOSTS = ["storage.evil.test", "localhost", "127.0.0.1", "media.{}", "{}.", "{}@evil.test", "[::1]", ""]
FORWARDED = ["X-Forwarded-Host", "X-Forwarded-Server", "X-Original-URL", "X-Rewrite-URL", "Forwarded"]


class Put:
    """A PUT URL that no one has used: an attempt succeeds if any bytes land anywhere."""

    def __init__(self, ground, user, data, asked):
        self.ground, self.user, self.data, self.asked = ground, user, data, asked
        self.url = asked["upload"]["url"]
        self.headers = asked["upload"]["headers"] | {"content-length": str(len(data))}
        self.key = lands_at(asked).key

    async def send(self, url=None, method="PUT", *, host=None, **more):
        headers = {"Host": host or raw.host_of(self.url), **self.headers, **more}
        body = self.data
        if method not in {"PUT", "POST", "PATCH", "put"}:
            del headers["content-length"]
            body = b""
        return await raw.send(self.url, method, headers.items(), body, target=url and raw.target_of(url))

    async def assert_in_vain(self, answer):
        assert 400 <= answer.status_code < 600, answer.text
        assert await self.ground.versions_at(lands_at(self.asked)) == []

    async def assert_nothing_landed(self):
        """Nowhere at all: more dear than to look under its own key."""
        assert await self.ground.stored(self.data) == set()

    async def assert_the_same(self, answer):
        assert answer.status_code == 200, answer.text
        assert len(await self.ground.versions_at(lands_at(self.asked))) == 1
        await self.ground.wipe(lands_at(self.asked))


class Get:
    """A link to an object that is ready: an attempt succeeds if it yields or changes anything but these bytes."""

    def __init__(self, ground, user, data, url):
        self.ground, self.user, self.data, self.url = ground, user, data, url
        self.key = urlsplit(url).path.lstrip("/").partition("/")[2]

    async def send(self, url=None, method="GET", *, host=None, **more):
        headers = {"Host": host or raw.host_of(self.url), **more}
        body = b"other bytes" if method in {"PUT", "POST", "PATCH"} else b""
        if body:
            headers["Content-Length"] = str(len(body))
        return await raw.send(self.url, method, headers.items(), body, target=url and raw.target_of(url))

    async def assert_in_vain(self, answer):
        assert 400 <= answer.status_code < 600, answer.text
        await self.assert_nothing_landed()

    async def assert_nothing_landed(self):
        assert (await self.ground.storage.get(self.url)).content == self.data

    async def assert_the_same(self, answer):
        assert answer.status_code == 200, answer.text
        assert answer.body == self.data


async def put_url(ground):
    user, data = ground.bearer(), unique_png()
    return Put(ground, user, data, await ground.ask(user, data, checksum_sha256=sha256_of(data)))


async def get_url(ground):
    user, data = ground.bearer(), unique_png()
    asked = await ground.make_ready(user, data)
    return Get(ground, user, data, await ground.link_to(user, asked))


ISSUED = {"PUT": put_url, "GET": get_url}


@pytest.fixture(params=ISSUED)
def method(request):
    return request.param


@pytest_asyncio.fixture(loop_scope="session")
async def issued(ground, method):
    """A URL that all attempts share: each must leave it as it was."""
    return await ground.kept(method, lambda: ISSUED[method](ground))


def value_of(url, name):
    return re.search(rf"[?&]{name}=([^&]*)", url)[1]


@pytest.mark.parametrize("how", TAMPER)
@pytest.mark.parametrize("name", OTHER)
async def test_another_request_by_a_parameter_that_is(issued, name, how):
    url = TAMPER[how](issued.url, name, value_of(issued.url, name), OTHER[name])
    assert url != issued.url
    await issued.assert_in_vain(await issued.send(url))


@pytest.mark.parametrize("name", OTHER)
async def test_a_parameter_that_is_said_again_is_not_heard(issued, name):
    await issued.assert_the_same(await issued.send(f"{issued.url}&{name}={OTHER[name]}"))


@pytest.mark.parametrize("added", SUBRESOURCES)
async def test_another_operation_by_adding(issued, added):
    behind, before = f"{issued.url}&{added}", issued.url.replace("?", f"?{added}&", 1)
    for url, method in ((behind, "PUT"), (before, "GET"), (behind, "POST"), (before, "DELETE")):
        answer = await issued.send(url, method)
        assert 400 <= answer.status_code < 600, answer.text
    await issued.assert_nothing_landed()


@pytest.mark.parametrize("how", PATHS)
async def test_another_key_by(issued, how):
    url = issued.url.replace(issued.key, PATHS[how](issued.key), 1)
    assert url != issued.url
    await issued.assert_in_vain(await issued.send(url))
    await issued.assert_nothing_landed()


async def test_another_bucket(issued, ground):
    bucket = urlsplit(issued.url).path.split("/")[1]
    settings = ground.settings.storage
    others = {settings.bucket_media, settings.bucket_invoices, settings.bucket_incoming, "media", "served", "incoming"}
    for other in others - {bucket} | {bucket.upper(), f"{bucket}.", f"./{bucket}", f"x/../{bucket}", "", ".minio.sys"}:
        url = issued.url.replace(f"/{bucket}/", f"/{other}/", 1)
        assert url != issued.url
        await issued.assert_in_vain(await issued.send(url))
    await issued.assert_nothing_landed()


@pytest.mark.parametrize(
    ("method", "other"), [(method, other) for method in METHODS for other in METHODS[method]], indirect=["method"]
)
async def test_another_method(issued, other):
    await issued.assert_in_vain(await issued.send(method=other))


@pytest.mark.parametrize("disguise", DISGUISES)
async def test_another_method_in_disguise(issued, disguise):
    answer = await issued.send(**{disguise: "DELETE"})
    await issued.assert_the_same(answer)


@pytest.mark.parametrize("host", HOSTS)
async def test_another_host(issued, host):
    await issued.assert_in_vain(await issued.send(host=host.format(raw.host_of(issued.url)) or " "))


@pytest.mark.parametrize("name", FORWARDED)
async def test_another_host_or_path_by_what_a_proxy_would_say(issued, name):
    """Storage that believed it would take the signature for another host's, or answer another path."""
    value = {"X-Original-URL": "/invoices/x", "X-Rewrite-URL": "/invoices/x", "Forwarded": "host=evil.test"}
    await issued.assert_the_same(await issued.send(**{name: value.get(name, "evil.test")}))


@pytest.mark.parametrize("encoded", ["every letter", "lower-case escapes", "a plus for a space"])
async def test_the_same_key_written_otherwise_is_the_same_key(issued, encoded):
    key = issued.key
    written = {
        "every letter": "".join(f"%{ord(letter):02X}" if letter != "/" else letter for letter in key),
        "lower-case escapes": "".join(f"%{ord(letter):02x}" if letter in "/_-" else letter for letter in key),
        "a plus for a space": key + "+",
    }[encoded]
    answer = await issued.send(issued.url.replace(key, written, 1))
    if encoded == "a plus for a space":
        await issued.assert_in_vain(answer)
    else:
        await issued.assert_the_same(answer)


async def test_a_signature_of_one_url_on_another(issued, ground, method):
    other = await ISSUED[method](ground)
    signature = value_of(other.url, "X-Amz-Signature")
    stolen = issued.url.replace(value_of(issued.url, "X-Amz-Signature"), signature)
    await issued.assert_in_vain(await issued.send(stolen))
    crossed = f"{issued.url.partition('?')[0]}?{other.url.partition('?')[2]}"
    await issued.assert_in_vain(await issued.send(crossed))


@pytest.mark.parametrize("flipped", [0, 31, 63])
async def test_a_signature_that_is_nearly_right(issued, flipped):
    signature = value_of(issued.url, "X-Amz-Signature")
    digit = "0" if signature[flipped] != "0" else "1"
    for wrong in (
        signature[:flipped] + digit + signature[flipped + 1 :],
        signature[:flipped],
        signature + "0" * (flipped + 1),
        signature[:flipped] + "%00" + signature[flipped:],
    ):
        await issued.assert_in_vain(await issued.send(issued.url.replace(signature, wrong)))


@pytest.mark.parametrize("whose", ["uploader", "downloader", "worker", "root"])
async def test_another_identity_s_access_key_on_an_issued_url(issued, ground, stack, whose):
    own = value_of(issued.url, "X-Amz-Credential").partition("%2F")[0]
    theirs = identity_of(ground, stack, whose).access_key.replace(" ", "%20")
    if theirs == own:
        theirs = theirs[:-1]
    await issued.assert_in_vain(await issued.send(issued.url.replace(f"{own}%2F", f"{theirs}%2F")))


@pytest.mark.parametrize("part", ["date", "region", "service", "terminator"])
async def test_another_scope_of_the_credential(issued, part):
    credential = value_of(issued.url, "X-Amz-Credential")
    key, date, region, service, terminator = credential.split("%2F")
    parts = {"date": date, "region": region, "service": service, "terminator": terminator}
    other = {"date": "20200101", "region": "eu-west-1", "service": "sts", "terminator": "aws5_request"}
    scope = "%2F".join([key, *(parts | {part: other[part]}).values()])
    await issued.assert_in_vain(await issued.send(issued.url.replace(credential, scope)))


@pytest.mark.parametrize("name", ["Authorization", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "Cookie"])
async def test_another_authority_beside_the_signature(issued, method, name):
    """A second way to say who asks: whoever is believed, nothing more is allowed than the URL is for."""
    value = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, "
        "SignedHeaders=host, Signature=0",
        "X-Amz-Security-Token": "x",
        "X-Amz-Content-Sha256": sha256_of(b"").replace("=", "0"),
        "Cookie": "token=x",
    }[name]
    answer = await issued.send(**{name: value})
    if answer.status_code == 200:
        await issued.assert_the_same(answer)
    else:
        await issued.assert_in_vain(answer)


async def test_a_signature_for_a_longer_life_than_the_protocol_allows(issued, ground, method):
    """Whoever had the secret could sign it; storage refuses all the same."""
    identity = ground.settings.uploader if method == "PUT" else ground.settings.downloader
    with pytest.raises(ValueError, match="604800"):
        _signer(ground, identity).presign(method, "media", "x", now=datetime.now(UTC), expires_seconds=604_801)
    await issued.assert_in_vain(
        await issued.send(
            issued.url.replace(f"X-Amz-Expires={value_of(issued.url, 'X-Amz-Expires')}", "X-Amz-Expires=604801")
        )
    )


def identity_of(ground, stack, whose):
    if whose == "root":
        return stack.root
    return ground.settings.storage.worker if whose == "worker" else getattr(ground.settings, whose)


def _signer(ground, identity):
    return Signer(
        base_url=ground.settings.storage_public_url,
        region=ground.settings.storage.region,
        access_key=identity.access_key,
        secret_key=identity.secret_key,
    )
