"""What is accepted and what is rejected, from first bytes and size alone."""

import base64
import hashlib
import struct

import pytest

from app import content
from app.content import (
    EQUIVALENTS,
    FIRST_BYTES,
    Accepted,
    Candidate,
    Declared,
    Rejected,
    RejectionReason,
    detect,
    dimensions,
    file_type_of,
    judge,
)
from tests import samples

PADDED_PDF = bytes(20 * 1024) + samples.pdf()


def candidate(data, **changes):
    """What storage would tell of these bytes."""
    return Candidate(
        **{
            "size_bytes": len(data),
            "first_bytes": data[:FIRST_BYTES],
            "checksum_sha256": base64.b64encode(hashlib.sha256(data).digest()).decode(),
            "unrequested_headers": (),
        }
        | changes
    )


def declared(data, mime_type, **changes):
    return Declared(**{"mime_type": mime_type, "file_size": len(data), "checksum_sha256": None} | changes)


def verdict(data, mime_type):
    return judge(candidate(data), declared(data, mime_type))


@pytest.mark.parametrize("size", [None, 5_000, 70_001])
@pytest.mark.parametrize(
    ("make", "mime_type", "sides"),
    [
        (samples.png, "image/png", (640, 480)),
        (samples.jpeg, "image/jpeg", (640, 480)),
        (samples.webp, "image/webp", (640, 480)),
    ],
)
def test_an_image_declared_as_what_it_is_is_accepted_with_its_dimensions(make, mime_type, sides, size):
    data = make(*sides, size=size)
    assert size is None or len(data) == size
    assert verdict(data, mime_type) == Accepted(*sides)


@pytest.mark.parametrize("size", [None, 5_000, 70_001])
def test_a_pdf_is_accepted_without_dimensions(size):
    data = samples.pdf(size=size)
    assert size is None or len(data) == size
    assert verdict(data, "application/pdf") == Accepted(None, None)


@pytest.mark.parametrize(
    ("data", "mime_type", "detected"),
    [
        pytest.param(samples.png(), "application/pdf", "image/png", id="a PNG declared as PDF"),
        pytest.param(samples.png(), "image/jpeg", "image/png", id="a PNG declared as JPEG"),
        pytest.param(samples.html(), "image/png", "text/html", id="HTML declared as PNG"),
        pytest.param(samples.html(), "text/plain", "text/html", id="HTML declared as text"),
        pytest.param(samples.html(), "text/csv", "text/html", id="HTML declared as a table"),
        pytest.param(samples.zip_file(), "application/pdf", "application/zip", id="a ZIP declared as PDF"),
        pytest.param(samples.zip_file(), "image/png", "application/zip", id="a ZIP declared as PNG"),
        pytest.param(PADDED_PDF, "application/pdf", "application/octet-stream", id="a PDF behind 20 KiB of zeros"),
        pytest.param(b"\n" + samples.pdf(), "application/pdf", "application/octet-stream", id="a PDF behind a line"),
        pytest.param(
            b"\xef\xbb\xbf" + samples.pdf(), "application/pdf", "application/octet-stream", id="… behind a BOM"
        ),
        pytest.param(samples.png()[:8], "image/png", "application/octet-stream", id="a PNG's signature alone"),
    ],
)
def test_a_file_declared_as_what_it_is_not_is_rejected_and_says_both_types(data, mime_type, detected):
    assert verdict(data, mime_type) == Rejected(
        RejectionReason.TYPE_MISMATCH, f"declared {mime_type}, detected {detected}"
    )


@pytest.mark.parametrize("seed", range(50))
def test_random_bytes_pass_as_none_of_the_types_that_are_allowed_by_default(seed):
    data = samples.random_bytes(6_000, seed)
    for mime_type in ("image/png", "image/jpeg", "image/webp", "application/pdf"):
        outcome = verdict(data, mime_type)
        assert isinstance(outcome, Rejected)
        assert outcome.reason is RejectionReason.TYPE_MISMATCH


