"""European invoices carry the XML of EN 16931 if they say enough for it, and a reason if they do not."""

import random
from io import BytesIO

import facturx
import msgspec
import pikepdf
import pytest
from lxml import etree

from app.invoices.arithmetic import check_arithmetic
from app.invoices.data import Document
from app.invoices.factur_x import EU, calls_for_factur_x
from tests.typesetting.documents import EUROPEAN, european, filled_with, full
from tests.typesetting.schematron import broken_rules
from tests.typesetting.test_any_text import KINDS

DATA = EUROPEAN["invoice_data"]
LINE = {"description": "Fiber", "quantity": "1", "unit_price": "100.00", "tax_rate": "20", "amount": "100.00"}
TOTALS = {"total": "120.00", "other_taxes": [{"name": "VAT", "amount": "20.00"}]}


def one_line(line=None, totals=None, **changes):
    return european(**{"line_items": [LINE | (line or {})], "totals": TOTALS | (totals or {})} | changes)


def changed(part, **changes):
    return msgspec.convert(EUROPEAN | {part: EUROPEAN[part] | changes}, Document)


def bought_by(**changes):
    return european(subscriber=DATA["subscriber"] | changes)


def xml_of(made):
    """What the library finds in the PDF, which it checks by the schema."""
    name, xml = facturx.get_xml_from_pdf(made.pdf, check_xsd=True)
    assert name == "factur-x.xml"
    return xml


