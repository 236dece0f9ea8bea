"""Set aside: bytes that nobody claims are copied under `orphans/` before they are removed from where they were.

Storage's own lifecycle removes them from there. Killed between copy and removal, it is done again and finds its copy.
"""

import hashlib
from datetime import UTC, datetime
from typing import Final

import structlog

from app.database import Database, queries
from app.discrepancies import Orphan
from app.media import ORPHANS_PREFIX, ObjectAddress
from app.object_store import ObjectStore
from app.stored_objects import HashedCopy, StoredHead

_sql = queries("set_orphan_aside")

_LONGEST_KEY: Final = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html

log = structlog.get_logger()


async def set_orphan_aside(orphan: Orphan, *, bucket_media: str, database: Database, object_store: ObjectStore) -> bool:
    """Returns whether it is no orphan any more: gone from there, or claimed by now. False: storage can't copy it."""
    if not orphan.is_delete_marker and not await _copied(orphan, bucket_media, object_store):
        return False
    if await database.one(_sql["claim"], orphan.bucket, orphan.key, orphan.version_id) is not None:
        return True
    removed = await object_store.remove_version(orphan.address, orphan.version_id)
    log.info("orphan.set_aside", bucket=orphan.bucket, key=orphan.key, version_id=orphan.version_id, removed=removed)
    return removed


async def _copied(orphan: Orphan, bucket_media: str, object_store: ObjectStore) -> bool:
    """Whether its bytes are safe, or gone."""
    source = await object_store.head(orphan.address, orphan.version_id)
    if source is None:
        return True
    if not isinstance(source, StoredHead):
        return False
    for target in _targets(orphan, bucket_media):
        kept = await object_store.head(target, None)
        if isinstance(kept, StoredHead) and (kept.size_bytes, kept.etag) == (source.size_bytes, source.etag):
            return True
        if kept is None:
            content_type = source.content_type or "application/octet-stream"
            copied = await object_store.copy_version(orphan.address, orphan.version_id, target, content_type)
            return copied is None or isinstance(copied, HashedCopy)
    return False


def _targets(orphan: Orphan, bucket_media: str) -> list[ObjectAddress]:
    """Where it may go: under its own name, or beside something else of that name which was set aside today."""
    day = f"{ORPHANS_PREFIX}{datetime.now(UTC):%Y-%m-%d}"
    names = (orphan.bucket, f"{orphan.bucket}@{orphan.version_id}", f"{orphan.bucket}@{_stamp(orphan)}")
    keys = [f"{day}/{name}/{orphan.key}" for name in names]
    if any(len(key.encode()) > _LONGEST_KEY for key in keys):
        digest = hashlib.sha256(orphan.key.encode()).hexdigest()
        keys = [f"{day}/{name}/{digest}" for name in names]
    return [ObjectAddress(bucket_media, key) for key in keys]


def _stamp(orphan: Orphan) -> str:
    return f"{orphan.last_modified:%H%M%S%f}"
