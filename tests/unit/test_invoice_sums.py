"""Random invoices, added up in whole smallest units by another arithmetic: they pass, and one unit off they do not."""

import decimal
import re
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.orders import mismatch, shortly


def half_away_from_zero(value):
    return int(abs(value) + Fraction(1, 2)) * (-1 if value < 0 else 1)


@st.composite
def consistent(draw):
    """An order's data with every amount given, added up in whole smallest units by another arithmetic, and a state."""
    currency, digits = draw(st.sampled_from([("INR", 2), ("JPY", 0), ("KWD", 3)]))
    sign, own = draw(st.sampled_from([1, -1])), draw(st.booleans())

    def amount(units):
        whole, part = divmod(abs(units), 10**digits)
        return ("-" if units < 0 else "") + str(whole) + (f".{part:0{digits}}" if digits else "")

    lines, worths = [], []
    for _ in range(draw(st.integers(1, 4))):
        thousandths, price = draw(st.integers(1, 9_999)), draw(st.integers(1, 999_999))
        gross = half_away_from_zero(Fraction(thousandths * price, 1000))
        discount = draw(st.integers(0, gross))
        rate = draw(st.sampled_from(["0", "5", "12.5", "18", "0.125"]))
        worths.append((sign * (gross - discount), Fraction(rate)))
        lines.append(
            {"description": "x", "quantity": f"{'-' * (sign < 0)}{thousandths // 1000}.{thousandths % 1000:03}"}
            | {"unit_price": amount(price), "discount": amount(sign * discount), "amount": amount(worths[-1][0])}
            | {"tax_rate": rate}
        )
    subtotal = sum(worth for worth, _ in worths)
    discount = sign * draw(st.integers(0, abs(subtotal)))
    left = Fraction(subtotal - discount, subtotal) if subtotal else 1
    tax = sum(worth * rate for worth, rate in worths) * left / 100
    taxes = [half_away_from_zero(tax / 2)] * 2 + [0] if own else [0, 0, half_away_from_zero(tax)]
    cess, paid = draw(st.integers(-999, 999)), draw(st.integers(-9_999, 9_999))
    round_off = draw(st.integers(2 - 10**digits, 10**digits - 2)) if digits else 0
    total = subtotal - discount + sum(taxes) + cess + round_off
    totals = dict(
        zip(
            ("subtotal", "discount", "cgst", "sgst", "igst", "round_off", "total", "amount_paid", "balance"),
            map(amount, (subtotal, discount, *taxes, round_off, total, paid, total - paid)),
            strict=True,
        )
    )
    totals["other_taxes"] = [{"name": "Cess", "amount": amount(cess)}]
    data = {"subscriber": {"name": "x"}, "line_items": lines, "totals": totals, "currency": currency}
    return {"invoice_data": data | {"place_of_supply": "27" if own else "29"}}, digits


def by_one_unit(amount, digits, step):
    with decimal.localcontext(prec=40):
        moved = decimal.Decimal(amount) + step * decimal.Decimal(1).scaleb(-digits)
        return f"{moved or abs(moved):f}"


def amounts(order):
    for number, line in enumerate(order["invoice_data"]["line_items"]):
        yield from ((f"line_items[{number}].{name}", line[name]) for name in ("amount", "discount"))
    totals = order["invoice_data"]["totals"]
    yield from ((f"totals.{name}", value) for name, value in totals.items() if name != "other_taxes")
    yield "totals.other_taxes[0].amount", totals["other_taxes"][0]["amount"]


def fields_that_depend_on(field):
    """What a mismatch may name after this amount alone has changed."""
    if field.startswith("line_items"):
        return {f"{field.split('.')[0]}.amount"}
    return {
        "totals.cgst": {"totals.cgst", "totals.sgst"},
        "totals.sgst": {"totals.sgst"},
        "totals.igst": {"totals.igst", "totals.total"},
        "totals.round_off": {"totals.round_off", "totals.total"},
        "totals.discount": {"totals.total"},
        "totals.other_taxes[0].amount": {"totals.total"},
        "totals.amount_paid": {"totals.balance"},
    }.get(field, {field})


@settings(derandomize=True, database=None, deadline=None, max_examples=200)
@given(consistent())
def test_what_another_arithmetic_added_up_passes(made):
    order, _ = made
    assert mismatch(order) is None


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(consistent(), st.sampled_from([1, -1]))
def test_one_unit_more_or_less_in_any_amount_is_seen_and_named(made, step):
    order, digits = made
    for field, amount in amounts(order):
        said = mismatch(shortly({field: by_one_unit(amount, digits, step)}, order))
        assert said, field
        assert re.match(r"invoice_data\.(\S+)", said)[1] in fields_that_depend_on(field), said
