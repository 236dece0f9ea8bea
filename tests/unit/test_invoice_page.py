"""What an invoice says, before it is set."""

import random
import re
import typing
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from babel.numbers import format_decimal
from msgspec.structs import fields, replace

from app.invoices import page_input
from app.invoices.amount_words import in_words
from app.invoices.amounts import MINUS, figure, percentage
from app.invoices.data import Bank, Document, InvoiceData, Issuer, LineItem, OtherTax, Subscriber, Totals
from app.invoices.labels import LABELS
from app.invoices.page import page_of

ISSUER = Issuer(
    name="Sample Networks",
    gstin="27AAPFU0939F1ZV",
    upi_id="sample@bank",
    bank=Bank(account_name="S", account_number="1"),
)
LINE = LineItem(description="Fibre", amount="1000.00", tax_rate="18")
TOTALS = Totals(total="1180.00", subtotal="1000.00", cgst="90.00", sgst="90.00")


def page(issuer=ISSUER, lines=(LINE,), totals=TOTALS, version=1, **data):
    subscriber = data.pop("subscriber", Subscriber(name="Asha"))
    return page_of(
        Document(
            issuer=issuer,
            invoice_id=UUID(int=1),
            invoice_number="INV-1",
            version=version,
            invoice_data=InvoiceData(subscriber=subscriber, line_items=lines, totals=totals, **data),
        )
    )


def test_the_least_that_an_invoice_may_say_is_a_page():
    least = page(Issuer(name="S"), (LineItem(description="Fibre", amount="10"),), Totals(total="10"))
    assert (least.title, least.headline.amount, least.in_words.value) == ("Invoice", "₹\u00a010.00", "Ten rupees only")
    assert [column.name for column in least.columns] == ["item", "description", "amount"]
    assert [total.label for total in least.totals] == ["Total"]
    assert (least.date, least.logo, least.tax_summary, least.payment, least.signature, least.notes) == (None,) * 6


def test_the_same_document_is_the_same_page():
    assert msgspec.json.encode(page()) == msgspec.json.encode(page())


@pytest.mark.parametrize(
    ("pattern", "indian"), [("#,##,##0.00", True), ("#,##0.00", False)], ids=["indian", "thousands"]
)
def test_figures_are_grouped_as_babel_groups_them(pattern, indian):
    numbers = random.Random(6)
    for digits in range(1, 15):
        value = Decimal(numbers.randrange(10**digits)).scaleb(-2)
        assert figure(value, 2, indian=indian) == format_decimal(value, pattern, locale="en_IN")


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("0", "0.00"),
        ("-0.00", "0.00"),
        ("-1234567.5", f"{MINUS}12,34,567.50"),
        ("999999999999.99", "9,99,99,99,99,999.99"),
    ],
)
def test_a_figure_has_its_decimals_and_a_true_minus(value, printed):
    assert figure(value, 2, indian=True) == printed


@pytest.mark.parametrize(
    ("rate", "printed"), [("18", "18%"), ("18.00", "18%"), ("0.25", "0.25%"), ("0", "0%"), ("100", "100%")]
)
def test_a_rate_has_no_more_decimals_than_it_needs(rate, printed):
    assert percentage(rate) == printed


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        ("0", "INR", "Zero rupees only"),
        ("1", "INR", "One rupee only"),
        ("1180.00", "INR", "One thousand one hundred and eighty rupees only"),
        ("120000.50", "INR", "One lakh twenty thousand rupees and fifty paise only"),
        ("0.01", "INR", "Zero rupees and one paisa only"),
        ("10000005", "INR", "One crore and five rupees only"),
        ("-500", "INR", "Minus five hundred rupees only"),
        ("10.125", "INR", "Ten rupees and 125/1000 only"),
        ("10000000000", "INR", "One thousand crore rupees only"),
        ("999900000000.00", "INR", "Ninety-nine thousand nine hundred and ninety crore rupees only"),
        ("9999900.99", "INR", "Ninety-nine lakh ninety-nine thousand nine hundred rupees and ninety-nine paise only"),
        ("1", "EUR", "One euro only"),
        ("120000.50", "EUR", "One hundred and twenty thousand euros and 50/100 only"),
        ("1000000", "USD", "One million US dollars only"),
        ("12.345", "KWD", "Twelve Kuwaiti dinars and 345/1000 only"),
        ("100", "JPY", "One hundred Japanese yen only"),
        ("5", "XYZ", "Five XYZ only"),
    ],
)
def test_amounts_are_said_in_english(amount, currency, said):
    assert in_words(amount, currency, "en-IN") == said


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("0", "शून्य रुपये मात्र"),
        ("1", "एक रुपया मात्र"),
        ("1913", "एक हज़ार नौ सौ तेरह रुपये मात्र"),
        ("123456.50", "एक लाख तेईस हज़ार चार सौ छप्पन रुपये और पचास पैसे मात्र"),
        ("10000005", "एक करोड़ पाँच रुपये मात्र"),
        ("-2.01", "ऋण दो रुपये और एक पैसा मात्र"),
        ("999999999999", "निन्यानवे हज़ार नौ सौ निन्यानवे करोड़ निन्यानवे लाख निन्यानवे हज़ार नौ सौ निन्यानवे रुपये मात्र"),
    ],
)
def test_amounts_are_said_in_hindi(amount, said):
    assert in_words(amount, "INR", "hi-IN") == said


