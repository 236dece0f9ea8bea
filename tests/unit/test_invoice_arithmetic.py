"""An invoice that agrees with itself passes, and one that does not is refused with the field and both values."""

import decimal

import msgspec
import pytest

from app.errors import InvoiceMismatch
from app.invoices.arithmetic import check_issuer
from app.invoices.data import Issuer
from tests.orders import ABSENT, FULL, MINIMAL, mismatch, shortly


def without(*names):
    return {f"totals.{name}": ABSENT for name in names}


PLAIN_TOTALS = without("discount", "other_taxes", "round_off", "amount_paid", "balance")
NO_TAX = without("cgst", "sgst", "igst")
ONLY_TOTAL = PLAIN_TOTALS | NO_TAX | without("subtotal")

CONSISTENT = {
    "all fields": FULL,
    "minimal": MINIMAL,
    "no unit price": shortly({"line_items[0].unit_price": ABSENT, "line_items[0].quantity": ABSENT}),
    "one without a quantity": shortly({"line_items[0].quantity": ABSENT}),
    "no rates, any tax": shortly(
        {"line_items[0].tax_rate": ABSENT, "line_items[1].tax_rate": ABSENT, "totals.cgst": "9.00"}
        | {"totals.sgst": "9.00", "totals.round_off": "-0.01", "totals.total": "969.00", "totals.balance": "839.00"}
    ),
    "one rate, no tax": shortly({"line_items[0].tax_rate": ABSENT, "totals.total": "1000.01"} | ONLY_TOTAL),
    "a line without a rate bears no tax": shortly(
        {"line_items[1].tax_rate": ABSENT, "totals.cgst": "81.00", "totals.sgst": "81.00", "totals.total": "1162.01"}
        | PLAIN_TOTALS
    ),
    "a taxable value of nothing": shortly(
        {"line_items[0].taxable_value": "0.00", "totals.cgst": "9.00", "totals.sgst": "9.00", "totals.total": "1018.01"}
        | PLAIN_TOTALS
    ),
    "due on the day of issue": shortly({"due_date": "2026-11-23"}),
    "no state of the subscriber": shortly({"place_of_supply": ABSENT, "subscriber.state_code": ABSENT}),
    "yen": shortly({"currency": "JPY", "line_items[0].amount": "1000", "totals.total": "1000"}, MINIMAL),
    "dinars": shortly({"currency": "KWD", "line_items[0].amount": "1.005", "totals.total": "1.005"}, MINIMAL),
    "lines that come to nothing, with a discount": shortly(
        {"line_items[0].amount": "0.00", "line_items[0].tax_rate": "18", "totals.total": "-1.00"}
        | {"totals.discount": "1.00"},
        MINIMAL,
    ),
}
CREDIT_NOTE = shortly(
    {
        "line_items[0].quantity": "-1",
        "line_items[0].discount": "-100.00",
        "line_items[0].amount": "-900.00",
        "line_items[0].taxable_value": "-900.00",
        "line_items[1].quantity": "-2.5",
        "line_items[1].amount": "-100.01",
        "totals.subtotal": "-1000.01",
        "totals.discount": "-50.00",
        "totals.cgst": "-89.55",
        "totals.sgst": "-89.55",
        "totals.other_taxes[0].amount": "-1.00",
        "totals.round_off": "0.11",
        "totals.total": "-1130.00",
        "totals.amount_paid": "0.00",
        "totals.balance": "-1130.00",
    }
)
TO_ANOTHER_STATE = {"totals.cgst": "0.00", "totals.sgst": "0.00", "totals.igst": "179.10"}


@pytest.mark.parametrize("order", CONSISTENT.values(), ids=CONSISTENT)
def test_an_invoice_that_agrees_with_itself_passes(order):
    assert mismatch(order) is None


def test_a_credit_note_passes_and_mirrors_its_invoice():
    assert mismatch(CREDIT_NOTE) is None
    assert "expected -100.01" in mismatch(shortly({"line_items[1].amount": "-100.00"}, CREDIT_NOTE))


@pytest.mark.parametrize(("place", "issuer_state"), [("29", "27"), ("96", "27"), ("97", "27"), ("27", "29")])
def test_what_goes_to_another_state_or_abroad_bears_igst(place, issuer_state):
    assert mismatch(shortly({"place_of_supply": place} | TO_ANOTHER_STATE), issuer_state) is None


