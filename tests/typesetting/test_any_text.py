"""No text keeps an invoice from being made, and none that is not shown goes unsaid."""

import random
import re
from functools import cache

import pytest

from app.field_forms import Line
from app.typesetting import fonts
from tests.typesetting.documents import filled_with, subscribed_by, with_data
from tests.typesetting.pdfs import text_of

TAKEN = re.compile(Line.__metadata__[0].pattern)
KINDS = [
    lambda dice: chr(dice.choice([dice.randrange(0x20, 0xD800), dice.randrange(0xE000, 0x110000)])),
    lambda dice: chr(dice.choice(shown())),
    lambda dice: chr(
        dice.choice([*range(0x300, 0x370), *range(0x64B, 0x656), *range(0x93A, 0x950), *range(0xBBE, 0xBCE)])
    ),
    lambda dice: dice.choice("\u200c\u200d\ufe0f\ufe0e\u00ad\ufeff\u034f\u061c\u2060\u180e\u00a0 \u3000\U000e0061"),
    lambda dice: chr(dice.randrange(0x900, 0x980)),
    lambda dice: chr(dice.randrange(0x600, 0x700)),
    lambda dice: chr(dice.randrange(0x1100, 0x1200)),
    lambda dice: chr(dice.randrange(0x1F1E6, 0x1F700)),
    lambda dice: chr(dice.randrange(0x20, 0x7F)),
]


@cache
def shown():
    """Code points that a font has, but those that no field takes."""
    points = set().union(*(fonts._characters(font) for font in fonts._fonts()))
    return sorted(point for point in points if TAKEN.match(f"a{chr(point)}"))


def batched(points, size):
    return [points[start : start + size] for start in range(0, len(points), size)]


@pytest.mark.parametrize("seed", range(20))
def test_random_text_in_every_field_is_set(typesetter, seed):
    dice = random.Random(seed)
    for _ in range(5):
        kinds = dice.choices(KINDS, k=3)
        text = "".join(dice.choice(kinds)(dice) for _ in range(dice.choice([1, 2, 5, 30, 200])))
        made = typesetter.typeset(filled_with(text))
        assert made.pdf.startswith(b"%PDF-"), ascii(text)
        assert not [warning for warning in made.warnings if "refuse" in warning], ascii(text)


def test_every_character_that_the_fonts_have_is_set(typesetter):
    for some in batched(shown(), 1000):
        made = typesetter.typeset(with_data(notes=" a".join(map(chr, some))))
        assert not [warning for warning in made.warnings if "refuse" in warning]


@pytest.mark.parametrize(
    "text", ["e\u064b", "a\uff9e", "1\u20dd", "க\u093e", "中\u0301", "\u0301", "\u200d"], ids=ascii
)
def test_a_mark_that_fits_no_character_before_it_keeps_nothing_from_being_made(typesetter, text):
    assert not [warning for warning in typesetter.typeset(filled_with(text)).warnings if "refuse" in warning]


def test_a_character_that_no_font_shows_is_replaced_in_print_and_named(typesetter):
    made = typesetter.typeset(subscribed_by("Zo\u00eb \U0001f600"))
    assert made.warnings == ("no font shows U+1F600 GRINNING FACE in subscriber.name",)
    assert "Zo\u00eb\ufffd" in text_of(made.pdf)
