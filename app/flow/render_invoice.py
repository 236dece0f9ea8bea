"""Render: an invoice's PDF in storage and its ready media object, once for each number and version, from whoever asks.

A number is bound to its document before its PDF exists (the claim), and storage takes the first PDF under a key and no
other after it. So whoever comes later, or again after a kill, writes the same document or finds it written.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog

from app import events, telemetry
from app.access import Actor
from app.database import Database, Row, media_object, queries
from app.errors import InvalidRequest, InvoiceNumberTaken, MediaClosed, NothingToSupersede
from app.invoices.arithmetic import check_arithmetic
from app.invoices.data import MAX_ORDER_BYTES, Document, InvoiceOrder, Issuer
from app.media import ContextType, MediaObject, ObjectAddress, Status
from app.object_store import ObjectStore
from app.stored_objects import StoredPdf
from app.typesetting.pool import TypesetterPool
from app.typesetting.typesetter import Typeset

_sql = queries("render_invoice")

PREFIX: Final = "invoices/"

log = structlog.get_logger()


class Rendered(msgspec.Struct, frozen=True):
    """The media object of the PDF, and whether it was made just now, by this call."""

    media: MediaObject
    is_new: bool


async def render_invoice(
    order: InvoiceOrder,
    *,
    issuer: Issuer,
    by: Actor | None,
    traceparent: str | None,
    bucket: str,
    database: Database,
    object_store: ObjectStore,
    typesetting: TypesetterPool,
) -> Rendered:
    """Make the PDF that was ordered, or find it made.

    Raises InvalidRequest, InvoiceMismatch, InvoiceNumberTaken, NothingToSupersede, MediaClosed, Unavailable.
    """
    order_sha256 = order.sha256
    while True:
        versions = await database.all(_sql["find_versions"], order.invoice_number)
        claim = _of_this_order(order_sha256, versions)
        if claim is not None:
            return await _resume(claim, by, database, object_store, typesetting)
        document = _next_document(order, versions, issuer)
        typeset = await typesetting.typeset(document)
        claim = await database.one(
            _sql["claim"],
            document.invoice_number,
            document.version,
            document.replaces,
            document.invoice_id,
            order_sha256,
            document.as_json.decode(),
            bucket,
            PREFIX + document.file_name,
            traceparent,
        )
        if claim is not None:
            return await _store(claim, document, typeset, by, database, object_store)


async def take_unrendered_invoices(*, database: Database) -> list[Row]:
    """A few claims whose PDF is not made yet, each for a minute."""
    return list(await database.all(_sql["take_unrendered"]))


async def complete_invoice(
    claim: Row, *, database: Database, object_store: ObjectStore, typesetting: TypesetterPool
) -> Rendered:
    """Make the PDF of a claim whose maker has died. Raises Unavailable."""
    return await _resume(claim, None, database, object_store, typesetting)


def _of_this_order(order_sha256: str, versions: Sequence[Row]) -> Row | None:
    return next((row for row in versions if row["order_sha256"] == order_sha256), None)


def _next_document(order: InvoiceOrder, versions: Sequence[Row], issuer: Issuer) -> Document:
    """The first version of a number, or the one after the version that the order supersedes."""
    if (length := len(msgspec.json.encode(order))) > MAX_ORDER_BYTES:
        raise InvalidRequest(f"The invoice has {length} bytes as JSON, and {MAX_ORDER_BYTES} are allowed: split it.")
    check_arithmetic(order.invoice_data, issuer.state_code)
    if not versions and order.supersedes is not None:
        raise NothingToSupersede(order.invoice_number)
    if versions and order.supersedes != versions[-1]["media_id"]:
        raise InvoiceNumberTaken(order.invoice_number, versions[-1]["media_id"])
    return Document.of(order, issuer, version=len(versions) + 1)


async def _resume(
    claim: Row, by: Actor | None, database: Database, object_store: ObjectStore, typesetting: TypesetterPool
) -> Rendered:
    """What was claimed before: it is there, or its maker has died or is at it. Twice makes the same."""
    if claim["rendered_at"] is not None:
        return Rendered(await _made(claim["media_id"], database), is_new=False)
    document = msgspec.json.decode(claim["document"], type=Document)
    return await _store(claim, document, await typesetting.typeset(document), by, database, object_store)


async def _store(
    claim: Row, document: Document, typeset: Typeset, by: Actor | None, database: Database, object_store: ObjectStore
) -> Rendered:
    address = ObjectAddress(claim["bucket_name"], claim["storage_path"])
    stored = await object_store.put_pdf(address, typeset.pdf, claim["order_sha256"], typeset.template_version)
    if stored.order_sha256 != claim["order_sha256"]:
        # The database knows nothing of these bytes: it was restored to a time before them.
        log.error("invoice.place_taken", media_id=str(claim["media_id"]), storage_path=address.key)
        raise InvoiceNumberTaken(document.invoice_number, None)
    row = await _mark_rendered(claim, document, stored, typeset.warnings, by, database)
    if row is None:
        return Rendered(await _made(claim["media_id"], database), is_new=False)
    telemetry.INVOICES_RENDERED.inc()
    log.info(
        "invoice.rendered", media_id=str(row["id"]), template_version=stored.template_version, warnings=typeset.warnings
    )
    return Rendered(media_object(row), is_new=True)


async def _mark_rendered(
    claim: Row, document: Document, stored: StoredPdf, warnings: tuple[str, ...], by: Actor | None, database: Database
) -> Row | None:
    event = events.media_uploaded(
        events.Announced(
            id=claim["media_id"],
            context_type=ContextType.INVOICE_PDF,
            context_id=document.invoice_id,
            file_type="pdf",
            mime_type="application/pdf",
            file_size=stored.size_bytes,
            uploaded_by=None,
        ),
        datetime.now(UTC),
    )
    return await database.one(
        _sql["mark_rendered"],
        claim["media_id"],
        stored.template_version,
        list(warnings),
        document.file_name,
        stored.size_bytes,
        stored.checksum_sha256,
        stored.etag,
        stored.version_id,
        event.event_id,
        event.event_type,
        event.payload,
        by.id if by else None,
        by.kind if by else "system",
    )


async def _made(media_id: UUID, database: Database) -> MediaObject:
    row = await database.one(_sql["find_made"], media_id)
    assert row is not None
    media = media_object(row)
    if media.status != Status.READY:
        raise MediaClosed(media.status)
    return media