@pytest.mark.parametrize("mime_type", ["image/svg+xml", "image/png", "text/plain", "text/xml"])
@pytest.mark.parametrize("prefix", [b"", b'<?xml version="1.0"?>\n'])
def test_svg_never_passes_whatever_it_is_declared_as(prefix, mime_type):
    outcome = verdict(prefix + samples.svg(), mime_type)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is RejectionReason.TYPE_MISMATCH
    assert "image/svg+xml" in outcome.detail


def test_the_bytes_decide_though_html_follows_in_a_png():
    data = samples.png() + samples.html()
    assert verdict(data, "image/png") == Accepted(1, 1)
    assert isinstance(verdict(data, "text/html"), Rejected)


def test_bytes_after_the_first_ones_do_not_change_the_type():
    data = b" " * FIRST_BYTES + samples.html()
    assert detect(data) == detect(data[:FIRST_BYTES]) == "text/plain"
    assert detect(data[1:]) == "text/plain"
    assert detect(data[200:]) == "text/html"


@pytest.mark.parametrize("difference", [-1, 1])
def test_another_size_is_a_size_mismatch(difference):
    data = samples.png()
    outcome = judge(candidate(data), declared(data, "image/png", file_size=len(data) + difference))
    assert outcome == Rejected(
        RejectionReason.SIZE_MISMATCH, f"declared {len(data) + difference} bytes, stored {len(data)} bytes"
    )


def test_the_declared_checksum_is_accepted():
    data = samples.png()
    stored = candidate(data)
    assert judge(stored, declared(data, "image/png", checksum_sha256=stored.checksum_sha256)) == Accepted(1, 1)


@pytest.mark.parametrize("stored", [None, "", "AAAA", base64.b64encode(bytes(32)).decode()])
def test_another_or_no_checksum_is_a_checksum_mismatch_where_one_was_declared(stored):
    data = samples.png()
    wanted = declared(data, "image/png", checksum_sha256=candidate(data).checksum_sha256)
    outcome = judge(candidate(data, checksum_sha256=stored), wanted)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is RejectionReason.CHECKSUM_MISMATCH


def test_no_checksum_is_fine_where_none_was_declared():
    data = samples.png()
    assert judge(candidate(data, checksum_sha256=None), declared(data, "image/png")) == Accepted(1, 1)


def test_a_header_that_was_not_asked_for_is_a_rejection_that_names_it_harmlessly():
    data = samples.png()
    names = ("Cache-Control", "x-amz-meta-\r\nÄ" + "a" * 100, "expires", "x-amz-tagging")
    outcome = judge(candidate(data, unrequested_headers=names), declared(data, "image/png"))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is RejectionReason.UNREQUESTED_HEADERS
    assert outcome.detail == (
        "stored with cache-control, x-amz-meta-???" + "a" * 26 + ", expires and 1 more, which the URL did not ask for"
    )


def test_an_object_whose_bytes_cannot_be_read_is_unreadable():
    data = samples.png()
    outcome = judge(candidate(data, first_bytes=b""), declared(data, "image/png"))
    assert outcome == Rejected(RejectionReason.UNREADABLE, "not one byte can be read")


def test_an_empty_object_is_rejected_even_if_it_was_declared_empty():
    assert isinstance(verdict(b"", "image/png"), Rejected)
    assert isinstance(verdict(b"", "application/x-empty"), Rejected)


def test_the_first_check_that_fails_gives_the_reason():
    png = samples.png()
    bad = candidate(samples.html(), unrequested_headers=("expires",), checksum_sha256=None)
    wanted = declared(png, "image/png", checksum_sha256="AAAA")
    mended = (
        bad,
        candidate(samples.html(), checksum_sha256=None),
        candidate(samples.html(), checksum_sha256=None, size_bytes=len(png)),
        candidate(samples.html(), checksum_sha256="AAAA", size_bytes=len(png)),
    )
    reasons = [judge(stored, wanted).reason for stored in mended]
    assert reasons == ["unrequested_headers", "size_mismatch", "checksum_mismatch", "type_mismatch"]


