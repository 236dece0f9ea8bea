"""docs/invoices.md names every field of the contract, its orders are good, and its refusals are what is said."""

import json
import re
from pathlib import Path

import pytest
from msgspec import inspect

from app.errors import NeverWorks
from app.invoices.arithmetic import check_arithmetic
from app.invoices.billing import parse_invoice_generated
from app.invoices.data import InvoiceOrder
from tests.orders import changed, mismatch

PAGE = (Path(__file__).parents[2] / "docs" / "invoices.md").read_text()
ORDERS = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
REFUSALS = [quote.replace("\n> ", " ") for quote in re.findall(r"^> (.*(?:\n> .*)*)", PAGE, re.MULTILINE)]


def fields(kind, path=""):
    """Every field below a type, and whether it is required."""
    match kind:
        case inspect.Metadata():
            yield from fields(kind.type, path)
        case inspect.UnionType():
            for one in kind.types:
                yield from fields(one, path)
        case inspect.VarTupleType():
            yield from fields(kind.item_type, f"{path}[]")
        case inspect.StructType():
            for field in kind.fields:
                name = f"{path}.{field.encode_name}".removeprefix(".").removeprefix("invoice_data.")
                yield name, "yes" if field.required else "no"
                yield from fields(field.type, name)


def test_the_table_of_fields_is_the_contract():
    told = re.findall(r"^\| `([^`]+)` \| (yes|no) \|", PAGE, re.MULTILINE)
    assert sorted(told) == sorted(fields(inspect.type_info(InvoiceOrder)))


@pytest.mark.parametrize("order", ORDERS, ids=["minimal", "with tax"])
def test_the_orders_that_are_shown_are_good(order):
    check_arithmetic(parse_invoice_generated(order.encode()).invoice_data, "27")


def test_the_refusals_that_are_shown_are_what_is_said():
    wrong_sum = changed({"invoice_data.totals.igst": "180.00"})
    malformed = changed({"invoice_data.line_items[0].amount": "1,180.00"}) | {"event_type": "InvoiceGenerated"}
    with pytest.raises(NeverWorks) as refusal:
        parse_invoice_generated(json.dumps(malformed).encode())
    assert [mismatch(wrong_sum), str(refusal.value).removeprefix("no InvoiceGenerated: ")] == REFUSALS


def test_the_defaults_that_are_told_are_the_code():
    told = dict(re.findall(r"^\| `([^`]+)` \|.* `([^`]+)` if left out \|", PAGE, re.MULTILINE))
    defaults = {
        name.removeprefix("invoice_data."): default
        for name, default in defaulted(inspect.type_info(InvoiceOrder))
        if isinstance(default, str)
    }
    assert told == defaults


def defaulted(kind, path=""):
    if isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield f"{path}.{field.encode_name}".removeprefix("."), field.default
            yield from defaulted(field.type, f"{path}.{field.encode_name}".removeprefix("."))
