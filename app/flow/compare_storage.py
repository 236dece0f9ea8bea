"""Compare: storage against rows and rows against storage, a page of keys at a time, beside a service at work.

Storage is listed first and rows are read after it: a row, or the ledger, names bytes before they exist and until they
are gone, so bytes that nobody claims by then are nobody's. What a listing does not have may have come since, and later
pages of a listing may be as old as its first: whatever seems to differ is looked at once more, and then its row.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from app.database import Database, queries
from app.discrepancies import Discrepancy, Missing, Orphan, SizeDiffers, Tampered
from app.media import ORPHANS_PREFIX, ObjectAddress
from app.object_store import ObjectStore, steadily
from app.stored_objects import Continuation, ListedPage, StoredHead, StoredVersion, Unreadable

_sql = queries("compare_storage")

_ROWS: Final = 2000  # of one page; a page of storage has 1,000 keys at most
_LAST_KEY: Final = "\U0010ffff"  # no key comes after it
_AT_ONCE: Final = 16  # looks at single objects
# The store's self-test writes without rows, and removes what it wrote within a minute.
_SELF_TEST: Final = "self-test/"
_SELF_TEST_LASTS: Final = timedelta(hours=1)

S = TypeVar("S")
T = TypeVar("T")


class Position(msgspec.Struct, frozen=True):
    """How far a bucket is compared. `listed_again`: the same page once more, for the keys after `compared_to`."""

    continuation: Continuation | None = None
    compared_to: str = ""
    listed_again: bool = False


class ReadyRow(msgspec.Struct, frozen=True):
    """What a comparison needs of a ready media object."""

    id: UUID
    storage_path: str
    version_id: str | None
    file_size: int
    etag: str


class Compared(msgspec.Struct, frozen=True):
    """A page: what differs, which rows are as they should be, and where the next page begins, if there is one."""

    discrepancies: list[Discrepancy]
    sound: list[ReadyRow]
    versions: int
    rows: int
    then: Position | None


class Expected(msgspec.Struct, frozen=True):
    """How many media objects are ready, and how many of them in buckets that are not looked at."""

    ready: int
    elsewhere: int


async def count_expected(buckets: Sequence[str], *, database: Database) -> Expected:
    row = await database.one(_sql["count_ready"], list(buckets))
    assert row is not None
    return Expected(**dict(row))


async def compare_storage(
    bucket: str, position: Position, *, bucket_media: str, database: Database, object_store: ObjectStore
) -> Compared:
    """One page. Raises Unavailable: then nothing is said of it."""
    page = await object_store.list_versions(bucket, position.continuation)
    upto = page.versions[-1].key if page.continuation and page.versions else _LAST_KEY
    found = await database.all(_sql["list_ready"], bucket, position.compared_to, upto, _ROWS)
    rows = [ReadyRow(**dict(row)) for row in found]
    then = _next(position, page, upto, rows)
    if then is not None:
        upto = then.compared_to
    first = position.compared_to if position.listed_again else ""
    versions = [
        version
        for version in page.versions
        if first < version.key <= upto and not _is_no_bodys_business(bucket == bucket_media, version)
    ]
    unclaimed, suspects = _matched(versions, rows)
    orphans = await _orphans(bucket, unclaimed, database, object_store)
    judged = await _at_once(lambda row: _judge(bucket, row, database, object_store), suspects)
    differing = [discrepancy for discrepancy in judged if discrepancy is not None]
    unsound = {row.id for row in suspects}
    sound = [row for row in rows if row.id not in unsound]
    sound += [row for row, discrepancy in zip(suspects, judged, strict=True) if discrepancy is None]
    return Compared([*orphans, *differing], sound, len(versions), len(rows), then)


def _next(position: Position, page: ListedPage, upto: str, rows: Sequence[ReadyRow]) -> Position | None:
    """More rows than one page takes: then those are compared first, and the same page is listed again."""
    if len(rows) == _ROWS:
        return Position(position.continuation, rows[-1].storage_path, listed_again=True)
    return Position(page.continuation, max(upto, position.compared_to)) if page.continuation else None


def _is_no_bodys_business(in_media: bool, version: StoredVersion) -> bool:  # noqa: FBT001  an answer, no switch
    if in_media and version.key.startswith(ORPHANS_PREFIX):
        return True
    age = datetime.now(UTC) - version.last_modified
    return _SELF_TEST in version.key and timedelta(0) <= age < _SELF_TEST_LASTS


def _matched(versions: Sequence[StoredVersion], rows: Sequence[ReadyRow]) -> tuple[list[StoredVersion], list[ReadyRow]]:
    """The versions that no row claims, and the rows whose version is not there as they know it."""
    by_key = {row.storage_path: row for row in rows}
    unclaimed, as_known = [], set()
    for version in versions:
        row = by_key.get(version.key)
        if row is None or not _claims(row.version_id, version):
            unclaimed.append(version)
        elif _is_as_known(row, version):
            as_known.add(row.id)
    return unclaimed, [row for row in rows if row.id not in as_known]


def _claims(version_id: str | None, version: StoredVersion) -> bool:
    """A row that names no version is served the latest: none of its key is anybody else's."""
    return version_id is None or version_id == version.version_id


