"""The bytes that land are those that were declared: all others storage refuses, or finalizing rejects."""

import base64
import gzip
import hashlib
import zlib

import pytest

from tests import samples
from tests.attacks import raw
from tests.story import lands_at, sha256_of, unique_png

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Upload:
    """One upload that was asked for: what its owner sends, and what became of it."""

    def __init__(self, ground, user, data, asked):
        self.ground, self.user, self.data, self.asked = ground, user, data, asked
        self.headers = asked["upload"]["headers"] | {"content-length": str(asked["upload"]["content_length"])}

    async def send(self, body, *, then_hang_up=False, **changed):
        """The PUT with this body; a header that is None is left out, and one that is a list comes several times."""
        headers = {"host": raw.host_of(self.asked["upload"]["url"]), **self.headers}
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        pairs = [
            (name, value)
            for name, values in headers.items()
            if values is not None
            for value in (values if isinstance(values, list) else [values])
        ]
        return await raw.send(self.asked["upload"]["url"], "PUT", pairs, body, then_hang_up=then_hang_up)

    async def landed(self):
        """How many versions lie where it was to land."""
        return len(await self.ground.versions_at(lands_at(self.asked)))


@pytest.fixture(params=["with a checksum", "without a checksum"])
def checksum(request):
    return request.param == "with a checksum"


@pytest.fixture
def upload(ground, checksum):
    async def one(data=None, **more):
        user, data = ground.bearer(), data or unique_png()
        if checksum:
            more["checksum_sha256"] = sha256_of(data)
        return Upload(ground, user, data, await ground.ask(user, data, **more))

    return one


def chunked(*chunks, trailer=b""):
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"


def signed_chunks(data):
    """As an SDK frames a stream whose chunks are signed, with signatures that are none."""
    signature = b";chunk-signature=" + b"0" * 64
    return b"%x%s\r\n%s\r\n0%s\r\n\r\n" % (len(data), signature, data, signature)