VALID = {
    "two rates": european(),
    "one line": one_line(),
    "a discount on all lines": one_line(
        totals={"discount": "10.00", "total": "108.00", "other_taxes": [{"name": "VAT", "amount": "18.00"}]}
    ),
    "many decimals": one_line({"quantity": "3.333333", "unit_price": "30.000003"}),
    "paid": one_line(totals={"amount_paid": "120.00", "balance": "0.00"}, due_date=None),
    "another unit": one_line({"unit": "furlongs"}),
    "no unit": one_line({"unit": None}),
    "a consumer abroad": bought_by(
        vat_id=None, country="GR", account_number=None, address=[], postal_code=None, city=None, email=None
    ),
    "a long address": bought_by(address=["a", "b", "c", "d", "e"]),
    "no notes": european(notes=None, terms=None, service_from=None, service_to=None),
    "a correction": msgspec.structs.replace(european(), version=2),
    "no bank": changed("issuer", bank=None, phone=None, email=None, address=[], city=None, postal_code=None),
    "another account": changed(
        "issuer", bank={"account_name": "x", "account_number": "1", "iban": "DE00370400440532013000"}
    ),
    "money back": one_line(
        {"quantity": "-1", "amount": "-100.00"},
        {"total": "-120.00", "other_taxes": [{"name": "VAT", "amount": "-20.00"}]},
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_the_xml_keeps_the_schema_and_the_rules(typesetter, name):
    made = typesetter.typeset(VALID[name])
    assert made.warnings == ()
    assert broken_rules(xml_of(made)) == []


def test_the_rules_would_be_seen_broken(typesetter):
    xml = xml_of(typesetter.typeset(european()))
    (rule,) = broken_rules(xml.replace(b">15.65<", b">15.66<"))[:1]
    assert "BR-CO-" in rule


def test_the_xml_says_what_the_invoice_says(typesetter):
    xml = etree.fromstring(xml_of(typesetter.typeset(european())))
    texts = [text for text in xml.itertext() if text.strip()]
    for said in (
        "2026-0042",
        "380",
        "20261123",
        "Zoë Müller & Söhne",
        "DE123456789",
        "DE987654321",
        "100.00",
        "74.99",
        "-0.04",
    ):
        assert said in texts


def test_a_correction_names_what_it_corrects(typesetter):
    xml = etree.fromstring(xml_of(typesetter.typeset(VALID["a correction"])))
    (kind,) = xml.findall(".//{*}ExchangedDocument/{*}TypeCode")
    (corrected,) = xml.findall(".//{*}InvoiceReferencedDocument/{*}IssuerAssignedID")
    assert (kind.text, corrected.text) == ("384", "2026-0042")


def test_the_file_keeps_what_typst_said_and_says_more(typesetter):
    made = typesetter.typeset(european())
    with pikepdf.open(BytesIO(made.pdf)) as pdf, pdf.open_metadata() as metadata:
        assert sorted(pdf.attachments) == ["factur-x.xml", "invoice.json"]
        assert pdf.attachments["invoice.json"].get_file().read_bytes() == european().as_json
        assert [str(file.AFRelationship) for file in pdf.Root.AF] == ["/Source", "/Alternative"]
        urn = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
        assert metadata[f"{urn}ConformanceLevel"] == "EN 16931"
        assert metadata[f"{urn}DocumentFileName"] == "factur-x.xml"
        assert (metadata["pdfaid:part"], metadata["pdfuaid:part"]) == ("3", "1")
        assert metadata["xmp:ModifyDate"].startswith("2026-11-23")
        assert str(pdf.docinfo.ModDate).startswith("D:20261123")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (changed("issuer", vat_id=None), "issuer.vat_id is missing"),
        (european(issue_date=None), "issue_date is missing"),
        (european(due_date=None), "due_date is missing"),
        (european(service_from="2027-01-01"), "service_from is after service_to"),
        (one_line({"quantity": None}), "line_items[0].quantity is missing"),
        (one_line({"unit_price": None}), "line_items[0].unit_price is missing"),
        (one_line({"tax_rate": None}), "line_items[0].tax_rate is missing"),
        (one_line({"tax_rate": "0.00"}), "line_items[0].tax_rate is 0, which asks for a category of VAT"),
        (one_line({"amount": "99.99"}), "line_items[0].amount is not quantity x unit_price - discount"),
        (one_line({"taxable_value": "90.00"}), "line_items[0].taxable_value is not its amount"),
        (one_line({"quantity": "-1", "unit_price": "-100.00"}), "line_items[0] has a negative price or discount"),
        (one_line({"amount": "100.001"}), "line_items[0].amount has more than two decimals"),
        (one_line(totals={"other_taxes": []}), "totals.other_taxes is not one tax named VAT"),
        (one_line(totals={"igst": "20.00"}), "totals has GST"),
        (one_line(totals={"total": "119.00"}), "the amounts do not add up to totals.total"),
        (one_line(totals={"balance": "1.00"}), "totals.balance is not totals.total - totals.amount_paid"),
        (one_line({"tax_rate": "21"}), "the lines' VAT is 21.00, and totals.other_taxes[0].amount is 20.00"),
        (
            european(totals=DATA["totals"] | {"discount": "10.00", "total": "100.60", "balance": "90.00"}),
            "totals.discount is negative, or on lines of more than one tax_rate",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_says_too_little_has_no_xml_and_a_reason(typesetter, document, reason):
    made = typesetter.typeset(document)
    assert made.warnings == (f"no Factur-X: {reason}",)
    assert b"factur-x.xml" not in made.pdf


@pytest.mark.parametrize(
    "document",
    [
        full(),
        european(currency="CHF"),
        bought_by(country="CH"),
        changed("issuer", country="NO"),
        *(european(status=status) for status in ("draft", "cancelled", "duplicate")),
    ],
    ids=["india", "currency", "abroad", "issuer", "draft", "cancelled", "duplicate"],
)  # fmt: skip
def test_other_invoices_have_none(typesetter, document):
    assert not calls_for_factur_x(document)
    made = typesetter.typeset(document)
    assert made.warnings == ()
    assert b"factur-x.xml" not in made.pdf


@pytest.mark.parametrize("seed", range(20))
def test_any_text_has_xml_that_keeps_the_rules(typesetter, seed):
    dice = random.Random(seed)
    filled = filled_with("x" + "".join(dice.choice(KINDS)(dice) for _ in range(30)), EUROPEAN)
    taxed = msgspec.structs.replace(filled.invoice_data, totals=european().invoice_data.totals)
    made = typesetter.typeset(msgspec.structs.replace(filled, invoice_data=taxed))
    assert not [warning for warning in made.warnings if "no font" not in warning]
    assert broken_rules(xml_of(made)) == []


def test_the_union_has_twenty_seven_members():
    assert len(EU) == 27


@pytest.mark.parametrize("name", VALID)
def test_what_gets_its_xml_is_an_order_that_is_taken(name):
    check_arithmetic(VALID[name].invoice_data, VALID[name].issuer.state_code)
