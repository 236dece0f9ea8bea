"""Rendering: what a worker does for invoices: those that billing-service announces, and those that nobody finished."""

from functools import partial
from typing import Final

import structlog

from app.config import Invoicing
from app.database import Database
from app.errors import NeverWorks, Refusal, TryLater, Unavailable
from app.flow.render_invoice import complete_invoice, render_invoice, take_unrendered_invoices
from app.in_hand import InHand
from app.invoices.billing import parse_invoice_generated
from app.object_store import ObjectStore
from app.telemetry import traceparent
from app.typesetting.pool import TypesetterPool

_REDELIVER_SECONDS: Final = 5.0

log = structlog.get_logger()


class Rendering:
    """The parts that rendering needs, and who bills."""

    def __init__(
        self,
        invoicing: Invoicing,
        *,
        bucket: str,
        database: Database,
        object_store: ObjectStore,
        typesetting: TypesetterPool,
        in_hand: InHand,
    ) -> None:
        self._invoicing = invoicing
        self._bucket = bucket
        self._database = database
        self._object_store = object_store
        self._typesetting = typesetting
        self._in_hand = in_hand

    async def render_generated(self, payload: bytes) -> None:
        """InvoiceGenerated. What can never be rendered is parked with the reason; for a part that is away it waits."""
        order = parse_invoice_generated(payload)
        try:
            await self._in_hand.until_done(
                partial(
                    render_invoice,
                    order,
                    issuer=self._invoicing.issuer,
                    by=None,
                    traceparent=traceparent(None),
                    bucket=self._bucket,
                    database=self._database,
                    object_store=self._object_store,
                    typesetting=self._typesetting,
                )
            )
        except Unavailable as away:
            raise TryLater(f"{away.code}: {away}", _REDELIVER_SECONDS) from away
        except Refusal as refusal:
            raise NeverWorks(f"{refusal.code}: {refusal}") from refusal

    async def sweep(self) -> bool:
        """Invoices whose number is claimed and whose PDF is not there: whoever made them has died."""
        unrendered = await take_unrendered_invoices(database=self._database)
        for claim in unrendered:
            try:
                await complete_invoice(
                    claim, database=self._database, object_store=self._object_store, typesetting=self._typesetting
                )
            except Refusal as refusal:
                log.warning("invoice.left_to_next_sweep", media_id=str(claim["media_id"]), code=refusal.code)
        return bool(unrendered)
