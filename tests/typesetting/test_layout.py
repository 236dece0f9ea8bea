"""Nothing on a page is cut, lies on something else or leaves the page's margins, whatever the data is."""

import re
from collections import Counter
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pikepdf
import pypdfium2
import pytest
import zxingcpp
from msgspec.structs import replace

from app.invoices.data import InvoiceData, Issuer, LineItem, OtherTax, Subscriber, Totals
from app.invoices.page import page_of
from tests.typesetting.sample_invoices import NAMES, document, opened, picture, sample, texts, typesetter

SIDE, TOP, BOTTOM = 51, 28, 14  # points of paper that stay empty
WORD = "Pneumonoultramicroscopicsilicovolcanoconiosisanditsrelativess"[:60]
HUGE = "999999999999.99"

LINE = LineItem(
    description="Fibre",
    amount="1000.00",
    hsn_sac="998422",
    quantity="1",
    unit="month",
    unit_price="1000.00",
    tax_rate="18",
)
CRAMPED = replace(
    LINE,
    description=WORD,
    quantity="999999999999.999999",
    unit="W" * 16,
    unit_price="-999999999999.999999",
    discount=HUGE,
    taxable_value=HUGE,
    amount=HUGE,
    hsn_sac="12345678",
    tax_rate="18.125",
)
LENGTHY = (CRAMPED, replace(LINE, description="ladder " * 71), replace(LINE, description=WORD * 8), LINE)


def with_lines(*lines, **changes):
    return document("igst", invoice_data__line_items=lines, **changes)


def everything_long():
    return with_lines(
        *LENGTHY,
        invoice_number="N" * 64,
        version=2,
        issuer__name=WORD * 3,
        issuer__signatory=WORD * 3,
        issuer__upi_id="u" * 60 + "@" + "v" * 60,
        issuer__bank__account_number="ACCT" * 20,
        invoice_data__subscriber__name=WORD * 3,
        invoice_data__subscriber__account_number="4321" * 20,
        invoice_data__subscriber__email="a" * 60 + "@" + "b" * 100 + ".example",
        invoice_data__subscriber__address=(WORD * 3,) * 8,
        invoice_data__totals=Totals(
            total=HUGE,
            subtotal="-" + HUGE,
            igst=HUGE,
            round_off="-0.50",
            amount_paid="1.00",
            other_taxes=tuple(OtherTax(name=f"Cess {n} {WORD}", amount=HUGE) for n in range(8)),
        ),
        invoice_data__notes=f"{WORD * 4}\n\n" + "note " * 100,
        invoice_data__terms="term " * 700,
    )


def the_least():
    data = InvoiceData(
        subscriber=Subscriber(name="Asha"),
        line_items=(LineItem(description="Fibre", amount="10"),),
        totals=Totals(total="10"),
    )
    return document("one-line", issuer=Issuer(name="Sample"), invoice_data=data)


HARD = {
    "all that is long": everything_long,
    "the least": the_least,
    "long lines over pages": lambda: with_lines(*LENGTHY * 6),
    "crores in every column": lambda: with_lines(*(replace(CRAMPED, description="Fibre broadband"),) * 4),
    "a taxed crore": lambda: with_lines(
        replace(LINE, amount=HUGE),
        invoice_data__totals=Totals(total=HUGE, subtotal=HUGE, cgst="89999999999.99", sgst="89999999999.99"),
    ),
    "a page of terms": lambda: document("one-line", invoice_data__terms="\n".join("term" for _ in range(700))),
}


def boxes(page):
    """Each letter with its place: left, bottom, right, top."""
    text = page.get_textpage()
    for index in range(text.count_chars()):
        letter = text.get_text_range(index, 1)
        if letter.strip():
            yield letter, text.get_charbox(index)


def outside(page):
    width, height = page.get_size()
    return [
        (letter, box)
        for letter, box in boxes(page)
        if box[0] < SIDE - 1 or box[2] > width - SIDE + 1 or box[1] < BOTTOM or box[3] > height - TOP
    ]


