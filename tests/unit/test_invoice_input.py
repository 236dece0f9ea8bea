"""What is sent as an invoice is taken as it is or refused in plain words, on the bus and over HTTP alike."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.orders import ABSENT, FULL, MINIMAL, REFUSED, both_doors, changed, places

NUMBER = "is not an invoice number: 1 to 64 ASCII letters, digits, - and _"
AMOUNT = 'is not an amount: a decimal string such as "1180.00", without sign for zero, separators or exponent'
QUANTITY = "is not a number: a decimal string"
PERCENTAGE = "is not a percentage"
PRINTABLE = "printable characters"
DATE = 'is not a date such as "2026-11-23"'
A_UUID = "is not a UUID"
LINES = "invoice_data.line_items"
TOTAL = "invoice_data.totals.total"
NAME = "invoice_data.subscriber.name"

# Where, what is said there, and what the refusal says of it.
MALFORMED = [
    *(("invoice_number", number, NUMBER) for number in ("", "..", ".", "../x", "a/b", "a%2fb", "a%2Fb", "/a", "a/")),
    *(("invoice_number", number, NUMBER) for number in ("a\\b", "..\\a", "~", "-a", "_a", "a b", " a", "a ", "a.pdf")),
    *(
        ("invoice_number", number, NUMBER)
        for number in ("X-r2", "X-r0", "X-r02", "0-r99999", "a" * 62 + "-r2", "a" * 65)
    ),
    *(
        ("invoice_number", number, NUMBER)
        for number in ("a\x00", "\x00", "a\x00.pdf", "a\n", "\na", "a\r\n", "a\t", "a\x7f")
    ),
    *(
        ("invoice_number", number, NUMBER)
        for number in ("\u0410-1", "\uff21", "a\u2215b", "a\uff0fb", "a\u2024\u2024", "\u0661")
    ),
    *(
        ("invoice_number", number, NUMBER)
        for number in ("a\u200d", "a\u202eb", "\ufeffa", "a\u2010b", "${x}", "a;b", "a'b", "a?b")
    ),
    *(("invoice_number", number, "is of type") for number in (1, 1.0, True, None, ["a"], {"a": 1})),
    ("invoice_number", ABSENT, "invoice_number is missing"),
    *(
        ("invoice_id", value, A_UUID)
        for value in ("", "x", FULL["invoice_id"] + "\n", "../" + FULL["invoice_id"], "{}")
    ),
    *(("invoice_id", value, "is of type") for value in (1, None, True)),
    ("supersedes", "x", A_UUID),
    *(
        (TOTAL, value, AMOUNT)
        for value in ("", " ", "1 ", " 1", "1\n", "1.00\n", "+1", "--1", "-", ".", "1.", ".5", "01")
    ),
    *(
        (TOTAL, value, AMOUNT)
        for value in ("-0", "-0.0", "-0.00", "-0.000", "00", "0.0000", "1,000.00", "1_000", "1e3")
    ),
    *(
        (TOTAL, value, AMOUNT)
        for value in ("1E3", "NaN", "nan", "inf", "-Infinity", "0x10", "1/2", "1'000", "1 000", "1.00.00")
    ),
    *(
        (TOTAL, value, AMOUNT)
        for value in ("1" * 13, "9" * 5_000, "1.0001", "\u0661", "\u0967.00", "\uff11", "\u22121", "\u20b91")
    ),
    *((TOTAL, value, AMOUNT) for value in ("1\x00", "1\u200b", "INR 1", "1 CR", "#1")),
    *(
        (TOTAL, value, "expected str")
        for value in (1180.0, 1180, 0, -0.0, None, True, False, [], ["1"], {}, {"v": "1"})
    ),
    (TOTAL, ABSENT, f"{TOTAL} is missing"),
    ("invoice_data.totals.igst", "-0.00", AMOUNT),
    ("invoice_data.totals.cgst", 90.0, "is of type float, expected str"),
    ("invoice_data.totals.other_taxes[0].amount", 1, "is of type int, expected str"),
    ("invoice_data.totals.other_taxes[0].name", ABSENT, "is missing"),
    ("invoice_data.totals.other_taxes", [{"name": "x", "amount": "1"}] * 9, "has too many entries: 8 are allowed"),
    ("invoice_data.totals.other_taxes", None, "is of type null, expected array"),
    (f"{LINES}[0].amount", "01", AMOUNT),
    (f"{LINES}[1].amount", 100.01, "is of type float, expected str"),
    (f"{LINES}[1].amount", ABSENT, f"{LINES}[1].amount is missing"),
    (f"{LINES}[1].description", ABSENT, f"{LINES}[1].description is missing"),
    *(
        (f"{LINES}[0].quantity", value, QUANTITY)
        for value in ("-0", "-0.000000", "1.0000001", "1e1", "", "1" * 13, "one")
    ),
    (f"{LINES}[0].quantity", 1, "is of type int, expected str"),
    (f"{LINES}[0].unit_price", "1,5", QUANTITY),
    *(
        (f"{LINES}[0].tax_rate", value, PERCENTAGE)
        for value in ("-1", "101", "100.001", "18%", "018", "18.0000", "1e1", "")
    ),
    (f"{LINES}[0].tax_rate", 18, "is of type int, expected str"),
    *(
        (f"{LINES}[0].hsn_sac", value, "is not an HSN or SAC code")
        for value in ("123", "123456789", "99842a", "\u0661" * 4)
    ),
    (LINES, [], "has too few entries: 1 is needed"),
    (LINES, {}, "is of type object, expected array"),
    (LINES, None, "is of type null, expected array"),
    (LINES, ["x"], f"{LINES}[0] is of type str, expected object"),
    (LINES, ABSENT, f"{LINES} is missing"),
    ("invoice_data", ABSENT, "invoice_data is missing"),
    ("invoice_data", "x", "invoice_data is of type str, expected object"),
    ("invoice_data", None, "invoice_data is of type null, expected object"),
    ("invoice_data.subscriber", [], "is of type array, expected object"),
    ("invoice_data.totals", ABSENT, "invoice_data.totals is missing"),
    (NAME, ABSENT, f"{NAME} is missing"),
    *((NAME, value, "expected str") for value in (None, 1, True, [], {})),
    (NAME, "x" * 201, f"{NAME} is not 1 to 200 printable characters"),
    (f"{LINES}[0].description", "x" * 501, "is not 1 to 500 printable characters"),
    (f"{LINES}[0].unit", "x" * 17, "is not 1 to 16 printable characters"),
    ("invoice_data.subscriber.city", "x" * 81, "is not 1 to 80 printable characters"),
    ("invoice_data.notes", "x" * 4_001, "is not 1 to 4000"),
    ("invoice_data.notes", "a\r\nb", PRINTABLE),
    ("invoice_data.notes", "\n\n", PRINTABLE),
    ("invoice_data.subscriber.address", ["x"] * 9, "has too many entries: 8 are allowed"),
    ("invoice_data.subscriber.address[1]", "a\nb", PRINTABLE),
    ("invoice_data.subscriber.address", "Dockyard Road", "is of type str, expected array"),
    *(
        ("invoice_data.issue_date", value, DATE)
        for value in ("", "2026-02-30", "2026-13-01", "23.11.2026", "2026-11-23\n")
    ),
    *(
        ("invoice_data.issue_date", value, DATE)
        for value in ("0000-01-01", "2026-11-23T00:00:00Z", "20261123", "26-11-23")
    ),
    *(("invoice_data.due_date", value, "is of type") for value in (0, 20261123, True, [])),
    *(
        ("invoice_data.currency", value, "is not a currency code")
        for value in ("", "inr", "INRS", "\u20b9", "IN\n", "\uff29NR")
    ),
    *(
        ("invoice_data.place_of_supply", value, "is not a state code")
        for value in ("", "7", "MH", "\u0662\u0667", "27\n")
    ),
    ("invoice_data.place_of_supply", 27, "is of type int, expected str"),
    ("invoice_data.language", "xx", "is 'xx', which is no value that it may have"),
    ("invoice_data.status", "paid", "is 'paid', which is no value that it may have"),
    ("invoice_data.status", None, "is of type null, expected str"),
    *(
        ("invoice_data.subscriber.gstin", value, "is not a GSTIN")
        for value in ("", "x", "27aapfu0939f1zv", "27AAPFU0939F1ZV\n")
    ),
    ("invoice_data.subscriber.country", "India", "is not a country code"),
    *(
        ("invoice_data.subscriber.email", value, "is not a mail address")
        for value in (
            "a",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b\n",
            "a\x00@b",
            "a\u202e@b",
            "a\U0001ffff@b",
            "a\x9f@b",
        )
    ),
    *(
        ("invoice_data.subscriber.phone", value, "is not a phone number")
        for value in ("1", "call me", "+\u0661\u0661\u0661")
    ),
    ("invoice_data.subscriber.vat_id", "de123", "is not a VAT id"),
]


NO_DEFAULTS = changed(
    {"invoice_data.subscriber.country": "DE", "invoice_data.currency": "EUR"}
    | {"invoice_data.language": "hi-IN", "invoice_data.status": "draft"}
)


@both_doors
@pytest.mark.parametrize("order", [NO_DEFAULTS, MINIMAL], ids=["full", "minimal"])
def test_a_good_order_is_taken_as_it_is(door, order):
    assert json.loads(msgspec.json.encode(door(order))) == order


@both_doors
@pytest.mark.parametrize(
    ("field", "value", "says"), MALFORMED, ids=[f"{number} {row[0]}" for number, row in enumerate(MALFORMED)]
)
def test_what_is_malformed_is_refused_and_named(door, field, value, says):
    with pytest.raises(REFUSED) as refusal:
        door(changed({field: value}))
    message = str(refusal.value)
    assert says in message
    assert field in message
    assert "regex" not in message
    assert len(message) < 600


@both_doors
@pytest.mark.parametrize(
    "number", ["FY26-27-INV-000001", "A", "0", "a_b-c", "a" * 64, "X-r2x", "X-R2", "Xr2", "X-r", "r2"]
)
def test_a_good_number_is_taken(door, number):
    assert door(changed({"invoice_number": number})).invoice_number == number


@both_doors
@pytest.mark.parametrize(
    "amount", ["0", "0.00", "0.000", "-0.01", "-1", "0.5", "999999999999.999", "-999999999999.999"]
)
def test_a_good_amount_is_taken(door, amount):
    assert door(changed({TOTAL: amount})).invoice_data.totals.total == amount


@both_doors
@pytest.mark.parametrize("rate", ["0", "0.125", "5", "18", "99.999", "100", "100.000"])
def test_a_good_rate_is_taken(door, rate):
    assert door(changed({f"{LINES}[0].tax_rate": rate})).invoice_data.line_items[0].tax_rate == rate


@both_doors
@pytest.mark.parametrize("field", ["invoice_id", "invoice_data", f"{LINES}[1].amount"])
def test_a_field_that_is_missing_is_named_as_its_sender_knows_it(door, field):
    with pytest.raises(REFUSED) as refusal:
        door(changed({field: ABSENT}))
    assert f": {field} is missing" in str(refusal.value)


@both_doors
def test_a_refusal_is_short_however_long_the_mistake(door):
    with pytest.raises(REFUSED) as refusal:
        door(changed({"invoice_data.status": "x" * 100_000}))
    assert len(str(refusal.value)) < 600


@both_doors
@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(
    field=st.sampled_from([field for field, _ in places(FULL)] + [LINES, f"{LINES}[0]", "invoice_data"]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
)
def test_whatever_stands_in_a_field_is_taken_or_refused(door, field, value):
    refused = None
    try:
        msgspec.json.encode(door(changed({field: value})))
    except REFUSED as refusal:
        refused = str(refusal)
    assert "regex" not in (refused or "")