def test_the_reasons_are_these_and_no_other():
    assert {str(reason) for reason in RejectionReason} == {
        "size_mismatch",
        "type_mismatch",
        "checksum_mismatch",
        "unrequested_headers",
        "unreadable",
        "infected",
    }


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [(b"a,b\n1,2\n3,4\n", "text/plain"), (b"Dear all,\nhello\n", "text/csv"), (b'{"a": [1, 2', "application/json")],
)
def test_a_text_may_be_declared_as_an_equivalent_text(data, mime_type):
    assert detect(data) != mime_type
    assert verdict(data, mime_type) == Accepted(None, None)


def test_no_equivalent_leads_to_or_from_a_type_that_a_browser_executes_or_a_container():
    harmless = {"text/plain", "text/csv", "application/json"}
    assert {*EQUIVALENTS, *(name for names in EQUIVALENTS.values() for name in names)} <= harmless


def test_a_file_that_libmagic_gives_up_on_is_of_unknown_type(monkeypatch):
    class GivesUp:
        def from_buffer(self, _first_bytes):
            raise content.magic.MagicException("regex limit")

    monkeypatch.setattr(content, "_libmagic", GivesUp)
    assert detect(samples.png()) == "application/octet-stream"


@pytest.mark.parametrize(
    ("mime_type", "file_type"),
    [
        ("image/png", "image"),
        ("image/webp", "image"),
        ("image/svg+xml", "other"),
        ("application/pdf", "pdf"),
        ("text/csv", "document"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "document"),
        ("text/html", "other"),
        ("application/zip", "other"),
    ],
)
def test_a_type_is_of_one_kind(mime_type, file_type):
    assert file_type_of(mime_type) == file_type


def test_a_jpeg_whose_frame_header_lies_beyond_the_first_bytes_is_accepted_without_dimensions():
    comment = b"\xff\xfe" + struct.pack(">H", FIRST_BYTES) + bytes(FIRST_BYTES - 2)
    data = samples.jpeg(640, 480)
    data = data[:2] + comment + data[2:]
    assert dimensions(data) is None
    assert verdict(data, "image/jpeg") == Accepted(None, None)


def test_a_jpeg_that_is_cut_after_its_frame_header_tells_its_dimensions():
    data = samples.jpeg(640, 480)
    assert dimensions(data[: data.index(b"\xff\xc4")]) == (640, 480)


def _png_header(width, height):
    return samples.png()[:16] + struct.pack(">II", width, height) + samples.png()[24:]


@pytest.mark.parametrize("sides", [(0, 1), (1, 0), (2**32 - 1, 1), (1, 65_536)])
def test_absurd_dimensions_are_none(sides):
    assert dimensions(_png_header(*sides)) is None
    assert dimensions(_png_header(65_535, 1)) == (65_535, 1)


@pytest.mark.parametrize(
    "data", [b"", samples.svg(), samples.html(), samples.pdf(), b"<?xml" + bytes(99), b"BM" + b"\1" * 60]
)
def test_what_is_no_png_jpeg_or_webp_has_no_dimensions_and_is_never_parsed(monkeypatch, data):
    monkeypatch.setattr(content.imagesize, "get", lambda _file: (1, 1))
    assert dimensions(samples.png()) == (1, 1)
    with monkeypatch.context() as parsing:
        parsing.setattr(content.imagesize, "get", lambda _file: pytest.fail("parsed"))
        assert dimensions(data) is None


def test_dimensions_of_broken_images_never_raise():
    for make in (samples.png, samples.jpeg, samples.webp):
        data = make(300, 200)
        for cut in range(min(len(data), 700)):
            assert dimensions(data[:cut]) in (None, (300, 200))
        for seed in range(200):
            dimensions(data[:16] + samples.random_bytes(200, seed))
