"""The samples add up, and what the README shows can be copied."""

import re
from decimal import Decimal

import msgspec
import pypdfium2
import pytest

from app.typesetting.typesetter import Typesetter
from tests.typesetting.sample_invoices import ISSUER, NAMES, SAMPLES, document, order, texts

PAISA = Decimal("0.01")


def money(value):
    return Decimal(value or 0)


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_quantity_times_price_less_discount(name):
    for line in order(name).invoice_data.line_items:
        assert money(line.amount) == money(line.quantity) * money(line.unit_price) - money(line.discount), line


@pytest.mark.parametrize("name", NAMES)
def test_totals_are_the_sum_of_the_lines_and_their_tax(name):
    data = order(name).invoice_data
    totals, lines = data.totals, data.line_items
    tax = sum(money(line.amount) * money(line.tax_rate) / 100 for line in lines)
    at_home = data.supplied_to == ISSUER.state_code
    assert money(totals.subtotal) == sum(money(line.amount) for line in lines)
    assert money(totals.cgst) == money(totals.sgst) == (round_half_up(tax / 2) if at_home else 0)
    assert money(totals.igst) == (0 if at_home else round_half_up(tax))
    added = money(totals.cgst) + money(totals.sgst) + money(totals.igst) + money(totals.round_off)
    assert money(totals.total) == money(totals.subtotal) - money(totals.discount) + added
    assert money(totals.balance) == money(totals.total) - money(totals.amount_paid)


def round_half_up(amount):
    return amount.quantize(PAISA, "ROUND_HALF_UP")


def test_the_readmes_template_sets_an_invoice(tmp_path):
    readme = (SAMPLES.parent / "README.md").read_text()
    (tmp_path / "invoice.typ").write_text(re.search(r"```typst\n(.*?)```", readme, re.DOTALL)[1])
    typeset = Typesetter(tmp_path).typeset(document("one-line"))
    assert typeset.warnings == ()
    undated = msgspec.structs.replace(order("one-line").invoice_data, issue_date=None)
    assert Typesetter(tmp_path).typeset(msgspec.structs.replace(document("one-line"), invoice_data=undated)).pdf
    assert "Fibre broadband" in texts(pypdfium2.PdfDocument(typeset.pdf))[0]
