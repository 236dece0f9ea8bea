"""Text of an invoice: every script and all markup is taken as it is, what a page can't show is refused."""

import json

import jsonschema_rs
import msgspec
import pytest

from app.invoices.data import InvoiceOrder
from tests.orders import FULL, REFUSED, both_doors, changed, places

TEXTS = [
    ("invoice_data.subscriber.name", 200),
    ("invoice_data.subscriber.account_number", 80),
    ("invoice_data.subscriber.address[0]", 200),
    ("invoice_data.subscriber.postal_code", 80),
    ("invoice_data.subscriber.city", 80),
    ("invoice_data.line_items[0].description", 500),
    ("invoice_data.line_items[0].unit", 16),
    ("invoice_data.totals.other_taxes[0].name", 80),
    ("invoice_data.notes", 4_000),
    ("invoice_data.terms", 4_000),
]
UNPRINTABLE = {
    "nothing": "",
    "spaces": "   ",
    "no-break spaces": "\u00a0\u3000",
    "joiners alone": "\u200b\u200c\u200d\ufeff",
    "a Hangul filler alone": "\u3164",
    "NUL": "a\x00b",
    "escape": "\x1b[2J",
    "tab": "a\tb",
    "carriage return": "a\rb",
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "override": "a\u202eb",
    "isolate": "a\u2066b",
    "mark of direction": "a\u200fb",
    "Arabic letter mark": "a\u061cb",
    "nominal digit shapes": "a\u206fb",
    "annotation": "a\ufff9b",
    "object": "a\ufffcb",
    "noncharacter": "a\ufdd0b",
    "last of the plane": "a\uffffb",
    "last of a plane beyond": "a\U0001fffeb",
    "private use": "a\ue000b",
    "private plane": "a\U000f0000b",
    "last of all": "a\U0010ffffb",
}
PRINTED = {
    "Devanagari, ZWJ and ZWNJ": "\u0915\u094d\u200d\u0937 \u0936\u094d\u200c\u0930\u0940",
    "Arabic": "\u0645\u062d\u0645\u062f",
    "Persian, ZWNJ": "\u0645\u06cc\u200c\u0631\u0648\u0645",
    "Tamil": "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd",
    "Thai": "\u0e44\u0e17\u0e22",
    "Chinese": "\u7533\u8acb\u66f8",
    "beyond the BMP": "\U00020bb7\u91ce\u5bb6",
    "combining": "Z\u0323\u0307oe\u0308",
    "soft hyphen": "Donau\u00addampf",
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a heart": "\u2764\ufe0f",
    "Scotland": "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "quotes": "O'Neil \u201cJr.\u201d",
    "spaces around": " a ",
}
MARKUP = [
    *("#panic()", '#read("/x")', "#import x", "#let a = 1", "#(1/0)", "$ x^2 $", "*bold*", "_it_", "`raw`", "```"),
    *(
        "@label",
        "<label>",
        "= Heading",
        "- item",
        "+ item",
        "/ term: x",
        "// comment",
        "/* open",
        "*/",
        "\\",
        "\\u{41}",
    ),
    *("]", "[", "{", "}", ")", '"', '")#x("', "~", "---", "<script>", "&amp;", "%PDF-1.7", "${x}", "{{x}}", "../../x"),
]


@both_doors
@pytest.mark.parametrize("value", UNPRINTABLE.values(), ids=UNPRINTABLE)
def test_what_a_page_can_not_show_is_refused_in_every_text(door, value):
    for field, _ in TEXTS:
        with pytest.raises(REFUSED) as refusal:
            door(changed({field: value}))
        assert f"{field} is not 1 to " in str(refusal.value)
        assert "printable characters" in str(refusal.value)


@both_doors
@pytest.mark.parametrize("value", [*PRINTED.values(), *MARKUP], ids=[*PRINTED, *map(repr, MARKUP)])
def test_every_script_and_all_markup_is_text_and_stays_as_it_is(door, value):
    taken = dict(places(json.loads(msgspec.json.encode(door(changed({field: value for field, _ in TEXTS}))))))
    assert {taken[field] for field, _ in TEXTS} == {value}


@both_doors
@pytest.mark.parametrize(("field", "most"), TEXTS)
def test_a_text_may_be_as_long_as_is_said_and_no_longer(door, field, most):
    door(changed({field: "\u0915" * most}))
    with pytest.raises(REFUSED, match=f"1 to {most} "):
        door(changed({field: "\u0915" * (most + 1)}))


def test_the_patterns_can_be_read_by_what_reads_the_api_s_schema():
    validator = jsonschema_rs.validator_for(msgspec.json.schema(InvoiceOrder))
    assert validator.is_valid(FULL)
    for field, value in (("invoice_data.subscriber.name", "a\x00"), ("invoice_number", "X-r2")):
        assert not validator.is_valid(changed({field: value}))
