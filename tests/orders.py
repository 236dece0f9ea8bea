"""An order for an invoice with every field given, what it becomes when one differs, and the doors it comes by."""

import copy
import json
import re

import msgspec
import pytest

from app.api.strict_json import decoded
from app.errors import InvalidRequest, InvoiceMismatch, NeverWorks
from app.invoices.arithmetic import check_arithmetic
from app.invoices.billing import parse_invoice_generated
from app.invoices.data import InvoiceData, InvoiceOrder

ABSENT = object()

FULL = {
    "invoice_id": "990e8400-e29b-41d4-a716-446655440000",
    "invoice_number": "FY26-27-INV-000001",
    "supersedes": "110e8400-e29b-41d4-a716-446655440000",
    "invoice_data": {
        "subscriber": {
            "name": "Asha Kulkarni",
            "account_number": "AC-10042",
            "address": ["Flat 7, Gulmohar Apartments", "Law College Road"],
            "state_code": "27",
            "gstin": "27AAPFU0939F1ZV",
            "country": "IN",
            "vat_id": "IN123456789",
            "postal_code": "411004",
            "city": "Pune",
            "phone": "+91 98 5550 1234",
            "email": "asha.kulkarni@example.com",
        },
        "line_items": [
            {
                "description": "Fibre broadband, 200 Mbit/s",
                "hsn_sac": "998422",
                "quantity": "1",
                "unit": "month",
                "unit_price": "1000.00",
                "discount": "100.00",
                "amount": "900.00",
                "taxable_value": "900.00",
                "tax_rate": "18",
            },
            {
                "description": "Traffic",
                "quantity": "2.5",
                "unit_price": "40.002",
                "amount": "100.01",
                "tax_rate": "18.000",
            },
        ],
        "totals": {
            "subtotal": "1000.01",
            "discount": "50.00",
            "cgst": "89.55",
            "sgst": "89.55",
            "igst": "0.00",
            "other_taxes": [{"name": "Cess", "amount": "1.00"}],
            "round_off": "-0.11",
            "total": "1130.00",
            "amount_paid": "130.00",
            "balance": "1000.00",
        },
        "currency": "INR",
        "language": "en-IN",
        "status": "issued",
        "issue_date": "2026-11-23",
        "due_date": "2026-12-08",
        "service_from": "2026-11-01",
        "service_to": "2026-11-30",
        "place_of_supply": "27",
        "notes": "Thank you.\nYours",
        "terms": "Pay in 15 days.",
    },
}
GENERATED = {"event_type": "InvoiceGenerated"}
MINIMAL = {
    "invoice_id": FULL["invoice_id"],
    "invoice_number": FULL["invoice_number"],
    "invoice_data": {
        "subscriber": {"name": "Asha Kulkarni"},
        "line_items": [{"description": "Fibre broadband", "amount": "1000.00"}],
        "totals": {"total": "1000.00"},
    },
}


def changed(changes, order=FULL):
    """The order with other values where `changes` says so: {"invoice_data.line_items[0].amount": "1.00"}."""
    order = copy.deepcopy(order)
    for path, value in changes.items():
        *way, last = [int(part) if part.isdigit() else part for part in re.findall(r"\w+", path)]
        place = order
        for part in way:
            place = place[part]
        if value is ABSENT:
            del place[last]
        else:
            place[last] = value
    return order


def from_the_bus(order, written=json.dumps):
    return parse_invoice_generated(written(order | GENERATED).encode())


def over_http(order, written=json.dumps):
    return decoded(written(order).encode(), InvoiceOrder)


DOORS = {"bus": from_the_bus, "http": over_http}
REFUSED = (NeverWorks, InvalidRequest)
both_doors = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


def mismatch(order, issuer_state="27"):
    """What check_arithmetic says of an order, or None."""
    try:
        check_arithmetic(msgspec.convert(order["invoice_data"], InvoiceData), issuer_state)
    except InvoiceMismatch as refusal:
        return str(refusal)
    return None


def shortly(changes, order=FULL):
    """`changed`, with `invoice_data.` left out of the paths."""
    return changed({f"invoice_data.{path}": value for path, value in changes.items()}, order)


def places(value, path=""):
    """Every place of an order that holds text, and the text."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, f"{path}[{number}]")
    else:
        yield path, value