def overlapping(page, tolerated=0.35):
    """Pairs of letters of which one covers a third of another."""
    placed = [(letter, box) for letter, box in boxes(page) if letter.isascii()]
    placed.sort(key=lambda it: it[1][0])
    found = []
    for index, (letter, (left, bottom, right, top)) in enumerate(placed):
        for other, box in placed[index + 1 : index + 400]:
            if box[0] >= right:
                break
            if box == (left, bottom, right, top):  # a ligature is several letters in one place
                continue
            shared = (min(right, box[2]) - box[0]) * (min(top, box[3]) - max(bottom, box[1]))
            smaller = min((right - left) * (top - bottom), (box[2] - box[0]) * (box[3] - box[1]))
            if min(top, box[3]) > max(bottom, box[1]) and shared > tolerated * smaller:
                found.append((letter, other, box))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_samples_stay_within_the_margins(name):
    if name != "cancelled":  # its watermark goes across
        assert [outside(page) for page in sample(name)] == [[]] * len(sample(name))
        assert [overlapping(page) for page in sample(name)] == [[]] * len(sample(name))


@pytest.mark.parametrize("name", HARD)
def test_nothing_is_cut_or_covered(name):
    pdf = opened(HARD[name]())
    assert [outside(page) for page in pdf] == [[]] * len(pdf)
    assert [overlapping(page) for page in pdf] == [[]] * len(pdf)


def test_letters_that_lie_on_others_are_noticed():
    shifted = BytesIO()
    with pikepdf.open(BytesIO(typesetter().typeset(document("one-line")).pdf)) as pdf:
        drawn = pdf.pages[0].Contents.read_bytes()
        pdf.pages[0].Contents = pdf.make_stream(drawn + b"\nq 1 0 0 1 3 2 cm\n" + drawn + b"\nQ")
        pdf.save(shifted)
    assert overlapping(pypdfium2.PdfDocument(shifted)[0])


@pytest.mark.parametrize("name", NAMES)
def test_every_amount_and_name_can_be_copied(name):
    text, page = " ".join(texts(sample(name))), page_of(document(name))
    wanted = [line.amount for line in page.lines] + [total.amount for total in page.totals]
    wanted += [fact.value for fact in page.facts] + [page.number, page.headline.amount, page.issuer.name]
    assert [it for it in wanted if " ".join(it.split()) not in text] == []


@pytest.mark.parametrize("name", ["hindi", "tamil-names"])
def test_names_are_letters_in_every_script(name):
    text = re.sub(r"\s", "", " ".join(texts(sample(name))))
    scripts = Counter(
        "Ta" if "\u0b80" <= it <= "\u0bff" else "Deva" if "\u0900" <= it <= "\u097f" else "" for it in text
    )
    assert scripts["Deva" if name == "hindi" else "Ta"] > 20
    fonts = {str(font) for font in _font_names(typesetter().typeset(document(name)).pdf)}
    if name == "tamil-names":  # Noto Sans itself has Devanagari
        assert all(any(script in font for font in fonts) for script in ("Tamil", "Arabic", "CJK"))


def test_a_long_word_is_copied_without_what_broke_it():
    text = "".join(" ".join(texts(opened(with_lines(replace(LINE, description=WORD))))).split())
    assert WORD in text
    assert "\u200b" not in text


def test_a_missing_glyph_is_never_drawn_in_a_sample():
    for name in NAMES:
        assert "\ufffd" not in " ".join(texts(sample(name)))
        assert typesetter().typeset(document(name)).warnings == ()


@pytest.mark.parametrize("name", ["forty-lines", "five-hundred-lines"])
def test_subtotals_are_carried_over_each_break(name):
    pages, lines = texts(sample(name)), page_of(document(name)).lines
    carried = [re.search(r"Carried forward ([\d,.]+)", text) for text in pages]
    brought = [re.search(r"Brought forward ([\d,.]+)", text) for text in pages]
    last = max(index for index, found in enumerate(brought) if found)
    assert [found and found[1] for found in carried[:last]] == [found and found[1] for found in brought[1 : last + 1]]
    assert not any(carried[last:])
    assert brought[0] is None
    assert all(found[1] in {line.running for line in lines} for found in carried[:last])


@pytest.mark.parametrize("name", ["forty-lines", "five-hundred-lines"])
def test_what_is_carried_is_the_sum_of_the_lines_above(name):
    first = texts(sample(name))[0]
    lines = page_of(document(name)).lines
    carried = re.search(r"Carried forward ([\d,.]+)", first)[1]
    above = [line for line in lines if re.search(rf"\b{line.item} {re.escape(line.description[:20])}", first)]
    assert above[-1].running == carried