def test_no_two_amounts_sound_alike():
    amounts = {*range(2000), *range(0, 10**7, 9973)}
    for language in LABELS:
        said = {in_words(str(rupees), "INR", language) for rupees in amounts}
        assert len(said) == len(amounts)
        assert not any(re.search(r"\d| {2}", words) for words in said)


def test_every_word_is_in_both_languages():
    english, hindi = (msgspec.to_builtins(LABELS[language]) for language in ("en-IN", "hi-IN"))
    for name, label in english.items():
        assert re.findall(r"{\w+}", str(label)) or label != ""
        assert sorted(re.findall(r"{\w+}", str(label))) == sorted(re.findall(r"{\w+}", str(hindi[name]))), name


def test_a_hindi_page_has_hindi_words_and_dates():
    hindi = page(language="hi-IN", due_date=date(2026, 12, 8))
    assert (hindi.language, hindi.title, hindi.headline.note) == ("hi", "कर चालान", "8 दिसंबर 2026 तक")


def test_what_is_due_is_the_headline_and_a_code_pays_it():
    due = page(totals=replace(TOTALS, amount_paid="180.00", balance="1000.00"), due_date=date(2026, 12, 8))
    assert (due.headline.label, due.headline.amount, due.headline.note) == (
        "Amount due",
        "₹\u00a01,000.00",
        "by 8 December 2026",
    )
    assert [total.label for total in due.totals] == ["Subtotal", "CGST", "SGST", "Total", "Amount paid", "Balance due"]
    assert due.payment.qr.alt == "QR code to pay ₹\u00a01,000.00 by UPI to sample@bank"


def test_a_credit_balance_is_said_in_words_and_nothing_is_to_be_paid():
    credit = page(totals=replace(TOTALS, amount_paid="1680.00", balance="-500.00"))
    assert (credit.headline.label, credit.headline.amount) == ("Credit balance", "₹\u00a0500.00")
    assert (credit.totals[-1].label, credit.totals[-1].amount) == ("Credit balance", "500.00")
    assert credit.payment is None


def test_what_is_paid_is_said_to_be():
    paid = page(totals=replace(TOTALS, amount_paid="1180.00", balance="0.00"))
    assert (paid.headline.note, paid.payment) == ("Paid in full", None)


@pytest.mark.parametrize(
    "changes",
    [{"status": "draft"}, {"status": "duplicate"}, {"currency": "EUR"}, {"issuer": replace(ISSUER, upi_id=None)}],
    ids=["draft", "duplicate", "in euros", "without a UPI id"],
)
def test_there_is_no_code_unless_all_that_it_needs_is_there(changes):
    assert page(**changes).payment.qr is None


def test_a_cancelled_invoice_asks_for_no_money():
    cancelled = page(status="cancelled")
    assert (cancelled.standing, cancelled.headline.label, cancelled.payment) == ("Cancelled", "Total", None)


def test_a_later_version_says_so():
    assert (page().revision, page(version=2).revision) == ("", "Revision 2")


def test_taxes_are_summed_by_rate():
    lines = (
        LINE,
        replace(LINE, amount="500.00"),
        replace(LINE, amount="200.00", tax_rate="5.0"),
        replace(LINE, amount="9", tax_rate=None),
    )
    summary = page(lines=lines, totals=Totals(total="1989.00", cgst="140.00", sgst="140.00")).tax_summary
    assert summary.columns == ("Rate", "Taxable value", "CGST", "SGST", "Total tax")
    assert summary.rows == (
        ("5%", "200.00", "5.00", "5.00", "10.00"),
        ("18%", "1,500.00", "135.00", "135.00", "270.00"),
        ("No rate", "9.00", "0.00", "0.00", "0.00"),
    )
    assert summary.total == ("Total", "1,709.00", "140.00", "140.00", "280.00")


def test_the_summary_comes_to_the_invoices_own_tax():
    lines = tuple(replace(LINE, amount="0.33") for _ in range(3))
    summary = page(lines=lines, totals=Totals(total="1.17", igst="0.18")).tax_summary
    assert summary.rows == (("18%", "0.99", "0.18"),)
    rounded_by_line = page(lines=lines, totals=Totals(total="1.17", igst="0.21")).tax_summary
    assert rounded_by_line.total == ("Total", "0.99", "0.21")


