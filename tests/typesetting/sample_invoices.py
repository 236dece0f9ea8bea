"""The sample invoices: as documents, as PDFs and as pages to look at."""

from functools import cache
from pathlib import Path

import msgspec
import pypdfium2

from app.invoices.data import Document, InvoiceOrder, Issuer
from app.typesetting.typesetter import Typesetter

SAMPLES = Path(__file__).parents[2] / "pdf_templates" / "samples"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json") if path.stem != "issuer")
ISSUER = msgspec.json.decode((SAMPLES / "issuer.json").read_bytes(), type=Issuer)

typesetter = cache(Typesetter)


def order(name):
    return msgspec.json.decode((SAMPLES / f"{name}.json").read_bytes(), type=InvoiceOrder)


def document(name, **changes):
    """A sample. `issuer__logo=…` and `invoice_data__totals__total=…` change what is inside."""
    asked = order(name)
    whole = Document(
        issuer=ISSUER,
        invoice_id=asked.invoice_id,
        invoice_number=asked.invoice_number,
        invoice_data=asked.invoice_data,
    )
    for path, value in changes.items():
        whole = _replaced(whole, path.split("__"), value)
    return whole


def _replaced(struct, path, value):
    first, *rest = path
    return msgspec.structs.replace(struct, **{first: _replaced(getattr(struct, first), rest, value) if rest else value})


def opened(document):
    typeset = typesetter().typeset(document)
    assert typeset.warnings == ()
    return pypdfium2.PdfDocument(typeset.pdf)


@cache
def sample(name):
    return opened(document(name))


def picture(page, dpi=100):
    return page.render(scale=dpi / 72, grayscale=True).to_pil()


def texts(pdf):
    """What a reader copies out of each page, in one line."""
    return [" ".join(page.get_textpage().get_text_bounded().split()) for page in pdf]
