"""Where storage and rows differ: what an audit of the bytes finds. Pure."""

from datetime import datetime
from uuid import UUID

import msgspec

from app.media import ObjectAddress


class _Discrepancy(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Where it is. `version_id` is null where the row names none."""

    bucket: str
    key: str
    version_id: str | None

    @property
    def address(self) -> ObjectAddress:
        return ObjectAddress(self.bucket, self.key)


class Missing(_Discrepancy, frozen=True, kw_only=True, tag="missing"):
    """A ready media object whose bytes, or whose version of them, are gone."""

    media_id: UUID


class Orphan(_Discrepancy, frozen=True, kw_only=True, tag="orphan"):
    """A version or a delete marker that no row and no entry of the ledger claims."""

    version_id: str
    size_bytes: int
    is_delete_marker: bool
    last_modified: datetime


class SizeDiffers(_Discrepancy, frozen=True, kw_only=True, tag="size_differs"):
    """A ready media object whose bytes are more or fewer than those that were checked."""

    media_id: UUID
    expected_bytes: int
    stored_bytes: int


class Tampered(_Discrepancy, frozen=True, kw_only=True, tag="tampered"):
    """A ready media object whose bytes are not those that were checked; `reason` says what tells so.

    `etag` and `checksum` differ from the row's; `unreadable`: storage itself can't make sense of what it has.
    """

    media_id: UUID
    reason: str


Discrepancy = Missing | Orphan | SizeDiffers | Tampered
