"""Purge: remove the bytes that the ledger names, and close its entries. What fails is due again in a minute."""

from uuid import UUID

from app.database import Database, queries
from app.media import ObjectAddress
from app.object_store import ObjectStore

_sql = queries("purge_objects")


async def purge_objects(*, media_id: UUID | None = None, database: Database, object_store: ObjectStore) -> int:
    """Remove what is due, of one media object or of all (500 at most). Returns how many keys have no bytes now."""
    rows = await database.all(_sql["claim_due"], media_id)
    if not rows:
        return 0
    removed = await object_store.remove(ObjectAddress(row["bucket_name"], row["storage_path"]) for row in rows)
    await database.one(
        _sql["close_removed"], [address.bucket for address in removed], [address.key for address in removed]
    )
    return len(removed)
