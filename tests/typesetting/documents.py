"""Documents to typeset: the samples, one with every field, and one with a given text wherever a text may stand."""

import json
from pathlib import Path
from typing import Any

import msgspec

from app.invoices.data import Document

TEMPLATES = Path(__file__).parents[2] / "pdf_templates"

_ISSUER = {
    "name": "Sample Networks Private Limited",
    "address": ["4th Floor, Harbour House", "Mumbai 400001"],
    "state_code": "27",
    "gstin": "27AAPFU0939F1ZV",
    "pan": "AAPFU0939F",
    "postal_code": "400001",
    "city": "Mumbai",
    "phone": "+91 22 5550 1000",
    "email": "billing@sample-networks.example",
    "website": "sample-networks.example",
    "bank": {
        "account_name": "Sample Networks",
        "account_number": "000123456789",
        "bank_name": "Sample Bank",
        "branch": "Fort, Mumbai",
        "ifsc": "SMPL0000123",
    },
    "upi_id": "sample-networks@samplebank",
    "signatory": "Accounts Department",
}
_DATA = {
    "subscriber": {
        "name": "Asha Kulkarni",
        "account_number": "AC-10042",
        "address": ["Flat 7, Gulmohar Apartments", "Pune 411004"],
        "state_code": "27",
        "postal_code": "411004",
        "city": "Pune",
        "phone": "+91 98 5550 1234",
        "email": "asha.kulkarni@example.com",
    },
    "line_items": [
        {
            "description": "Fibre broadband, 200 Mbit/s",
            "hsn_sac": "998422",
            "quantity": "2",
            "unit": "months",
            "unit_price": "1234.50",
            "discount": "69.00",
            "tax_rate": "18",
            "amount": "2400.00",
        },
        {"description": "Static address", "hsn_sac": "998422", "tax_rate": "18", "amount": "100.00"},
    ],
    "totals": {
        "subtotal": "2500.00",
        "cgst": "225.00",
        "sgst": "225.00",
        "igst": "0.00",
        "other_taxes": [{"name": "Flood cess", "amount": "25.00"}],
        "round_off": "0.25",
        "total": "2975.25",
        "amount_paid": "975.25",
        "balance": "2000.00",
    },
    "issue_date": "2026-11-23",
    "due_date": "2026-12-08",
    "service_from": "2026-11-01",
    "service_to": "2026-12-31",
    "notes": "Thank you.",
    "terms": "Pay within 15 days.",
}
FULL = {
    "issuer": _ISSUER,
    "invoice_id": "990e8400-e29b-41d4-a716-446655440000",
    "invoice_number": "FY26-27-INV-000001",
    "invoice_data": _DATA,
}
EUROPEAN = {
    "issuer": {
        "name": "Muster Netze GmbH",
        "address": ["Hafenstraße 1"],
        "country": "DE",
        "vat_id": "DE123456789",
        "postal_code": "20457",
        "city": "Hamburg",
        "phone": "+49 40 5550 100",
        "email": "rechnung@muster-netze.example",
        "bank": {"account_name": "Muster Netze GmbH", "account_number": "532013000", "iban": "DE89370400440532013000"},
    },
    "invoice_id": "990e8400-e29b-41d4-a716-446655440001",
    "invoice_number": "2026-0042",
    "invoice_data": {
        "subscriber": {
            "name": "Zoë Müller & Söhne",
            "account_number": "K-7",
            "address": ["Lange Gasse 2", "Hinterhaus"],
            "country": "DE",
            "vat_id": "DE987654321",
            "postal_code": "80331",
            "city": "München",
            "email": "zoe@example.de",
        },
        "line_items": [
            {
                "description": "Glasfaser 200 Mbit/s",
                "quantity": "2",
                "unit": "months",
                "unit_price": "39.99",
                "discount": "4.99",
                "tax_rate": "19",
                "amount": "74.99",
            },
            {"description": "Fachbuch", "quantity": "1", "unit_price": "20.00", "tax_rate": "7.0", "amount": "20.00"},
        ],
        "totals": {
            "subtotal": "94.99",
            "other_taxes": [{"name": "VAT", "amount": "15.65"}],
            "round_off": "-0.04",
            "total": "110.60",
            "amount_paid": "10.60",
            "balance": "100.00",
        },
        "currency": "EUR",
        "issue_date": "2026-11-23",
        "due_date": "2026-12-08",
        "service_from": "2026-11-01",
        "service_to": "2026-12-31",
        "notes": "Danke.",
        "terms": "Zahlbar innerhalb von 15 Tagen.",
    },
}
_LONGEST_FIRST = (4000, 500, 200, 80, 16)


def sample() -> Document:
    """The order of `pdf_templates/samples/one-line.json`, from its issuer."""
    order, issuer = (
        json.loads((TEMPLATES / "samples" / f"{name}.json").read_text()) for name in ("one-line", "issuer")
    )
    return msgspec.convert(order | {"issuer": issuer}, Document)


def full() -> Document:
    """Each field of an Indian invoice but the logo is set."""
    return msgspec.convert(FULL, Document)


def european(**changes: Any) -> Document:
    """A German invoice that says enough for Factur-X, but for these fields of its invoice_data."""
    return msgspec.convert(EUROPEAN | {"invoice_data": EUROPEAN["invoice_data"] | changes}, Document)


def with_data(**changes: Any) -> Document:
    """Full, but for these fields of its invoice_data."""
    return msgspec.convert(FULL | {"invoice_data": _DATA | changes}, Document)


def subscribed_by(name: str) -> Document:
    """With this name of a subscriber."""
    return with_data(subscriber=_DATA["subscriber"] | {"name": name})


def filled_with(text: str, base: Any = FULL) -> Document:
    """With the text, or as much of it as fits, in each field that takes it."""
    document: Any = json.loads(json.dumps(base))
    for holder, key in list(_places(document)):
        before = holder[key]
        for length in _LONGEST_FIRST:
            holder[key] = text[:length]
            if _is_valid(document):
                break
            holder[key] = before
    return msgspec.convert(document, Document)


def _places(value: Any):
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, str):
            yield value, key
        else:
            yield from _places(item)


def _is_valid(document: Any) -> bool:
    try:
        msgspec.convert(document, Document)
    except msgspec.ValidationError:
        return False
    return True
