"""What the fonts show, and what gives way."""

import tomllib
from importlib.metadata import files
from pathlib import Path

import pytest

from app.typesetting import fonts
from app.typesetting.fonts import SCRIPTS, SUBSTITUTE, font_folders, plainly, printable

WRITTEN = {
    "Latin": "Straße, Đặng Thị Ánh, Łódź, ﬁ, ₹ 1,180.00 €",
    "Greek": "Ἀθῆναι, Ευρώπη",
    "Cyrillic": "Київ, Ђорђе, Ұлытау",
    "Devanagari": "आशा कुलकर्णी, क्षत्रिय, हिन्दी, ॐ, १२३",
    "Tamil": "தமிழ் நாடு, ஸ்ரீ",
    "Arabic": "العَرَبِيَّة، ١٢٣، پاکستان",
    "Han": "北京市, 東京都, 臺北市",
    "Hiragana": "とうきょう, か\u3099",
    "Katakana": "トウキョウ, カ\u3099, ｶﾞ",
    "Bopomofo": "ㄅㄆㄇ",
    "Hangul": "서울특별시",
}


@pytest.mark.parametrize("script", WRITTEN)
def test_each_script_is_shown_as_it_is_written(script):
    assert printable(WRITTEN[script]) == WRITTEN[script]


def test_every_script_that_the_fonts_are_said_to_cover_is_tried():
    assert {script for scripts in SCRIPTS.values() for script in scripts} == set(WRITTEN)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\U0001f600b", "a\ufffdb"),  # no font has it
        ("\ue000", "\ufffd"),  # private use
        ("\uffff\U0010ffff\ufdd0", "\ufffd\ufffd\ufffd"),  # noncharacters
        ("\ufeffa\x00", "\ufffda\ufffd"),  # fonts have them, PDF/UA does not
        ("क\u0bbe", "क\ufffd"),  # a Tamil sign on a letter of Devanagari: no font has both
        ("क\n\u093e", "क\n\ufffd"),  # a sign on nothing
        ("क\u0bbe\u093e", "क\ufffd\u093e"),  # Noto Sans has the substitute and Devanagari
        ("\U0001f600\u0301", "\ufffd\u0301"),  # the mark stands on the substitute
        ("ก", "\ufffd"),  # Thai
    ],
    ids=["emoji", "private", "nonchars", "refused", "mark", "line", "twice", "substitute", "thai"],
)
def test_what_can_not_be_shown_gives_way(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["क्\u200dष", "پی\u200cنوشت", "葛\U000e0100", "☃\ufe0e", "a\u0301\u0323", "two\nlines\t."]
)
def test_joiners_selectors_and_marks_that_fit_stay(text):
    assert printable(text) == text


def test_the_substitute_is_in_the_first_font_and_plain_text_needs_no_other():
    assert plainly(f"a€{SUBSTITUTE}中e\u0301\n") == f"a€{SUBSTITUTE}{SUBSTITUTE}e{SUBSTITUTE}\n"


def test_large_fonts_are_not_read_for_text_that_needs_none_of_them():
    fonts._characters.cache_clear()
    fonts._plain.cache_clear()
    printable("₹ 1,180.00 आशा Łódź")
    assert fonts._characters.cache_info().currsize == 1


def test_fonts_come_with_pinned_packages_under_the_open_font_licence():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    for package in SCRIPTS:
        assert any(dependency.startswith(f"{package}==") for dependency in project["dependencies"])
        (licence, *_) = [file for file in files(package) if "LICENSE" in file.name or "OFL" in file.name]
        assert "SIL OPEN FONT LICENSE" in licence.read_text().upper()
    assert all(folder.is_dir() for folder in font_folders())