# What is written, and the headers that go with it. None of it may land.
REFUSED = {
    "one byte more": lambda data: (data + b"\0", {"content_length": str(len(data) + 1)}),
    "one byte less": lambda data: (data[:-1], {"content_length": str(len(data) - 1)}),
    "nothing": lambda _: (b"", {"content_length": "0"}),
    "nothing, and no length": lambda _: (b"", {"content_length": None}),
    "ten times as much": lambda data: (data * 10, {"content_length": str(len(data) * 10)}),
    "chunks and no length": lambda data: (chunked(data), {"content_length": None, "transfer_encoding": "chunked"}),
    "chunks beside the length": lambda data: (chunked(data), {"transfer_encoding": "chunked"}),
    "more chunks than the length": lambda data: (chunked(data, data), {"transfer_encoding": "chunked"}),
    "chunks with a trailer": lambda data: (
        chunked(data, trailer=b"x-amz-checksum-sha256: AAAA\r\n"),
        {"content_length": None, "transfer_encoding": "chunked", "trailer": "x-amz-checksum-sha256"},
    ),
    "two lengths": lambda data: (data, {"content_length": [str(len(data)), str(len(data) + 9)]}),
    "a length with a sign": lambda data: (data, {"content_length": f"+{len(data)}"}),
    "a length in hexadecimal": lambda data: (data, {"content_length": hex(len(data))}),
    "a negative length": lambda data: (data, {"content_length": "-1"}),
    "an endless length": lambda data: (data, {"content_length": str(2**63 - 1)}),
    "an MD5 of other bytes": lambda data: (
        data,
        {"content_md5": base64.b64encode(hashlib.md5(b"other").digest()).decode()},
    ),
    "a CRC of other bytes": lambda data: (data, {"x_amz_checksum_crc32": "AAAAAA=="}),
    "a SHA-256 of other bytes": lambda data: (data, {"x_amz_checksum_sha256": sha256_of(b"other")}),
    "an SDK's signed chunks": lambda data: (
        signed_chunks(data),
        {
            "content_length": str(len(signed_chunks(data))),
            "x_amz_content_sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "x_amz_decoded_content_length": str(len(data)),
        },
    ),
}
# Cut off in the midst: the client goes away.
CUT_OFF = {
    "before the first byte": lambda _: b"",
    "in the middle": lambda data: data[: len(data) // 2],
    "before the last byte": lambda data: data[:-1],
}


@pytest.mark.parametrize("how", REFUSED)
async def test_to_store_other_bytes_as(ground, upload, checksum, how):
    mine = await ground.kept(f"refused, {checksum}", upload)  # each attempt must leave it as it was
    body, changed = REFUSED[how](mine.data)
    answer = await mine.send(body, then_hang_up=how == "an endless length", **changed)
    assert answer.status_code == 0 or 400 <= answer.status_code < 500, answer.text
    assert await mine.landed() == 0


async def test_to_spoil_an_upload_by_what_is_refused(upload):
    mine = await upload()
    for how, written in REFUSED.items():
        body, changed = written(mine.data)
        await mine.send(body, then_hang_up=how == "an endless length", **changed)
    assert (await mine.send(mine.data)).status_code == 200
    assert await mine.ground.assert_serves_only_the_declared(mine.user, mine.asked, mine.data) == "ready"


@pytest.mark.parametrize("when", CUT_OFF)
async def test_to_store_an_upload_that_is_cut_off(upload, when):
    mine = await upload()
    answer = await mine.send(CUT_OFF[when](mine.data), then_hang_up=True)
    assert answer.status_code != 200, answer.text
    assert await mine.landed() == 0
    assert (await mine.ground.complete(mine.user, mine.asked)).json()["code"] == "upload_not_received"


async def test_to_smuggle_a_second_request_behind_the_body(upload):
    mine, theirs = await upload(), await upload()
    behind = (
        f"DELETE /{lands_at(theirs.asked).bucket}/{lands_at(theirs.asked).key} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    )
    assert (await theirs.send(theirs.data)).status_code == 200
    await mine.send(mine.data + behind)
    assert await mine.ground.assert_serves_only_the_declared(mine.user, mine.asked, mine.data) == "ready"
    assert await mine.ground.assert_serves_only_the_declared(theirs.user, theirs.asked, theirs.data) == "ready"


OTHERS = {
    "HTML": lambda data: samples.html().ljust(len(data)),
    "a script behind spaces": lambda data: b"<script>alert(1)</script>".rjust(len(data)),
    "SVG": lambda data: samples.svg().ljust(len(data)),
    "zeros": lambda data: bytes(len(data)),
    "another image type": lambda data: samples.jpeg(size=len(data)),
    "its bytes backwards": lambda data: data[::-1],
    "its last bytes first": lambda data: data[len(data) // 2 :] + data[: len(data) // 2],
}


@pytest.mark.parametrize("what", OTHERS)
async def test_to_serve_other_bytes_of_the_same_length(upload, checksum, what):
    mine = await upload()
    other = OTHERS[what](mine.data)
    assert len(other) == len(mine.data)
    answer = await mine.send(other)
    assert answer.status_code == (400 if checksum else 200), answer.text
    status = await mine.ground.assert_serves_only_the_declared(mine.user, mine.asked, mine.data)
    assert status == ("pending" if checksum else "rejected")
    assert await mine.ground.stored(other) == set()


async def test_to_serve_another_file_of_the_same_type_and_length(upload, checksum):
    """Without a checksum it is the uploader's own affair which file of theirs they send: it is checked all the same."""
    mine = await upload()
    other = samples.png(7, 3, size=len(mine.data))
    assert (await mine.send(other)).status_code == (400 if checksum else 200)
    if not checksum:
        assert await mine.ground.assert_serves_only_the_declared(mine.user, mine.asked, other) == "ready"


# What the encoding says was done to the bytes; where it was, that is what is declared.
ENCODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: data,
    "aws-chunked": lambda data: data,
    "aws-chunked,gzip": gzip.compress,
    "identity": lambda data: data,
    "x-html": lambda data: data,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_to_have_bytes_unpacked_by_the_reader(upload, encoding):
    """What storage keeps as encoded a browser unpacks, and shows what nobody looked at."""
    mine = await upload(ENCODINGS[encoding](unique_png()))
    answer = await mine.send(mine.data, content_encoding=encoding)
    assert answer.status_code < 500, answer.text
    status = await mine.ground.assert_serves_only_the_declared(mine.user, mine.asked, mine.data)
    packed, kept = mine.data[:4] != b"\x89PNG", encoding != "aws-chunked"  # that one storage takes off
    if answer.status_code != 200:
        assert status == "pending"
    elif packed or (kept and mine.ground.in_place):
        assert status == "rejected"
        assert await mine.ground.stored(mine.data) == set()
    else:
        assert status == "ready", "the copy has none of the headers that came with the upload"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-range", "bytes 5-9/10"),
        ("range", "bytes=5-9"),
        ("x-amz-copy-source-range", "bytes=0-1"),
        ("x-amz-decoded-content-length", "1"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-sdk-checksum-algorithm", "CRC32"),
        ("content-type", "image/png "),
        ("te", "trailers"),
        ("expect", "100-continue"),
        ("upgrade", "h2c"),
        ("connection", "keep-alive, content-length"),
    ],
)
async def test_to_change_what_is_stored_by_a_header(upload, name, value):
    mine = await upload()
    await mine.send(mine.data, **{name: value})
    status = await mine.ground.assert_serves_only_the_declared(mine.user, mine.asked, mine.data)
    assert status in {"ready", "pending", "rejected"}
    if status != "ready":
        assert await mine.ground.stored(mine.data) == set()
