"""First bytes and size → accepted or rejected.

The type is what libmagic says of the bytes alone; the declared type is a claim that it is compared with. Pure: answers
the same in every process, as libmagic and its database come from one wheel. Knows neither storage nor rows.
"""

import io
import re
from enum import StrEnum
from functools import cache
from typing import Final

import imagesize
import msgspec
import pylibmagic  # must come first: it tells `magic` where the library is

import magic  # isort: skip

from app.media import FileType

FIRST_BYTES: Final = 4096
"""How many bytes `judge` needs (fewer, if the object is smaller).

The signatures of images and PDF lie in the first 32 bytes, and libmagic looks for HTML's tags in the first 4,096. So do
PNG's and WebP's dimensions, and a JPEG's unless it has a long preamble (EXIF with a thumbnail): then they stay unknown.
"""

EQUIVALENTS: Final[dict[str, frozenset[str]]] = {
    # A table or a document that is cut after FIRST_BYTES is merely text, and a small one may look like the other.
    "text/plain": frozenset({"text/csv", "application/json"}),
    "text/csv": frozenset({"text/plain"}),
    "application/json": frozenset({"text/plain"}),
}
"""Detected type → declared types that it may stand for. All are text that no browser executes.

Not in it on purpose: application/zip for office files. Those that begin as office programs write them are detected
exactly; any other ZIP would pass as one.
"""

_SVG: Final = "image/svg+xml"
_UNKNOWN: Final = "application/octet-stream"
_DOCUMENTS: Final = (
    "text/plain",
    "text/csv",
    "application/json",
    "application/rtf",
    "application/msword",
    "application/vnd.ms-",
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
)
# First bytes → the longest side that the format can hold. Nothing else may reach imagesize: it parses XML for others.
_LONGEST_SIDES: Final = {b"\x89PNG\r\n\x1a\n": 65_535, b"\xff\xd8\xff": 65_535, b"RIFF": 16_383}


class RejectionReason(StrEnum):
    """Why an upload was rejected. Closed: clients, events and metrics know these and no other."""

    SIZE_MISMATCH = "size_mismatch"
    TYPE_MISMATCH = "type_mismatch"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    UNREQUESTED_HEADERS = "unrequested_headers"
    UNREADABLE = "unreadable"
    INFECTED = "infected"


class Declared(msgspec.Struct, frozen=True):
    """What the client said it would upload. The checksum is base64."""

    mime_type: str
    file_size: int
    checksum_sha256: str | None


class Candidate(msgspec.Struct, frozen=True):
    """What storage has. The checksum is storage's own, in base64; the headers are those that no URL asked for."""

    size_bytes: int
    first_bytes: bytes
    checksum_sha256: str | None
    unrequested_headers: tuple[str, ...]


class Accepted(msgspec.Struct, frozen=True):
    """Width and height in pixels, as displayed, of an image whose first bytes tell them."""

    width: int | None
    height: int | None


class Rejected(msgspec.Struct, frozen=True):
    """`detail` is short and may be shown and logged: it holds types, sizes and header names, never a file name."""

    reason: RejectionReason
    detail: str


def judge(candidate: Candidate, declared: Declared) -> Accepted | Rejected:
    """Whether what storage has is what was declared. The first check that fails gives the reason."""
    if candidate.unrequested_headers:
        names = _shown(candidate.unrequested_headers)
        return Rejected(RejectionReason.UNREQUESTED_HEADERS, f"stored with {names}, which the URL did not ask for")
    if candidate.size_bytes != declared.file_size:
        sizes = f"declared {declared.file_size} bytes, stored {candidate.size_bytes} bytes"
        return Rejected(RejectionReason.SIZE_MISMATCH, sizes)
    if declared.checksum_sha256 is not None and candidate.checksum_sha256 != declared.checksum_sha256:
        return Rejected(RejectionReason.CHECKSUM_MISMATCH, "the declared SHA-256 is not that of the stored bytes")
    if not candidate.first_bytes:
        return Rejected(RejectionReason.UNREADABLE, "not one byte can be read")
    return _judge_type(candidate.first_bytes, declared.mime_type)


def _judge_type(first_bytes: bytes, declared: str) -> Accepted | Rejected:
    detected = detect(first_bytes)
    if detected == _SVG:
        return Rejected(
            RejectionReason.TYPE_MISMATCH, f"detected {_SVG}, which can carry scripts and is never accepted"
        )
    if detected != declared and declared not in EQUIVALENTS.get(detected, ()):
        return Rejected(RejectionReason.TYPE_MISMATCH, f"declared {declared}, detected {detected}")
    width, height = dimensions(first_bytes) or (None, None)
    return Accepted(width, height)


def detect(first_bytes: bytes) -> str:
    """The MIME type that the first FIRST_BYTES bytes have; application/octet-stream where libmagic knows none."""
    first_bytes = first_bytes[:FIRST_BYTES]
    try:
        detected = str(_libmagic().from_buffer(first_bytes))
    except magic.MagicException:  # it gives up on a file: so it knows no type
        return _UNKNOWN
    if detected == "application/pdf" and not first_bytes.startswith(b"%PDF-"):
        return (
            _UNKNOWN  # libmagic and PDF readers forgive what stands in front of a PDF, which makes room for two types
        )
    return detected


def file_type_of(mime_type: str) -> FileType:
    """The coarse kind of a type. SVG is no image here: it is a document that can carry scripts."""
    if mime_type == "application/pdf":
        return "pdf"
    if mime_type.startswith("image/") and mime_type != _SVG:
        return "image"
    return "document" if mime_type.startswith(_DOCUMENTS) else "other"


def dimensions(first_bytes: bytes) -> tuple[int, int] | None:
    """Pixels across and down of a PNG, JPEG or WebP, as displayed (EXIF may turn a JPEG); None where not told here."""
    longest = next((side for start, side in _LONGEST_SIDES.items() if first_bytes.startswith(start)), 0)
    if not longest:
        return None
    width, height = imagesize.get(io.BytesIO(first_bytes[:FIRST_BYTES]))
    return (width, height) if 0 < width <= longest and 0 < height <= longest else None


@cache
def _libmagic() -> magic.Magic:
    """One per process. It holds a lock around each call, so threads may share it, one at a time (30 to 350 µs)."""
    return magic.Magic(mime=True, magic_file=str(pylibmagic.data / "magic.mgc"))


def _shown(names: tuple[str, ...]) -> str:
    """The first few names. An uploader chose them: what is not a plain name's character shows as '?'."""
    shown = ", ".join([re.sub(r"[^a-z0-9-]", "?", name.lower()[:40]) for name in names[:3]])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
