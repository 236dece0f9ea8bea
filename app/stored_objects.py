"""What storage tells of the objects that it has: in a ranged GET, a HEAD, a copy, a listing. Pure."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

CACHE_CONTROL: Final = "private, max-age=86400, immutable"
"""How browsers may keep a served file, stored with each object: docs/decisions/0029.

Each presigned PUT signs it. A page that sets the header itself keeps its browser from adding one of its own, as
browsers do beside `if-none-match` (https://fetch.spec.whatwg.org/#http-network-or-cache-fetch).
"""

# What every object has; any other header that storage gives back was put there by the uploader.
_USUAL_HEADERS: Final = frozenset(
    {
        "accept-ranges",
        "connection",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "etag",
        "last-modified",
        "server",
        "strict-transport-security",
        "vary",
        "x-amz-bucket-region",
        "x-amz-expiration",  # what a lifecycle rule says of it
        "x-amz-id-2",
        "x-amz-request-id",
        "x-amz-version-id",
        "x-content-type-options",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-xss-protection",
    }
)


def checksum_of(content: bytes) -> str:
    """The SHA-256 as storage says it: base64."""
    return b64encode(sha256(content).digest()).decode()


class StoredObject(msgspec.Struct, frozen=True):
    """What one ranged GET tells of an object."""

    size_bytes: int
    first_bytes: bytes
    etag: str
    version_id: str | None
    content_type: str
    other_headers: tuple[str, ...]


class Unreadable(msgspec.Struct, frozen=True):
    """An object that storage has, but does not give to the worker: its uploader encrypted it with a key of its own."""

    code: str


class StoredPdf(msgspec.Struct, frozen=True):
    """An invoice's PDF as storage has it: of which order, and set with which template. `checksum_sha256` in base64."""

    size_bytes: int
    etag: str
    version_id: str | None
    checksum_sha256: str | None
    order_sha256: str
    template_version: str


class Copied(msgspec.Struct, frozen=True):
    """The SHA-256 (base64) that storage computed over the bytes that it wrote."""

    checksum_sha256: str | None


class HashedCopy(msgspec.Struct, frozen=True):
    """What storage computed over the bytes that it wrote: the SHA-256 (base64), and the ETag, which is their MD5."""

    checksum_sha256: str | None
    etag: str


class StoredVersion(msgspec.Struct, frozen=True):
    """One version of an object, as a listing tells it. `version_id` is "null" where the bucket keeps none."""

    key: str
    version_id: str
    is_latest: bool
    is_delete_marker: bool
    size_bytes: int
    etag: str
    last_modified: datetime


class Continuation(msgspec.Struct, frozen=True):
    """Where a listing goes on. For storage alone to understand: it is no key."""

    key_marker: str
    version_id_marker: str


class ListedPage(msgspec.Struct, frozen=True):
    """A page of a listing, in the order of keys. Without a continuation it is the last."""

    versions: list[StoredVersion]
    continuation: Continuation | None


class StoredHead(msgspec.Struct, frozen=True):
    """What a HEAD tells of one version of an object."""

    size_bytes: int = 0
    etag: str = ""
    content_type: str = ""
    is_delete_marker: bool = False


def unusual_headers(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Those of an answer that the uploader stored with the object and no URL asked for, in lower case.

    None for Cache-Control is fine: URLs from before it was signed are used up within their lives.
    """
    unusual = {name.lower(): value for name, value in headers.items() if name.lower() not in _USUAL_HEADERS}
    if unusual.get("cache-control") == CACHE_CONTROL:
        del unusual["cache-control"]
    return tuple(sorted(unusual))