def test_the_subscriber_s_state_is_the_place_of_supply_where_none_is_said():
    assert "the place of supply 27 " in mismatch(shortly({"place_of_supply": ABSENT}), "29")


def test_without_the_issuer_s_state_the_split_is_not_looked_at():
    assert mismatch(FULL, None) is mismatch(shortly(TO_ANOTHER_STATE), None) is None


# What is changed in the order, the field that is named, what was expected, what was given.
MISMATCHES = [
    ({"line_items[0].amount": "900.01"}, "line_items[0].amount", "900.00", "900.01"),
    ({"line_items[0].amount": "1000.00"}, "line_items[0].amount", "900.00", "1000.00"),
    ({"line_items[0].quantity": "0"}, "line_items[0].amount", "-100.00", "900.00"),
    ({"line_items[1].amount": "100.00"}, "line_items[1].amount", "100.01", "100.00"),
    ({"line_items[1].quantity": ABSENT}, "line_items[1].amount", "40.00", "100.01"),
    ({"line_items[0].taxable_value": "900.01"}, "line_items[0].taxable_value", "0 to 900.00", "900.01"),
    ({"line_items[0].taxable_value": "-0.01"}, "line_items[0].taxable_value", "0 to 900.00", "-0.01"),
    ({"totals.subtotal": "1000.00"}, "totals.subtotal", "1000.01", "1000.00"),
    ({"totals.subtotal": "-1000.01"}, "totals.subtotal", "1000.01", "-1000.01"),
    ({"totals.cgst": "89.59", "totals.sgst": "89.59"}, "totals.cgst + sgst + igst", "179.10", "179.18"),
    ({"totals.cgst": "89.51", "totals.sgst": "89.51"}, "totals.cgst + sgst + igst", "179.10", "179.02"),
    ({"line_items[0].tax_rate": "5"}, "totals.cgst + sgst + igst", "62.10", "179.10"),
    (NO_TAX, "totals.cgst + sgst + igst", "179.10", "not given"),
    (without("cgst", "sgst") | {"totals.igst": "0.00"}, "totals.igst", "179.10", "0.00"),
    ({"totals.igst": "180.00"}, "totals.igst", "0.00", "180.00"),
    ({"totals.sgst": "89.54"}, "totals.sgst", "89.55", "89.54"),
    ({"totals.sgst": ABSENT}, "totals.sgst", "89.55", "not given"),
    ({"place_of_supply": "29"}, "totals.cgst", "0.00", "89.55"),
    ({"place_of_supply": "96", "totals.cgst": ABSENT}, "totals.sgst", "0.00", "89.55"),
    ({"totals.round_off": "1.00"}, "totals.round_off", "less than 1", "1.00"),
    ({"totals.round_off": "-1.00"}, "totals.round_off", "less than 1", "-1.00"),
    ({"totals.round_off": ABSENT}, "totals.total", "1130.11", "1130.00"),
    ({"totals.total": "1130.01"}, "totals.total", "1130.00", "1130.01"),
    ({"totals.discount": "50.01"}, "totals.total", "1129.99", "1130.00"),
    ({"totals.other_taxes[0].amount": "0.00"}, "totals.total", "1129.00", "1130.00"),
    ({"totals.other_taxes": []}, "totals.total", "1129.00", "1130.00"),
    ({"totals.balance": "1130.00"}, "totals.balance", "1000.00", "1130.00"),
    ({"totals.amount_paid": ABSENT}, "totals.balance", "1130.00", "1000.00"),
    ({"due_date": "2026-11-22"}, "due_date", "2026-11-23 or later", "2026-11-22"),
    ({"service_to": "2026-10-31"}, "service_to", "2026-11-01 or later", "2026-10-31"),
    ({"currency": "ABC"}, "currency", "a currency in use", "ABC"),
    ({"currency": "DEM"}, "currency", "a currency in use", "DEM"),
    ({"currency": "XXX"}, "currency", "a currency in use", "XXX"),
    ({"totals.total": "1130.000"}, "totals.total", "at most 2 decimals", "1130.000"),
    ({"line_items[0].amount": "900.001"}, "line_items[0].amount", "at most 2 decimals", "900.001"),
    ({"line_items[0].discount": "0.001"}, "line_items[0].discount", "at most 2 decimals", "0.001"),
    ({"totals.other_taxes[0].amount": "1.001"}, "totals.other_taxes[0].amount", "at most 2 decimals", "1.001"),
    ({"currency": "JPY"}, "line_items[0].amount", "at most 0 decimals", "900.00"),
    ({"subscriber.gstin": "27AAPFU0939F1ZX"}, "subscriber.gstin", "27AAPFU0939F1ZV", "27AAPFU0939F1ZX"),
    ({"subscriber.gstin": "27AAPFU0993F1ZV"}, "subscriber.gstin", "27AAPFU0993F1ZP", "27AAPFU0993F1ZV"),
    ({"subscriber.state_code": "29"}, "subscriber.state_code", "27", "29"),
]


