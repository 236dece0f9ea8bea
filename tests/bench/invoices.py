"""What a PDF costs: our warm typesetter, a compiler of its own for each, and other tools on the same words and figures.

The others set a plain table in their own fonts, without tags, archive profile or embedded data: less than ours.
"""

import asyncio
import io
import time
from collections.abc import Callable

import msgspec
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate, TableStyle
from reportlab.platypus import Table as ReportTable

from app.invoices.data import Document, InvoiceOrder, Issuer
from app.invoices.page import page_of
from app.typesetting.typesetter import Typesetter
from tests.bench.table import Table
from tests.invoices.month_end import month_end
from tests.invoices.orders import SAMPLES

_ROUNDS = 30
_SUSTAINED = 2_000
_SAMPLES = {5: "igst", 40: "forty-lines", 500: "five-hundred-lines"}


def invoices(table: Table) -> None:
    """Medians of rounds that take turns, then a backlog through bus, Typst, storage and outbox on two workers."""
    typesetter = Typesetter()
    for lines, name in _SAMPLES.items():
        warm = _seconds(name, lambda document: typesetter.typeset(document).pdf, 10 if lines > 100 else _ROUNDS)
        table.latency(f"invoice, {lines} lines", warm, target_ms=5 if lines == 5 else None)
    table.latency("  a compiler for each", _seconds("igst", lambda document: Typesetter().typeset(document).pdf))
    table.latency("  ReportLab", _seconds("igst", _reportlab))
    table.latency("  WeasyPrint", _seconds("igst", _weasyprint))
    result = asyncio.run(month_end(_SUSTAINED, killed=()))
    assert result.wrong == []
    table.rate(f"a backlog of {_SUSTAINED:,} invoices, two workers", result.made / result.seconds)


def _seconds(name: str, make: Callable[[Document], bytes], rounds: int = _ROUNDS) -> list[float]:
    taken = []
    for round_ in range(rounds + 1):
        document = _document(name, round_)
        began = time.perf_counter()
        make(document)
        taken.append(time.perf_counter() - began)
    return taken[1:]  # the first one warms up


def _document(name: str, round_: int) -> Document:
    """Each with a number of its own, so that nothing is remembered of the one before."""
    order = msgspec.json.decode((SAMPLES / f"{name}.json").read_bytes(), type=InvoiceOrder)
    order = msgspec.structs.replace(order, invoice_number=f"{order.invoice_number}-{round_}")
    return Document.of(order, msgspec.json.decode((SAMPLES / "issuer.json").read_bytes(), type=Issuer))


def _rows(document: Document) -> tuple[list[str], list[list[str]]]:
    page = page_of(document)
    names = [column.name for column in page.columns]
    lines = [[str(getattr(line, name)) for name in names] for line in page.lines]
    totals = [["", total.label, *[""] * (len(names) - 3), total.amount] for total in page.totals]
    return [column.title for column in page.columns], lines + totals


def _reportlab(document: Document) -> bytes:
    titles, rows = _rows(document)
    into, style = io.BytesIO(), getSampleStyleSheet()
    grid = ReportTable([titles, *rows], repeatRows=1)
    grid.setStyle(TableStyle([("LINEBELOW", (0, 0), (-1, -1), 0.4, "#c9cfd5"), ("FONTSIZE", (0, 0), (-1, -1), 8)]))
    head = [Paragraph(text, style["Normal"]) for text in _head(document)]
    SimpleDocTemplate(into, pagesize=A4).build([Paragraph(document.invoice_number, style["Title"]), *head, grid])
    return into.getvalue()


def _weasyprint(document: Document) -> bytes:
    from weasyprint import HTML  # noqa: PLC0415  it needs Pango from the system

    titles, rows = _rows(document)
    head = "".join(f"<p>{text}</p>" for text in _head(document))
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    titles_row = "".join(f"<th>{title}</th>" for title in titles)
    html = f"<h1>{document.invoice_number}</h1>{head}<table><thead><tr>{titles_row}</tr></thead>{body}</table>"
    made = HTML(string=f"<style>@page {{size: A4}} table {{font-size: 8pt}}</style>{html}").write_pdf()
    assert isinstance(made, bytes)
    return made


def _head(document: Document) -> list[str]:
    return [document.issuer.name, *document.issuer.address, document.invoice_data.subscriber.name]
