"""Which display names are taken, and that none of them can break the header that carries it."""

import random
import re
from urllib.parse import unquote

import pytest

from app.errors import InvalidRequest
from app.file_name import checked, content_disposition

ALPHABET = (
    "abcXYZ019 .-_~+%\"'\\/;=*<>|äß€語😀é\uff21\uff02\uff05\uff0f"
    "\u202e\u2066\u200b\u200d\ufeff\u0301\x00\x07\r\n\t\x7f\x85\u2028"
)
HEADER = re.compile(
    r'(inline|attachment); filename="([^"\\%]+)"'
    r"(?:; filename\*=UTF-8''((?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+))?"
)


def names_in(header):
    """The fallback and the exact name, read as RFC 6266 and RFC 8187 have it."""
    match = HEADER.fullmatch(header)
    assert match, header
    return match[2], None if match[3] is None else unquote(match[3], errors="strict")


@pytest.mark.parametrize(
    "name",
    ["a", "ac_photo.jpg", "Rechnung März (1).pdf", "請求書.pdf", "👩‍🔧.png", "a\u202egpj.exe", "…", "x" * 255, " a "],
)
def test_a_display_name_is_taken_as_it_came(name):
    assert checked(name) == name


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("\u200b\ufeff", "is empty"),
        ("x" * 256, "has 256 characters, and 255 are allowed"),
        ("a\0.jpg", "control character"),
        ("a\r\nSet-Cookie: b", "control character"),
        ("a\x1f", "control character"),
        ("a\x7f", "control character"),
        ("a\x85b", "control character"),
        ("a\x9f", "control character"),
        ("a\u2028b", "control character"),
        ("a\u2029b", "control character"),
        ("a\ud800", "surrogate"),
        ("\udfffa", "surrogate"),
        ("C:\\fakepath\\x.jpg", "Send the name alone"),
        ("../x.jpg", "Send the name alone"),
        ("/", "Send the name alone"),
    ],
)
def test_what_can_be_no_display_name_is_refused_with_a_sentence(name, problem):
    with pytest.raises(InvalidRequest, match=problem) as caught:
        checked(name)
    assert str(caught.value).startswith("file_name ")
    assert caught.value.code == "invalid_request"


def test_a_plain_name_needs_no_second_form():
    assert content_disposition("ac_photo-1.jpg", "inline") == 'inline; filename="ac_photo-1.jpg"'
    assert content_disposition("ac_photo-1.jpg", "attachment") == 'attachment; filename="ac_photo-1.jpg"'


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a b.jpg", "attachment; filename=\"a b.jpg\"; filename*=UTF-8''a%20b.jpg"),
        ("März.pdf", "attachment; filename=\"Marz.pdf\"; filename*=UTF-8''M%C3%A4rz.pdf"),
        ("請求書.pdf", "attachment; filename=\"_.pdf\"; filename*=UTF-8''%E8%AB%8B%E6%B1%82%E6%9B%B8.pdf"),
        ('a"b.jpg', "attachment; filename=\"ab.jpg\"; filename*=UTF-8''a%22b.jpg"),
        ("100%41.jpg", "attachment; filename=\"10041.jpg\"; filename*=UTF-8''100%2541.jpg"),
        ("it's*.jpg", "attachment; filename=\"it's*.jpg\"; filename*=UTF-8''it%27s%2A.jpg"),
        ("\uff02\uff05\uff0f.jpg", "attachment; filename=\".jpg\"; filename*=UTF-8''%EF%BC%82%EF%BC%85%EF%BC%8F.jpg"),
        ("%", "attachment; filename=\"download\"; filename*=UTF-8''%25"),
    ],
)
def test_any_other_name_has_an_ascii_fallback_and_its_exact_form(name, header):
    assert content_disposition(name, "attachment") == header


@pytest.mark.parametrize("hidden", ["\u202e", "\u202a", "\u2066", "\u2069", "\u200b", "\u200d", "\ufeff", "\r\n", "\0"])
def test_characters_that_hide_the_extension_are_in_neither_form(hidden):
    assert content_disposition(f"a{hidden}gpj.exe", "attachment") == 'attachment; filename="agpj.exe"'
    assert names_in(content_disposition(f"ä{hidden}gpj.exe", "attachment")) == ("agpj.exe", "ägpj.exe")


@pytest.mark.parametrize("name", ["", "\u200b", "\ud800", "\r\n", " "])
def test_a_name_of_which_nothing_is_left_downloads_as_download(name):
    assert content_disposition(name, "inline") == 'inline; filename="download"'


def test_a_thousand_random_names_give_printable_ascii_that_parses_back():
    rng = random.Random(8187)
    exact_forms = 0
    for _ in range(1000):
        name = "".join(rng.choices(ALPHABET, k=rng.randint(1, 40)))
        header = content_disposition(name, "attachment")
        assert header.isascii()
        assert header.isprintable()
        fallback, exact = names_in(header)
        shown = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u202e\u2066\u200b\u200d\ufeff]", "", name)
        shown = re.sub(r"[/\\]", "_", shown).strip() or "download"
        assert (exact or fallback) == shown
        exact_forms += exact is not None
    assert exact_forms > 900


def test_a_checked_name_survives_unless_it_hides_something():
    rng = random.Random(6266)
    for _ in range(1000):
        name = "".join(rng.choices("abcXYZ019.-_~+%\"';=*<>|äß€語😀", k=rng.randint(1, 255)))
        fallback, exact = names_in(content_disposition(checked(name), "inline"))
        assert (exact or fallback) == name
