"""The fonts that invoices are set in, and what they can show. They come with packages of one version, under the OFL.

Typst refuses to make a PDF/A of a character that no font shows. So such a character gives way to U+FFFD, and the caller
is told which it was: bad text never keeps an invoice from being made.
"""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final
from unicodedata import category

from fontTools.ttLib import TTFont

# In the order in which a font for a character is looked for. A package's name is its module's name in kebab case.
SCRIPTS: Final = {
    "fontpkg-noto-sans": ("Latin", "Greek", "Cyrillic", "Devanagari"),
    "fontpkg-noto-sans-devanagari": ("Devanagari",),
    "fontpkg-noto-sans-tamil": ("Tamil",),
    "fontpkg-noto-sans-arabic": ("Arabic",),
    "noto-cjk-sans-otc": ("Han", "Hiragana", "Katakana", "Bopomofo", "Hangul"),
}
SUBSTITUTE: Final = "\ufffd"

_LINE_ENDS: Final = "\n\t"
# PDF/UA has no place for them.
_REFUSED: Final = frozenset({0x0000, 0xFEFF, 0xFFFE})
# They choose among the forms of the character before them, and show nothing themselves.
_VARIATION_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
# Shown on the character before them: all M*, the joiners, and the two marks of halfwidth Katakana.
_JOINING: Final = "\u200c\u200d\uff9e\uff9f"


def font_folders() -> list[Path]:
    """Where Typst finds them."""
    return [Path(str(files(package.replace("-", "_")))) for package in SCRIPTS]


def font_versions() -> list[str]:
    """Of the packages, as `fontpkg-noto-sans==2.15`."""
    return [f"{package}=={version(package)}" for package in SCRIPTS]


def printable(text: str) -> str:
    """The text with U+FFFD for each character that can't be shown where it stands. As long as the text."""
    return text if _plain().issuperset(text) else "".join(_shown(text))


def plainly(text: str) -> str:
    """The text with U+FFFD for all that takes more than the first font, or a mark on another character."""
    return "".join(character if character in _plain() else SUBSTITUTE for character in text)


def _shown(text: str) -> Iterator[str]:
    """A mark is set in the font of the character that it stands on. One that is not in it can't be shown there."""
    below: Path | None = None
    for character in text:
        if _chooses_a_form(character) or (_joins(character) and below and _has(below, character)):
            yield character
        else:
            able = character in _LINE_ENDS or (not _joins(character) and _font_of(character))
            shown = character if able else SUBSTITUTE
            below = _font_of(shown)
            yield shown


def _font_of(character: str) -> Path | None:
    return next((font for font in _fonts() if _has(font, character)), None)


@cache
def _plain() -> frozenset[str]:
    """What the first font shows, wherever it stands."""
    shown = map(chr, _characters(_fonts()[0]))
    return frozenset(_LINE_ENDS).union(character for character in shown if not _joins(character))


def _joins(character: str) -> bool:
    return character in _JOINING or category(character).startswith("M")


def _chooses_a_form(character: str) -> bool:
    return any(ord(character) in selectors for selectors in _VARIATION_SELECTORS)


def _has(font: Path, character: str) -> bool:
    return ord(character) in _characters(font)


@cache
def _fonts() -> tuple[Path, ...]:
    """Without the italic ones, which have the characters of the upright ones."""
    found = (sorted(folder.rglob("*.tt[fc]")) for folder in font_folders())
    return tuple(font for fonts in found for font in fonts if "Italic" not in font.name)


@cache
def _characters(font: Path) -> frozenset[int]:
    """Read when the first character is looked for that no font before this one has: CJK takes a tenth of a second."""
    with TTFont(font, fontNumber=0, lazy=True) as table:
        return frozenset(table.getBestCmap() or ()) - _REFUSED