@pytest.mark.parametrize(
    ("changes", "field", "expected", "value"),
    MISMATCHES,
    ids=[f"{number} {row[1]}" for number, row in enumerate(MISMATCHES)],
)
def test_a_mismatch_names_the_field_what_was_expected_and_what_was_given(changes, field, expected, value):
    said = mismatch(shortly(changes))
    assert said
    assert said.startswith(f"invoice_data.{field} is {value}, expected {expected}: ")
    assert said.endswith(".")


def test_with_nothing_beside_the_lines_they_are_the_total():
    said = mismatch(shortly({"totals.total": "1180.00"}, MINIMAL))
    assert said.startswith("invoice_data.totals.total is 1180.00, expected 1000.00: ")


def test_a_mismatch_explains_itself():
    assert mismatch(shortly({"totals.igst": "180.00"})) == (
        "invoice_data.totals.igst is 180.00, expected 0.00: the place of supply 27 is the issuer's own state, "
        "so the tax is CGST and SGST."
    )


def test_the_discount_of_the_invoice_lowers_what_is_taxed_but_not_what_a_line_says_is_taxed():
    line = {
        "line_items[0].tax_rate": "10",
        "totals.discount": "100.00",
        "totals.igst": "90.00",
        "totals.total": "990.00",
    }
    assert mismatch(shortly(line, MINIMAL)) is None
    assert "expected 100.00" in mismatch(shortly(line | {"line_items[0].taxable_value": "1000.00"}, MINIMAL))


@pytest.mark.parametrize(("igst", "passes"), [("179.13", True), ("179.14", False), ("179.07", True), ("179.06", False)])
def test_taxes_may_be_off_by_a_unit_for_each_line_and_one_more(igst, passes):
    """Two lines come to 179.10."""
    total = f"{decimal.Decimal('951.01') + decimal.Decimal(igst)}"
    order = shortly(
        {"totals.igst": igst, "totals.total": total, "place_of_supply": "29"}
        | without("cgst", "sgst", "round_off", "amount_paid", "balance")
    )
    assert (mismatch(order) is None) is passes


def test_nothing_is_expected_without_a_sign():
    line = {"line_items[0].quantity": "-0.001", "line_items[0].unit_price": "1", "line_items[0].amount": "0.01"}
    assert "expected 0.00: " in mismatch(shortly(line, MINIMAL))


def test_a_thousand_lines_of_the_largest_numbers_are_added_exactly():
    largest, factor = "9" * 12 + ".99", "9" * 12 + ".999999"
    line = {"description": "x", "amount": largest, "taxable_value": largest, "tax_rate": "99.999"}
    least = {"description": "x", "amount": "0.01", "tax_rate": "99.999"}
    crowd = {"line_items": [line] * 999 + [least]}
    said = mismatch(shortly(crowd | {"totals.subtotal": "1.00"}, MINIMAL))
    assert said.startswith("invoice_data.totals.subtotal is 1.00, expected 998999999999990.02: ")
    taxed = mismatch(shortly(crowd | {"totals.discount": largest, "totals.igst": "1.00"}, MINIMAL))
    assert "expected 998990009999990.02" in taxed
    product = mismatch(shortly({"line_items[0].quantity": factor, "line_items[0].unit_price": factor}, MINIMAL))
    assert "expected 999999999999999998000000.00" in product


def test_what_the_caller_s_decimals_are_set_to_changes_nothing():
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP, traps=[])):
        assert mismatch(FULL) is None
        assert "expected 1000.01" in mismatch(shortly({"totals.subtotal": "1000.02"}))


