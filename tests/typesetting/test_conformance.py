"""The file as others read it: veraPDF finds PDF/A-3b and PDF/UA-1, pikepdf what is embedded, poppler each amount."""

import json
import shutil
import subprocess
import warnings
from io import BytesIO

import pikepdf
import pytest

from tests.typesetting.documents import EUROPEAN, european, filled_with, full, sample, subscribed_by, with_data
from tests.typesetting.pdfs import without_spaces
from tests.verapdf import needs_java, verapdf_says

_PDFTOTEXT = shutil.which("pdftotext")
needs_poppler = pytest.mark.skipif(_PDFTOTEXT is None, reason="pdftotext of poppler-utils is not installed")

DOCUMENTS = {
    "sample": sample(),
    "full": full(),
    "hindi": with_data(language="hi-IN", notes="कृपया समय पर भुगतान करें।"),
    "scripts": with_data(notes="தமிழ் العَرَبِيَّة 北京市 東京 서울 Ελλάδα Київ", terms="Łódź\n\nक्षत्रिय ☃\ufe0f"),
    "unshown": subscribed_by("\U0001f600 க\u093e ก e\u064b"),
    "long": with_data(line_items=[{"description": f"Item {n}", "amount": "1.00"} for n in range(1000)]),
    "undated": with_data(issue_date=None, due_date=None),
    "markup": filled_with("#read(`x`) \\ <a> & \"'"),
    "european": european(),
    "european markup": filled_with("<a> & ]]> \U0001f600", EUROPEAN),
    "soft": filled_with("soft\u00adhyphen\u200bzero \u200djoined\u2060 \u00a0"),
}


@pytest.fixture(scope="module")
def files(typesetter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pdfs")
    for name, document in DOCUMENTS.items():
        (folder / f"{name}.pdf").write_bytes(typesetter.typeset(document).pdf)
    return sorted(folder.iterdir())


@needs_java
@pytest.mark.xdist_group("verapdf")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("flavour", ["3b", "ua1"])
def test_verapdf_finds_nothing_wrong(files, flavour):
    assert verapdf_says(flavour, *files) == [f"PASS {file} {flavour}" for file in files]


@needs_java
@pytest.mark.xdist_group("verapdf")
@pytest.mark.timeout(180)
def test_verapdf_would_find_something_wrong(files, tmp_path):
    damaged = tmp_path / "damaged.pdf"
    with pikepdf.open(files[0]) as pdf:
        del pdf.Root.Metadata
        pdf.save(damaged)
    assert verapdf_says("3b", damaged)[0] == f"FAIL {damaged} 3b"


def test_pikepdf_opens_each_without_a_warning(files):
    for file in files:
        with warnings.catch_warnings(), pikepdf.open(file) as pdf:
            warnings.simplefilter("error")
            assert pdf.check_pdf_syntax() == [], file


def test_the_metadata_names_the_invoice_and_its_issuer(typesetter):
    document = full()
    with pikepdf.open(_stream(typesetter, document)) as pdf, pdf.open_metadata() as metadata:
        assert document.invoice_number in metadata["dc:title"]
        assert metadata["dc:creator"] == [document.issuer.name]
        assert metadata["pdfaid:part"] == "3"
        assert metadata["pdfuaid:part"] == "1"
        assert metadata["xmp:CreateDate"].startswith("2026-11-23T00:00:00")
        assert pdf.Root.MarkInfo.Marked is True
        assert str(pdf.Root.Lang).startswith("en")


def test_the_document_is_embedded_as_it_was(typesetter):
    document = subscribed_by("Zo\u00eb \U0001f600")
    with pikepdf.open(_stream(typesetter, document)) as pdf:
        (attached,) = pdf.attachments.values()
        assert attached.get_file().read_bytes() == document.as_json
        assert attached.get_file().mime_type == "application/json"
        assert json.loads(document.as_json)["invoice_data"]["subscriber"]["name"] == "Zo\u00eb \U0001f600"


@needs_poppler
def test_poppler_finds_every_amount_and_name(typesetter, tmp_path):
    document = full()
    file = tmp_path / "full.pdf"
    file.write_bytes(typesetter.typeset(document).pdf)
    said = subprocess.run(
        [_PDFTOTEXT, "-layout", file, "-"], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    digits = said.replace(",", "")
    for amount in _amounts(json.loads(document.as_json)["invoice_data"]):
        assert amount in digits, amount
    for name in ("Asha Kulkarni", "Fibre broadband", "Flood cess", "Accounts Department", document.issuer.name):
        assert without_spaces(name) in without_spaces(said)


def _amounts(value):
    """All decimal strings with cents but zero, which need not be printed."""
    match value:
        case dict():
            return [amount for item in value.values() for amount in _amounts(item)]
        case list():
            return [amount for item in value for amount in _amounts(item)]
        case str() if value[-3:-2] == "." and value != "0.00":
            return [value]
    return []


def _stream(typesetter, document):
    return BytesIO(typesetter.typeset(document).pdf)
