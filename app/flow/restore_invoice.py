"""Restore: an invoice whose bytes are gone from storage is set in type again, and put back if it is the same.

The row keeps what a PDF was made of. With the template and fonts of that time it gives the same bytes; other bytes are
not put back, as they are not the invoice that was issued.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
import structlog

from app.database import Database, Row, queries
from app.invoices.data import Document
from app.media import ObjectAddress, Status
from app.object_store import ObjectStore
from app.stored_objects import Unreadable, checksum_of
from app.typesetting.pool import TypesetterPool

_sql = queries("restore_invoice")

log = structlog.get_logger()


class Restored(StrEnum):
    """What became of an invoice that is rendered."""

    THERE = "there"
    PUT_BACK = "put back"
    CHANGED = "changed"  # other bytes are there: `media audit` tells more
    DIFFERS = "differs"  # the template or the fonts are others than when it was issued
    CLOSED = "closed"  # deleted or expired: its bytes are meant to be gone


async def list_invoices(since: datetime, before: datetime, *, database: Database) -> AsyncIterator[Row]:
    """Those ordered in this time, rendered or not."""
    after = UUID(int=0)
    while page := await database.all(_sql["list_invoices"], since, before, after):
        for row in page:
            yield row
        after = page[-1]["media_id"]


async def restore_invoice(
    invoice: Row, *, database: Database, object_store: ObjectStore, typesetting: TypesetterPool
) -> Restored:
    """Look whether a rendered invoice is in storage, and put it back if it is not. Raises Unavailable."""
    if invoice["status"] != Status.READY:
        return Restored.CLOSED
    address = ObjectAddress(invoice["bucket_name"], invoice["storage_path"])
    head = await object_store.head(address, invoice["version_id"])
    if isinstance(head, Unreadable):
        return Restored.CHANGED
    if head is not None and not head.is_delete_marker:
        known = (invoice["file_size"], invoice["etag"])
        return Restored.THERE if (head.size_bytes, head.etag) == known else Restored.CHANGED
    typeset = await typesetting.typeset(msgspec.json.decode(invoice["document"], type=Document))
    if checksum_of(typeset.pdf) != invoice["checksum_sha256"]:
        return Restored.DIFFERS
    stored = await object_store.put_pdf(address, typeset.pdf, invoice["order_sha256"], typeset.template_version)
    await database.one(
        _sql["mark_restored"], invoice["media_id"], stored.checksum_sha256, stored.etag, stored.version_id
    )
    log.warning("invoice.restored", media_id=str(invoice["media_id"]))
    return Restored.PUT_BACK


async def find_invoice(pdf: bytes, number: str, version: int, *, database: Database) -> tuple[Row | None, bool]:
    """The invoice that a PDF says it is, and whether it has the bytes that were issued."""
    row = await database.one(_sql["find_version"], number, version)
    return row, row is not None and row["checksum_sha256"] == checksum_of(pdf)
