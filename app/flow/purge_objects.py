"""Purge: remove the bytes that the ledger names, and close its entries. What fails is due again in a minute."""

from collections.abc import Sequence
from uuid import UUID

from app import telemetry
from app.database import Database, Row, queries
from app.media import ObjectAddress
from app.object_store import ObjectStore

_sql = queries("purge_objects")


async def purge_due(*, database: Database, object_store: ObjectStore) -> int:
    """Remove what is due, a batch at most. Returns how many keys have no bytes now."""
    return await _remove(await database.all(_sql["claim_due"]), database, object_store)


async def purge_media(media_id: UUID, *, database: Database, object_store: ObjectStore) -> int:
    """Remove all that a settled media object leaves behind, though another purge may be at it: then it is gone."""
    return await _remove(await database.all(_sql["claim_of_media"], media_id), database, object_store)


async def purge_closed_media(media_id: UUID, *, database: Database, object_store: ObjectStore) -> int:
    """Remove whatever a rejected, expired or deleted media object may still have, known to the ledger or not."""
    await database.one(_sql["enter_closed"], media_id)
    return await purge_media(media_id, database=database, object_store=object_store)


async def _remove(rows: Sequence[Row], database: Database, object_store: ObjectStore) -> int:
    if not rows:
        return 0
    removed = await object_store.remove(ObjectAddress(row["bucket_name"], row["storage_path"]) for row in rows)
    await database.one(
        _sql["close_removed"], [address.bucket for address in removed], [address.key for address in removed]
    )
    telemetry.OBJECTS_PURGED.inc(len(removed))
    return len(removed)
