"""Make invoices: one, or a month-end's many."""

import asyncio
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Controller, Response, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from app.access import Action, Principal, check
from app.api.document import each_as
from app.api.parts import Parts
from app.api.problems import AnyRequest, Code, as_problem, documented
from app.api.strict_json import json_only
from app.api.views import public_url
from app.errors import (
    InvalidRequest,
    InvoiceMismatch,
    InvoiceNumberTaken,
    InvoicesNotSetUp,
    MediaClosed,
    NotAllowed,
    NotAuthenticated,
    NothingToSupersede,
    Refusal,
    StorageUnavailable,
    TypesetterUnavailable,
    UnsupportedBody,
)
from app.field_problems import ILLEGIBLE, in_plain_words
from app.flow.render_invoice import Rendered, render_invoice
from app.invoices.billing import MAX_BYTES as MAX_ORDER_BYTES
from app.invoices.data import InvoiceOrder
from app.media import Url
from app.telemetry import traceparent

MAX_BATCH: Final = 500
_AT_ONCE: Final = 8


class InvoiceView(msgspec.Struct, frozen=True):
    """Where the PDF is."""

    id: UUID
    url: Url
    storage_path: str


_ANSWERS: Final = {
    HTTP_200_OK: ResponseSpec(InvoiceView, description="the same order came before", generate_examples=False),
    **documented(
        NotAuthenticated,
        NotAllowed,
        UnsupportedBody,
        InvoiceMismatch,
        InvoiceNumberTaken,
        NothingToSupersede,
        MediaClosed,
        StorageUnavailable,
        TypesetterUnavailable,
        InvoicesNotSetUp,
    ),
}


class InvoiceBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 500 orders, each as it would be sent alone."""

    invoices: Annotated[list[dict[str, Any]], each_as(InvoiceOrder, min_length=1, max_length=MAX_BATCH)]


class BatchEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one order: `status` as if it had been sent alone, and the invoice or why there is none."""

    invoice_number: str | None
    status: int
    invoice: InvoiceView | None = None
    error: Code | None = None
    detail: str | None = None


class BatchView(msgspec.Struct, frozen=True):
    """One entry for each order, in their order."""

    items: list[BatchEntry]


async def _may_make_invoices(connection: ASGIConnection[Any, Principal, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: refuse others before their body is read. Raises NotAllowed."""
    check(connection.user, Action.UPLOAD_INVOICE)


class Invoices(Controller):
    path = "/api/v1/media/invoices"
    tags = ("invoices",)
    guards = (_may_make_invoices, json_only)
    request_max_body_size = MAX_ORDER_BYTES

    @post("/generate-pdf", operation_id="generateInvoicePdf", responses=_ANSWERS)
    async def generate(
        self, request: AnyRequest, data: JSONBody[InvoiceOrder], parts: NamedDependency[Parts]
    ) -> Response[InvoiceView]:
        """Make the PDF of an invoice. The same order again is the same PDF, and 200."""
        rendered = await _render(data, request, parts)
        return Response(_view(rendered, parts), status_code=_status(rendered))

    @post(
        "/generate-pdf/batch",
        operation_id="generateInvoicePdfs",
        status_code=HTTP_200_OK,
        responses=documented(NotAuthenticated, NotAllowed, UnsupportedBody),
    )
    async def generate_many(
        self, request: AnyRequest, data: JSONBody[InvoiceBatch], parts: NamedDependency[Parts]
    ) -> BatchView:
        """Make the PDFs of up to 500 invoices. What can't be made holds up no other; sent again, all is as it was."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def entry(sent: dict[str, Any]) -> BatchEntry:
            async with turns:
                return await _entry(sent, request, parts)

        return BatchView(list(await asyncio.gather(*map(entry, data.invoices))))


async def _entry(sent: dict[str, Any], request: AnyRequest, parts: Parts) -> BatchEntry:
    number = sent.get("invoice_number")
    named = number if isinstance(number, str) else None
    try:
        rendered = await _render(_order(sent), request, parts)
    except Refusal as refusal:
        problem = as_problem(refusal)
        return BatchEntry(named, problem.status, error=problem.code, detail=problem.detail)
    return BatchEntry(named, _status(rendered), _view(rendered, parts))


def _order(sent: dict[str, Any]) -> InvoiceOrder:
    try:
        return msgspec.convert(sent, InvoiceOrder)
    except ILLEGIBLE as error:
        raise InvalidRequest(f"The order is not what this endpoint takes: {in_plain_words(error)}.") from error


async def _render(order: InvoiceOrder, request: AnyRequest, parts: Parts) -> Rendered:
    if parts.settings.invoicing is None:
        raise InvoicesNotSetUp
    return await render_invoice(
        order,
        issuer=parts.settings.invoicing.issuer,
        by=request.user.actor,
        traceparent=traceparent(request.headers.get("traceparent")),
        bucket=parts.settings.storage.bucket_invoices,
        database=parts.database,
        object_store=parts.object_store,
        typesetting=parts.typesetting,
    )


def _status(rendered: Rendered) -> int:
    return HTTP_201_CREATED if rendered.is_new else HTTP_200_OK


def _view(rendered: Rendered, parts: Parts) -> InvoiceView:
    media = rendered.media
    return InvoiceView(media.id, public_url(media, parts), media.storage_path)