def test_the_issuer_s_gstin_and_state_are_checked():
    check_issuer(Issuer(name="x"))
    check_issuer(Issuer(name="x", gstin="27AAPFU0939F1ZV", state_code="27"))
    with pytest.raises(InvoiceMismatch, match=r"^issuer\.gstin is 27AAPFU0939F1ZX, expected 27AAPFU0939F1ZV: "):
        check_issuer(Issuer(name="x", gstin="27AAPFU0939F1ZX"))
    with pytest.raises(InvoiceMismatch, match=r"^issuer\.state_code is 29, expected 27: "):
        check_issuer(Issuer(name="x", gstin="27AAPFU0939F1ZV", state_code="29"))


@pytest.mark.parametrize("gstin", ["38AAPFU0939F1ZS", "97AAPFU0939F1ZO"])
def test_ladakh_and_other_territory_have_gstins_too(gstin):
    check_issuer(Issuer(name="x", gstin=gstin))


def test_the_samples_of_the_template_agree_with_themselves(sample_orders):
    assert sample_orders
    for name, order in sample_orders.items():
        assert (name, mismatch(order)) == (name, None)


@pytest.fixture
def sample_orders(request):
    folder = request.config.rootpath / "pdf_templates" / "samples"
    read = {path.name: msgspec.json.decode(path.read_bytes()) for path in folder.glob("*.json")}
    return {name: order for name, order in read.items() if "invoice_data" in order}


LINE = {"description": "x", "amount": "100.00", "tax_rate": "18"}
NAMED = {"subscriber": {"name": "x"}, "line_items": [LINE]}


@pytest.mark.parametrize(
    ("totals", "says"),
    [
        ({"cgst": "1.00", "sgst": "17.00"}, "totals.sgst is 17.00, expected 1.00: CGST and SGST are equal parts"),
        ({"cgst": "18.00"}, "totals.sgst is not given, expected 18.00"),
        ({"cgst": "-9.00", "sgst": "27.00"}, "totals.sgst is 27.00, expected -9.00"),
        ({"cgst": "4.50", "sgst": "4.50", "igst": "9.00"}, "IGST is charged instead of CGST and SGST"),
        ({"other_taxes": [{"name": "Igst", "amount": "18.00"}]}, "GST has fields of its own"),
    ],
)
def test_a_tax_is_split_in_halves_or_not_at_all_wherever_it_is_due(totals, says):
    order = {"invoice_data": {**NAMED, "totals": {"total": "118.00", **totals}}}
    assert says in mismatch(order, None)


def test_vat_is_the_tax_that_the_rates_are_of():
    european = {**NAMED, "currency": "EUR", "totals": {"total": "118.00"}}
    good, short = ({"total": "118.00", "other_taxes": [{"name": "VAT", "amount": vat}]} for vat in ("18.00", "17.00"))
    assert mismatch({"invoice_data": {**european, "totals": good}}, None) is None
    assert "other_taxes (VAT) is 17.00, expected 18.00" in mismatch(
        {"invoice_data": {**european, "totals": short}}, None
    )


def test_a_gstin_says_where_it_is_supplied_to():
    data = {**NAMED, "subscriber": {"name": "x", "gstin": "29AAKFN4321P1ZQ"}}
    split = {"total": "118.00", "cgst": "9.00", "sgst": "9.00"}
    assert "is not the issuer's state 27" in mismatch({"invoice_data": {**data, "totals": split}})
    whole = {"total": "118.00", "igst": "18.00"}
    assert mismatch({"invoice_data": {**data, "totals": whole}}) is None


@pytest.mark.parametrize(
    ("supply", "totals", "says"),
    [
        ("reverse_charge", {"total": "100.00"}, None),
        (
            "reverse_charge",
            {"total": "118.00", "cgst": "9.00", "sgst": "9.00"},
            "under reverse charge the recipient pays the tax",
        ),
        ("sez", {"total": "118.00", "igst": "18.00"}, None),
        ("sez", {"total": "100.00"}, None),
        ("sez", {"total": "118.00", "cgst": "9.00", "sgst": "9.00"}, "is taxed with IGST, or not at all"),
        ("export", {"total": "117.00", "igst": "17.00"}, "expected 18.00"),
    ],
)
def test_what_is_no_regular_supply_is_taxed_in_its_own_way(supply, totals, says):
    data = {**NAMED, "subscriber": {"name": "x", "state_code": "27"}, "supply": supply, "totals": totals}
    said = mismatch({"invoice_data": data})
    assert said is None if says is None else says in said
