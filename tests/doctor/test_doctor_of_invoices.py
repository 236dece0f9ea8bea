"""media doctor on invoices: the template, the issuer, billing's stream."""

import json

import pytest

from app.config import api_settings
from app.doctor import examine
from tests.invoices.orders import SAMPLES


@pytest.fixture
def invoicing(environment):
    return {**environment, "INVOICE_ISSUER_FILE": str(SAMPLES / "issuer.json")}


async def found(environment):
    """What is said of invoices: whether it is well, and the words."""
    findings = [finding async for finding in examine(api_settings(environment))]
    return {f.part: (f.ok, f.says) for f in findings if f.part in ("invoices", "invoice template", "billing")}


async def test_without_an_issuer_there_are_none(environment):
    assert await found(environment) == {"invoices": (True, "none are made: INVOICE_ISSUER_FILE is not set")}


async def test_what_comes_with_the_service_works(invoicing):
    said = await found(invoicing)
    assert said["billing"] == (True, "stream BILLING has billing.invoice.generated")
    works, words = said["invoice template"]
    assert works
    assert "sets samples in type" in words


async def test_a_broken_template_is_told_with_typsts_words_and_the_place(invoicing, tmp_path, failures):
    (tmp_path / "invoice.typ").write_text('#set document(title: "x")\n= Invoice\n#let total = nonsense\n')
    works, words = (await found({**invoicing, "INVOICE_TEMPLATE_DIR": str(tmp_path)}))["invoice template"]
    assert not works
    assert words == "the template is broken: invoice.typ:3:13: unknown variable: nonsense"
    failures.clear()  # it is logged too


async def test_a_template_that_only_full_invoices_suit_is_told(invoicing, tmp_path, failures):
    day = "datetime(..json(bytes(sys.inputs.page)).date)"
    (tmp_path / "invoice.typ").write_text(f'#set document(title: "x", date: {day})\n= Invoice\n')
    works, words = (await found({**invoicing, "INVOICE_TEMPLATE_DIR": str(tmp_path)}))["invoice template"]
    assert not works
    assert "invoice.typ:1:" in words
    failures.clear()


async def test_a_stream_that_billing_has_not_made_is_told(invoicing):
    for changes in ({"BILLING_STREAM": "INVOICING"}, {"BILLING_SUBJECT": "invoicing.made"}):
        works, words = (await found({**invoicing, **changes}))["billing"]
        assert not works
        assert words.startswith("no stream ")


async def test_what_no_font_shows_of_the_issuer_is_told(invoicing, tmp_path):
    issuer = json.loads((SAMPLES / "issuer.json").read_text())
    (tmp_path / "issuer.json").write_text(json.dumps({**issuer, "name": "Smile \U0001f600"}))
    works, words = (await found({**invoicing, "INVOICE_ISSUER_FILE": str(tmp_path / "issuer.json")}))[
        "invoice template"
    ]
    assert not works
    assert "U+1F600" in words
