"""Data is text: whatever it looks like to Typst, it is printed as it came, and nothing is read, imported or run."""

import pytest

from tests.typesetting.documents import filled_with
from tests.typesetting.pdfs import text_of, without_spaces

MARKUP = [
    '#read("/etc/passwd")',
    '#import "x"',
    '#include "invoice.typ"',
    '#eval("1")',
    "#panic()",
    "#sys.inputs",
    "$x$",
    "*a*",
    "_a_",
    "`raw`",
    "```typ #a```",
    r"\u{41}",
    "//comment",
    "/* comment",
    "<label>",
    "@ref",
    "= heading",
    "- item",
    "+ item",
    "[content]",
    "{code}",
    "~ --- ... -?",
    "https://example.com",
    "\\",
    '"',
    "'\"'",
    '"}, "x": {"',
    "\\n\\",
    "%PDF-1.7 %%EOF",
    "(a) Tj ET",
    "]]></x>&amp;<!--",
]


@pytest.mark.parametrize("markup", MARKUP, ids=str)
def test_markup_in_every_field_is_printed_as_it_came(typesetter, markup):
    document = filled_with(markup)
    made = typesetter.typeset(document)
    printed = text_of(made.pdf)
    for field in (
        document.issuer.name,
        document.invoice_data.subscriber.name,
        document.invoice_data.line_items[0].description,
        document.invoice_data.line_items[0].unit,
        document.invoice_data.totals.other_taxes[0].name,
        document.invoice_data.notes,
        document.invoice_data.terms,
    ):
        assert without_spaces(field) in printed
    assert printed.count(without_spaces(markup)) >= 7
    assert made.warnings == ()
    assert "root:" not in printed


@pytest.mark.parametrize(
    "text", [" ", "\n", " \n\t".replace("\t", " ") * 100, "word " * 800, "W" * 4000, "\n".join("a" * 2000)], ids=len
)
def test_empty_looking_and_long_text_in_every_field_is_set(typesetter, text):
    assert typesetter.typeset(filled_with(text)).warnings == ()