def _is_as_known(row: ReadyRow, version: StoredVersion) -> bool:
    is_served = version.is_latest or row.version_id is not None
    known = (row.file_size, row.etag)
    return is_served and not version.is_delete_marker and (version.size_bytes, version.etag) == known


async def _orphans(
    bucket: str, unclaimed: Sequence[StoredVersion], database: Database, object_store: ObjectStore
) -> list[Orphan]:
    """Of what no ready row claimed: what nobody claims, and is still there after that."""
    if not unclaimed:
        return []
    keys = list({version.key for version in unclaimed})
    claims: dict[str, set[str | None]] = {}
    for row in await database.all(_sql["find_claims"], bucket, keys):
        claims.setdefault(row["key"], set()).add(row["version_id"])
    nobodys = [version for version in unclaimed if not {None, version.version_id} & claims.get(version.key, set())]
    there = await _at_once(
        lambda version: object_store.head(ObjectAddress(bucket, version.key), version.version_id), nobodys
    )
    return [_orphan(bucket, version) for version, head in zip(nobodys, there, strict=True) if head is not None]


def _orphan(bucket: str, version: StoredVersion) -> Orphan:
    return Orphan(
        bucket=bucket,
        key=version.key,
        version_id=version.version_id,
        size_bytes=version.size_bytes,
        is_delete_marker=version.is_delete_marker,
        last_modified=version.last_modified,
    )


async def _judge(bucket: str, row: ReadyRow, database: Database, object_store: ObjectStore) -> Discrepancy | None:
    """Look at the object itself, and then whether its row still says so."""
    address = ObjectAddress(bucket, row.storage_path)
    discrepancy = _difference(bucket, row, await steadily(lambda: object_store.head(address, row.version_id)))
    if discrepancy is None:
        return None
    still = await database.one(_sql["still_ready"], row.id, bucket, row.storage_path, row.version_id)
    return None if still is None else discrepancy


def _difference(bucket: str, row: ReadyRow, head: StoredHead | Unreadable | None) -> Discrepancy | None:
    def tampered(reason: str) -> Tampered:
        return Tampered(bucket=bucket, key=key, version_id=version_id, media_id=row.id, reason=reason)

    key, version_id = row.storage_path, row.version_id
    if isinstance(head, Unreadable):
        return tampered("unreadable")
    if head is None or head.is_delete_marker:
        return Missing(bucket=bucket, key=key, version_id=version_id, media_id=row.id)
    if head.size_bytes != row.file_size:
        return SizeDiffers(
            bucket=bucket,
            key=key,
            version_id=version_id,
            media_id=row.id,
            expected_bytes=row.file_size,
            stored_bytes=head.size_bytes,
        )
    return None if head.etag == row.etag else tampered("etag")


async def _at_once(look: Callable[[S], Awaitable[T]], things: Sequence[S]) -> list[T]:
    """A few at a time."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def in_turn(thing: S) -> T:
        async with turns:
            return await look(thing)

    return await asyncio.gather(*(in_turn(thing) for thing in things))
