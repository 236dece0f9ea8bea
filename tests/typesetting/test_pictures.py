"""Pages look as the reference pictures do, which someone has looked at."""

import shutil

import pypdfium2
import pytest
from PIL import Image, ImageChops

from app.typesetting.typesetter import Typesetter
from tests.typesetting.pictures import FOLDER, TOLERATED, difference, pages_of, path_of
from tests.typesetting.sample_invoices import NAMES, SAMPLES, document, picture, sample


@pytest.fixture
def reference():
    return Image.open(path_of("one-line", 0)).convert("L")


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_looks_as_it_did(name):
    for index in pages_of(sample(name)):
        assert difference(picture(sample(name)[index]), Image.open(path_of(name, index))) <= TOLERATED, path_of(
            name, index
        )


def test_no_picture_is_of_nothing():
    assert {path.name for path in FOLDER.glob("*.png")} == {
        path_of(name, index).name for name in NAMES for index in pages_of(sample(name))
    }


def test_pictures_are_small():
    assert max(path.stat().st_size for path in FOLDER.glob("*.png")) < 100_000


def test_a_line_that_moved_by_a_millimetre_is_seen(reference):
    line = (70, 470, 770, 490)
    moved = reference.copy()
    moved.paste(ImageChops.offset(reference.crop(line), 0, 4), line[:2])
    assert difference(reference, moved) > TOLERATED


@pytest.mark.parametrize("block", ["qr", "amount", "total"])
def test_a_missing_block_is_seen(reference, block):
    box = {"qr": (70, 600, 180, 720), "amount": (450, 280, 650, 330), "total": (480, 500, 760, 560)}[block]
    emptied = reference.copy()
    emptied.paste(255, box)
    assert difference(reference, emptied) > TOLERATED


def test_another_font_is_seen(reference, tmp_path):
    folder = shutil.copytree(SAMPLES.parent, tmp_path / "templates")
    library = folder / "page.typ"
    library.write_text(library.read_text().replace('#let fonts = ("Noto Sans", ', '#let fonts = ("Libertinus Serif", '))
    pdf = pypdfium2.PdfDocument(Typesetter(folder).typeset(document("one-line")).pdf)
    assert difference(reference, picture(pdf[0])) > TOLERATED
