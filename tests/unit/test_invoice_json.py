"""JSON that tries its reader: unknown and repeated names, no JSON at all, too deep, too long, too large."""

import json

import pytest

from app.api.strict_json import decoded
from app.errors import InvalidRequest, NeverWorks
from app.invoices import billing
from app.invoices.billing import MAX_BYTES, parse_invoice_generated
from app.invoices.data import MAX_LINES, InvoiceOrder
from tests.orders import FULL, GENERATED, REFUSED, both_doors, changed, from_the_bus, over_http

LINES = "invoice_data.line_items"
A_LINE = FULL["invoice_data"]["line_items"][0]
LEVELS = ["", "invoice_data", "invoice_data.subscriber", f"{LINES}[0]", "invoice_data.totals"]
LEVELS += ["invoice_data.totals.other_taxes[0]"]


@pytest.mark.parametrize("level", LEVELS)
def test_an_unknown_field_is_gone_on_the_bus_and_refused_over_http(level):
    surprise = f"{level}.surprise".removeprefix(".")
    order = changed({surprise: {"nested": [1.5]}})
    assert from_the_bus(order) == from_the_bus(FULL)
    assert from_the_bus(order).sha256 == over_http(FULL).sha256
    with pytest.raises(InvalidRequest, match="is not known here") as refusal:
        over_http(order)
    assert surprise in str(refusal.value)


@pytest.mark.parametrize("event_type", ["InvoicePaid", "", None, 1, ["InvoiceGenerated"]])
def test_another_event_is_none_of_ours(event_type):
    with pytest.raises(NeverWorks, match="event_type is not InvoiceGenerated"):
        parse_invoice_generated(json.dumps(FULL | {"event_type": event_type}).encode())


def total_twice(order):
    return json.dumps(order).replace('"total": "1130.00"', '"total": "1.00", "total": "1130.00"')


@both_doors
def test_of_a_name_that_comes_twice_the_last_counts_for_all_that_is_made_of_it(door):
    """There is one reader: what is checked, hashed, stored and printed is what it made."""
    assert total_twice(FULL).count('"total"') == 2
    assert door(FULL, written=total_twice) == door(FULL)
    assert door(FULL, written=total_twice).sha256 == door(FULL).sha256


NO_JSON = {
    "nothing": (b"", "truncated"),
    "spaces": (b" " * 100, "truncated"),
    "half": (b'{"invoice_number": "A"', "truncated"),
    "two": (b'{"invoice_number": "A"}{}', "malformed"),
    "no UTF-8": (b'{"invoice_number": "\xff"}', "not UTF-8"),
    "a raw surrogate": (b'{"invoice_number": "\xed\xa0\x80"}', "not UTF-8"),
    "a lone surrogate": (rb'{"invoice_number": "\ud800 and more"}', "malformed"),
    "a low surrogate first": (rb'{"invoice_number": "\udc00\ud800"}', "malformed"),
    "a raw control character": (b'{"invoice_number": "a\nb"}', "malformed"),
    "UTF-16": ("{}".encode("utf-16"), "malformed"),
    "a mark of byte order": (b"\xef\xbb\xbf{}", "malformed"),
    "NaN": (b'{"invoice_number": NaN}', "malformed"),
    "single quotes": (b"{'invoice_number': 'a'}", "malformed"),
    "a comma too many": (b'{"invoice_number": "A",}', "malformed"),
    "a comment": (b'{"invoice_number": /* x */ "A"}', "malformed"),
    "garbage": (b"\xfe" * 100_000, "malformed"),
}


@pytest.mark.parametrize(("body", "says"), NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_refused(body, says):
    with pytest.raises(NeverWorks, match=says):
        parse_invoice_generated(body)
    with pytest.raises(InvalidRequest, match=f"{says}|is missing"):
        decoded(body, InvoiceOrder)


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null", b"[{}]"])
def test_json_that_is_no_object_is_refused(body):
    with pytest.raises(NeverWorks, match="event_type is not InvoiceGenerated"):
        parse_invoice_generated(body)
    with pytest.raises(InvalidRequest, match=r"it is of type .*, expected object"):
        decoded(body, InvoiceOrder)


@pytest.mark.parametrize("opening", [b"[", b'{"invoice_data":', b'{"invoice_data":['], ids=["lists", "objects", "both"])
def test_deep_nesting_is_refused(opening):
    with pytest.raises(NeverWorks, match="nested too deeply"):
        parse_invoice_generated(opening * 100_000)
    with pytest.raises(InvalidRequest, match=r"is of type|is not known|nested too deeply"):
        decoded(opening * 100_000, InvoiceOrder)


@both_doors
@pytest.mark.parametrize("lines", [MAX_LINES + 1, 10_000])
def test_too_many_lines_are_refused_in_those_words(door, lines):
    with pytest.raises(REFUSED, match=r"invoice_data\.line_items has too many entries: 1000 are allowed"):
        door(changed({LINES: [A_LINE] * lines}))


@both_doors
def test_as_many_lines_as_are_allowed_are_taken(door):
    assert len(door(changed({LINES: [A_LINE] * MAX_LINES})).invoice_data.line_items) == MAX_LINES


def test_a_list_that_is_too_long_is_not_looked_into():
    lines = [{"unknown": 1}] * (MAX_LINES + 1)
    kept = billing._known({"invoice_data": {"line_items": lines}}, billing._ORDER)
    assert kept["invoice_data"]["line_items"] is lines


def test_a_message_that_is_too_large_is_not_read():
    body = json.dumps(FULL | GENERATED).encode()
    assert parse_invoice_generated(body.ljust(MAX_BYTES))
    with pytest.raises(NeverWorks, match=f"larger than {MAX_BYTES} bytes"):
        parse_invoice_generated(body.ljust(MAX_BYTES + 1))


@both_doors
@pytest.mark.parametrize("raw", ["9" * 10_000, "1" + "0" * 400, "1e999", "0." + "1" * 10_000], ids=lambda raw: raw[:8])
def test_a_number_of_any_size_is_no_amount(door, raw):
    with pytest.raises(REFUSED):
        door(changed({"invoice_data.totals.total": "@"}), written=lambda order: json.dumps(order).replace('"@"', raw))
