"""The same document, template and fonts make the same bytes, wherever and whenever."""

import os
import shutil
import subprocess
import sys
from hashlib import sha256

import pytest
from fontTools.ttLib import TTFont

from app.typesetting import fonts
from app.typesetting.template_folder import template_version
from app.typesetting.typesetter import Typesetter
from tests.typesetting.documents import TEMPLATES, european, full, sample, with_data

MAKE = """
import sys
from hashlib import sha256
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from app.typesetting.typesetter import Typesetter
from tests.typesetting.documents import european, full
typesetter = Typesetter(Path(sys.argv[2]))
print(typesetter.template_version, *(sha256(typesetter.typeset(made()).pdf).hexdigest() for made in (full, european)))
"""
ELSEWHERE = [
    {"TZ": "Asia/Kolkata", "LC_ALL": "de_DE.UTF-8", "PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1"},
    {"TZ": "America/Los_Angeles", "LC_ALL": "C", "PYTHONHASHSEED": "2", "SOURCE_DATE_EPOCH": "4102444800"},
]


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is missing: make system-packages")
@pytest.mark.parametrize("place", ELSEWHERE, ids=["east", "west"])
def test_another_process_elsewhere_at_another_time_makes_the_same_bytes(typesetter, tmp_path, place):
    copy = shutil.copytree(TEMPLATES, tmp_path / "a copy")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": place["LC_ALL"]} | place
    clock = ["faketime", "-f", "@2031-02-03 04:05:06"]
    command = [*clock, sys.executable, "-W", "error", "-c", MAKE, str(TEMPLATES.parent), str(copy)]
    said = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=True
    )
    here = [sha256(typesetter.typeset(made()).pdf).hexdigest() for made in (full, european)]
    assert said.stdout.split() == [typesetter.template_version, *here]


def test_what_was_set_before_leaves_no_trace():
    first = Typesetter().typeset(full())
    warm = Typesetter()
    warm.typeset(sample())
    assert warm.typeset(full()) == first


def test_the_date_of_an_invoice_is_the_date_of_its_pdf(typesetter):
    assert b"D:20261123000000" in typesetter.typeset(full()).pdf
    assert b"D:19700101000000" in typesetter.typeset(with_data(issue_date=None)).pdf


def test_a_template_that_asks_for_the_day_is_told_the_invoices(tmp_path):
    (tmp_path / "invoice.typ").write_text("#set document(title: datetime.today().display())\nx")
    assert b"2026-11-23" in Typesetter(tmp_path).typeset(full()).pdf


def test_the_version_follows_what_typst_reads(tmp_path):
    folder = shutil.copytree(TEMPLATES, tmp_path / "copy")
    before = template_version(folder)
    (folder / "samples" / "another.json").write_text("{}")
    (folder / "README.md").write_text("Other words.")
    assert template_version(folder) == before == template_version(TEMPLATES)
    (folder / "part.typ").write_text("")
    added = template_version(folder)
    (folder / "part.typ").rename(folder / "other.typ")
    assert len({before, added, template_version(folder)}) == 3


@pytest.mark.parametrize("family", ["Only Here", "Libertinus Serif"], ids=["system", "typst"])
def test_fonts_of_the_machine_and_of_typst_are_not_seen(tmp_path, family):
    """A home with a font in it, and the one that Typst brings for text."""
    for folder in (tmp_path / ".fonts", tmp_path / ".local/share/fonts"):
        folder.mkdir(parents=True)
        _renamed_font("Only Here").save(folder / "only-here.ttf")
    (tmp_path / "invoice.typ").write_text(f'#set document(title: "x")\n#set text(font: "{family}")\nx')
    made = f"{MAKE}\nprint(typesetter.typeset(full()).warnings)"
    command = [sys.executable, "-c", made, str(TEMPLATES.parent), str(tmp_path)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=True)
    assert f"unknown font family: {family.lower()}" in said.stdout


def _renamed_font(family):
    (path,) = (font for font in fonts._fonts() if "Tamil" in font.name)
    font = TTFont(path)
    for record in font["name"].names:
        if record.nameID in {1, 4, 6, 16}:
            record.string = family
    return font
