"""Verify: have storage hash the bytes of a ready media object, by copying them to a key of the service's own.

The copy is named in the ledger before it exists and removed after it told its hash: if we are killed in between, the
worker removes it.
"""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from app.database import Database, media_object, queries
from app.discrepancies import Tampered
from app.media import MediaObject, ObjectAddress, new_copy_key
from app.object_store import ObjectStore, steadily
from app.stored_objects import HashedCopy, Unreadable

_sql = queries("verify_checksum")

_PARTS: Final = "-"  # the ETag of a multipart upload is a hash of hashes


async def verify_checksum(
    media_id: UUID, *, bucket_media: str, database: Database, object_store: ObjectStore
) -> Tampered | None:
    """What is wrong with its bytes. None: nothing, or it is no longer ready, or no longer there."""
    row = await database.one(_sql["find_ready"], media_id)
    if row is None:
        return None
    media = media_object(row)
    copied = await steadily(lambda: _copied(media, bucket_media, database, object_store))
    reason = _reason(media, copied)
    if reason is None or await database.one(_sql["find_ready"], media_id) is None:
        return None
    return Tampered(
        bucket=media.bucket_name,
        key=media.storage_path,
        version_id=media.version_id,
        media_id=media.id,
        reason=reason,
    )


async def _copied(
    media: MediaObject, bucket_media: str, database: Database, object_store: ObjectStore
) -> HashedCopy | Unreadable | None:
    target = ObjectAddress(bucket_media, new_copy_key(media.mime_type, datetime.now(UTC)))
    if await database.one(_sql["name_copy"], media.id, target.bucket, target.key) is None:
        return None
    copied = await object_store.copy_version(media.stored_at, media.version_id, target, media.mime_type)
    if target in await object_store.remove([target]):
        await database.one(_sql["forget_copy"], target.bucket, target.key)
    return copied


def _reason(media: MediaObject, copied: HashedCopy | Unreadable | None) -> str | None:
    if isinstance(copied, Unreadable):
        return "unreadable"
    if copied is None:
        return None
    if media.checksum_sha256 is not None:
        return None if copied.checksum_sha256 == media.checksum_sha256 else "checksum"
    if media.etag is None or _PARTS in media.etag:
        return None
    return None if copied.etag == media.etag else "checksum"
