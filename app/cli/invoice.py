"""`media invoice`: render one offline, say whether a PDF is one of ours, make what is missing."""

import json
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from pypdf import PdfReader

from app import database, object_store
from app.cli.tidily import run_tidily
from app.config import AuditSettings, MigrateSettings, audit_settings, migrate_settings
from app.database import Row
from app.errors import InvoiceMismatch, Refusal, TypesetterUnavailable, Unavailable
from app.field_problems import ILLEGIBLE, in_plain_words
from app.flow.render_invoice import complete_invoice
from app.flow.restore_invoice import Restored, find_invoice, list_invoices, restore_invoice
from app.invoices.arithmetic import check_arithmetic, check_issuer
from app.invoices.data import Document, InvoiceOrder, Issuer
from app.local.attached import environment_or_stack
from app.local.settings import SAMPLE_ISSUER
from app.telemetry import configure_logs
from app.typesetting.pool import typesetting
from app.typesetting.typesetter import Typeset

_EMBEDDED: Final = "invoice.json"
_WELL: Final = frozenset({Restored.THERE, Restored.CLOSED, Restored.PUT_BACK, "made"})
_FOUND: Final = 1
_COULD_NOT_RUN: Final = 2

_data_dir = click.option(
    "--data-dir",
    default=Path(".media"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The local stack to ask, where the environment has no settings.",
)
_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def invoice() -> None:
    """Invoices."""


@invoice.command()
@click.argument("data", type=_file)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The PDF.")
@click.option("--issuer", type=_file, default=SAMPLE_ISSUER, help="As INVOICE_ISSUER_FILE.  [default: the sample]")
@click.option("--template-dir", type=click.Path(path_type=Path, exists=True, file_okay=False), default=None)
def render(*, data: Path, output: Path, issuer: Path, template_dir: Path | None) -> None:
    """Make the PDF of an order, or of the `invoice.json` that is embedded in a PDF. Needs no network."""
    configure_logs("CRITICAL", process="invoice")
    document = _document(data, issuer)
    try:
        typeset = run_tidily(_typeset(document, template_dir))
        output.write_bytes(typeset.pdf)
    except TypesetterUnavailable as error:
        raise click.ClickException(error.reason) from error
    except OSError as error:
        raise click.ClickException(f"{output} can't be written: {error.strerror}") from error
    for warning in typeset.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{output}: {document.invoice_number}, template {typeset.template_version}")


async def _typeset(document: Document, template_dir: Path | None) -> Typeset:
    """Within the limits that the service has."""
    async with typesetting(template_dir) as pool:
        return await pool.typeset(document)


def _ran(work: Coroutine[Any, Any, int]) -> int:
    """The exit code of a command that needs parts which may be away."""
    try:
        return run_tidily(work)
    except Unavailable as away:
        click.echo(f"media invoice: {away}", err=True)
        return _COULD_NOT_RUN


def _say(**fields: object) -> None:
    click.echo(json.dumps(fields))


def _document(data: Path, issuer: Path) -> Document:
    try:
        said = msgspec.json.decode(data.read_bytes())
        if isinstance(said, dict) and "issuer" in said:
            return msgspec.convert(said, Document)
        return _ordered(said, msgspec.json.decode(issuer.read_bytes(), type=Issuer))
    except ILLEGIBLE as error:
        raise click.ClickException(in_plain_words(error)) from error
    except InvoiceMismatch as error:
        raise click.ClickException(str(error)) from error


def _ordered(said: Any, issuer: Issuer) -> Document:
    """Of an order as it is sent over HTTP, or published on the bus."""
    if isinstance(said, dict):
        said = {name: value for name, value in said.items() if name != "event_type"}
    order = msgspec.convert(said, InvoiceOrder)
    check_issuer(issuer)
    check_arithmetic(order.invoice_data, issuer.state_code)
    return Document.of(order, issuer)


@invoice.command()
@click.argument("pdf", type=_file)
@_data_dir
def verify(*, pdf: Path, data_dir: Path) -> None:
    """Say which invoice a PDF is, and whether it is untouched. Exits with 1 if it is not."""
    configure_logs("ERROR", process="invoice")
    content = pdf.read_bytes()
    embedded = _embedded(content)
    if embedded is None:
        click.echo(f"{pdf}: no invoice of this service, or its data was taken out")
        sys.exit(_FOUND)
    settings = migrate_settings(environment_or_stack(data_dir))
    sys.exit(_ran(_verify(pdf, content, embedded, settings)))


def _embedded(pdf: bytes) -> Document | None:
    """What a PDF says of itself. Whoever changed the file may have changed this too."""
    try:
        (said,) = PdfReader(BytesIO(pdf)).attachments[_EMBEDDED]
        return msgspec.json.decode(said, type=Document)
    except Exception:  # noqa: BLE001  a file that was tampered with makes pypdf raise anything
        return None


async def _verify(pdf: Path, content: bytes, embedded: Document, settings: MigrateSettings) -> int:
    number, version = embedded.invoice_number, embedded.version
    async with database.connect(settings.database_url, connections=1) as connected:
        row, untouched = await find_invoice(content, number, version, database=connected)
    named = f"{number}, version {version}"
    if row is None or row["rendered_at"] is None:
        click.echo(f"{pdf}: says that it is {named}, which this service has not made")
        return _FOUND
    state = "untouched" if untouched else "CHANGED since it was issued"
    click.echo(f"{pdf}: {named}, media object {row['media_id']}: {state}")
    return 0 if untouched else _FOUND


_day = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@invoice.command()
@click.option("--from", "since", required=True, type=_day, help="Ordered at this time (UTC) or later.")
@click.option("--to", "before", required=True, type=_day, help="Ordered before this time (UTC).")
@_data_dir
def replay(*, since: datetime, before: datetime, data_dir: Path) -> None:
    """Make what is missing: invoices that were ordered and not made, or whose bytes are gone. As JSON lines.

    Exits with 0 if nothing is missing any more, 1 if something is.
    """
    if not since < before:
        raise click.BadParameter("--to is not after --from")
    settings = audit_settings(environment_or_stack(data_dir))
    configure_logs(settings.log_level, process="invoice")
    sys.exit(_ran(_replay(since.replace(tzinfo=UTC), before.replace(tzinfo=UTC), settings)))


async def _replay(since: datetime, before: datetime, settings: AuditSettings) -> int:
    counted: dict[str, int] = {}
    async with (
        database.connect(settings.database_url, connections=2) as connected,
        object_store.connect(settings.storage, settings.storage.worker) as store,
        typesetting(settings.template_dir) as typesetters,
    ):
        parts = {"database": connected, "object_store": store, "typesetting": typesetters}
        async for row in list_invoices(since, before, database=connected):
            outcome = await _replayed(row, parts)
            counted[outcome] = counted.get(outcome, 0) + 1
            if outcome not in (Restored.THERE, Restored.CLOSED):
                _say(invoice_number=row["invoice_number"], media_id=str(row["media_id"]), outcome=outcome)
    _say(kind="summary", **counted)
    return 0 if set(counted) <= _WELL else _FOUND


async def _replayed(row: Row, parts: dict[str, Any]) -> str:
    try:
        if row["rendered_at"] is not None:
            return await restore_invoice(row, **parts)
        await complete_invoice(row, **parts)
    except Unavailable:
        raise
    except Refusal as refusal:
        return refusal.code
    return "made"