def test_a_summary_that_contradicts_the_totals_is_left_out():
    assert page(totals=Totals(total="1300.00", igst="300.00")).tax_summary is None


def test_another_countrys_tax_is_summed_too():
    totals = Totals(total="1180.00", other_taxes=(OtherTax(name="VAT 18%", amount="180.00"),))
    vat = page(Issuer(name="S"), totals=totals, currency="EUR")
    assert vat.tax_summary.columns == ("Rate", "Taxable value", "Tax")
    assert (vat.title, vat.totals[-1].amount) == ("Invoice", "€\u00a01,180.00")


def test_other_currencies_are_grouped_by_thousands():
    assert page(currency="USD", totals=Totals(total="1234567.5")).headline.amount == "$\u00a01,234,567.50"
    assert (
        page(currency="JPY", lines=(replace(LINE, amount="1000.00"),), totals=Totals(total="1234567")).headline.amount
        == "JP¥\u00a01,234,567"
    )


def test_a_column_aligns_to_its_longest_decimals():
    lines = (replace(LINE, quantity="1", unit_price="0.125"), replace(LINE, quantity="1.50", unit_price="1000"))
    printed = page(lines=lines).lines
    assert [line.quantity for line in printed] == ["1.0", "1.5"]
    assert [line.unit_price for line in printed] == ["0.125", "1,000.000"]


def test_taxable_values_are_a_column_only_where_they_are_not_the_amounts():
    assert "taxable_value" not in [column.name for column in page().columns]
    lines = (replace(LINE, taxable_value="900.00"), LINE)
    assert [line.taxable_value for line in page(lines=lines).lines] == ["900.00", "1,000.00"]


def test_lines_carry_the_sum_so_far():
    lines = (LINE, replace(LINE, amount="-250.50"), replace(LINE, amount="1"))
    assert [line.running for line in page(lines=lines).lines] == ["1,000.00", "749.50", "750.50"]


def test_the_place_of_supply_is_a_state_with_its_code():
    facts = page(subscriber=Subscriber(name="Asha", state_code="33")).facts
    assert [(fact.label, fact.value) for fact in facts] == [
        ("Invoice number", "INV-1"),
        ("Place of supply", "Tamil Nadu (33)"),
    ]
    assert page(place_of_supply="99").facts[-1].value == "99"


def test_an_address_names_its_town_and_country_once():
    there = Subscriber(name="A", address=("1 Rue X", "75001 Paris"), postal_code="75001", city="Paris", country="FR")
    assert page(subscriber=there).recipient.lines == ("1 Rue X", "75001 Paris", "France")
    bare = replace(there, address=("1 Rue X",))
    assert page(subscriber=bare).recipient.lines == ("1 Rue X", "75001 Paris", "France")


def test_the_readme_describes_every_field_of_the_input():
    readme = (Path(__file__).parents[2] / "pdf_templates" / "README.md").read_text()
    described = {
        section.split("\n", 1)[0]: re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
        for section in readme.split("\n## ")[1:]
    }
    structs = {
        name: [field.name for field in fields(struct)]
        for name, struct in vars(page_input).items()
        if isinstance(struct, type) and issubclass(struct, msgspec.Struct) and typing.get_type_hints(struct)
    }
    assert described == structs


def test_a_discount_on_the_invoice_lowers_what_is_taxed_at_each_rate():
    lines = (
        LineItem(description="a", amount="1000.00", tax_rate="18"),
        LineItem(description="b", amount="500.00", tax_rate="5"),
    )
    totals = Totals(total="1534.50", discount="150.00", cgst="92.25", sgst="92.25")
    summary = page(lines=lines, totals=totals).tax_summary
    assert summary.rows == (
        ("5%", "450.00", "11.25", "11.25", "22.50"),
        ("18%", "900.00", "81.00", "81.00", "162.00"),
    )
    assert summary.total == ("Total", "1,350.00", "92.25", "92.25", "184.50")


def test_a_credit_note_says_so():
    assert (
        page(lines=(LineItem(description="a", amount="-10.00"),), totals=Totals(total="-10.00")).title == "Credit note"
    )


@pytest.mark.parametrize("language", list(LABELS))
def test_a_supply_that_is_not_regular_is_said(language):
    facts = {fact.label: fact.value for fact in page(language=language, supply="reverse_charge").facts}
    assert facts[LABELS[language].supply] == LABELS[language].supplies["reverse_charge"]
    assert LABELS[language].supply not in {fact.label for fact in page(language=language).facts}