@pytest.mark.parametrize("name", ["forty-lines", "five-hundred-lines"])
def test_each_page_of_lines_has_the_titles_and_its_number(name):
    pages = texts(sample(name))
    for number, text in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in text
        assert ("Unit price" in text) == ("998422" in text)


@pytest.mark.parametrize("count", range(18, 40))
def test_totals_are_never_alone_on_a_page(count):
    lines = [replace(LINE, description=f"Line {n}") for n in range(count)]
    pages = texts(opened(with_lines(*lines)))
    ending = next(text for text in pages if "Amount in words" in text)
    assert f"Line {count - 1} " in ending
    assert f"Line {count - 2} " in ending


def decoded(pdf):
    return [code.text for page in pdf for code in zxingcpp.read_barcodes(picture(page, 200))]


@pytest.mark.parametrize("name", ["one-line", "forty-lines", "igst", "hindi"])
def test_the_code_on_the_page_pays_the_balance(name):
    [url] = decoded(sample(name))
    order = document(name)
    assert urlsplit(url)[:3] == ("upi", "pay", "")
    assert parse_qs(urlsplit(url).query, strict_parsing=True) == {
        "pa": [order.issuer.upi_id],
        "pn": [order.issuer.name],
        "am": [order.invoice_data.totals.balance],
        "cu": ["INR"],
        "tn": [order.invoice_number],
    }


def test_a_code_of_a_name_in_devanagari_is_read():
    [url] = decoded(opened(document("one-line", issuer__name="प्रज्ञा श्रीवास्तव नेटवर्क " * 7)))
    assert parse_qs(urlsplit(url).query)["pn"] == [("प्रज्ञा श्रीवास्तव नेटवर्क " * 7)[:50]]


@pytest.mark.parametrize("name", ["credit-balance", "cancelled"])
def test_nothing_due_shows_no_code(name):
    assert decoded(sample(name)) == []


@pytest.mark.parametrize(
    ("status", "mark"), [("draft", "Draft"), ("cancelled", "Cancelled"), ("duplicate", "Duplicate")]
)
def test_what_is_not_the_invoice_itself_is_marked_twice(status, mark):
    [text] = texts(opened(document("one-line", invoice_data__status=status, version=2)))
    assert text.count(mark) == 2
    assert "Revision 2" in text


def test_a_logo_is_drawn():
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><rect width="10" height="10"/></svg>'
    page = picture(opened(document("one-line", issuer__logo=svg))[0])
    assert page.crop((71, 60, 110, 100)).getextrema()[0] < 20


def test_the_file_says_what_it_is():
    order = document("hindi")
    with pikepdf.open(BytesIO(typesetter().typeset(order).pdf)) as pdf:
        assert pdf.docinfo["/Title"] == "कर चालान FY26-27-INV-000002"
        assert pdf.docinfo["/Author"] == order.issuer.name
        assert pdf.docinfo["/Keywords"] == order.invoice_number
        assert str(pdf.docinfo["/CreationDate"]).startswith("D:20261123")
        assert pdf.Root["/Lang"] == "hi-IN"
        assert pdf.Root["/MarkInfo"]["/Marked"]
        assert pdf.attachments["invoice.json"].get_file().read_bytes() == order.as_json
        with pdf.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"], metadata["pdfuaid:part"]) == (
                "3",
                "B",
                "1",
            )


def test_the_same_invoice_is_the_same_bytes():
    assert typesetter().typeset(document("hindi")).pdf == type(typesetter())().typeset(document("hindi")).pdf


@pytest.mark.parametrize(
    "field", ["invoice_data__notes", "invoice_data__subscriber__name", "issuer__name", "issuer__signatory"]
)
def test_markup_is_printed_as_it_is(field):
    markup = '#panic("x") *b* $x$ <label> @ref'
    assert markup in texts(opened(document("one-line", **{field: markup})))[0]


def _font_names(pdf):
    with pikepdf.open(BytesIO(pdf)) as opened_pdf:
        for page in opened_pdf.pages:
            yield from (font["/BaseFont"] for font in page.resources["/Font"].values())
