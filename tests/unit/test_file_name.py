"""Which display names are taken, and that none of them can break the header that carries it."""

import re
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidRequest
from app.file_name import checked, content_disposition
from app.offered_name import offered_name, plain_name

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
    for disposition in ("inline", "attachment"):
        header = content_disposition("ac_photo-1.jpg", "image/jpeg", disposition)
        assert header == f'{disposition}; filename="ac_photo-1.jpg"'


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a b.jpg", "attachment; filename=\"a b.jpg\"; filename*=UTF-8''a%20b.jpg"),
        ("März.jpg", "attachment; filename=\"Marz.jpg\"; filename*=UTF-8''M%C3%A4rz.jpg"),
        ("請求書.jpg", "attachment; filename=\"_.jpg\"; filename*=UTF-8''%E8%AB%8B%E6%B1%82%E6%9B%B8.jpg"),
        ('a"b.jpg', 'attachment; filename="a_b.jpg"'),
        ("100%41.jpg", "attachment; filename=\"10041.jpg\"; filename*=UTF-8''100%2541.jpg"),
        ("it's*.jpg", "attachment; filename=\"it's_.jpg\"; filename*=UTF-8''it%27s_.jpg"),
        ("\uff02\uff0f.jpg", "attachment; filename=\"__.jpg\"; filename*=UTF-8''%EF%BC%82%EF%BC%8F.jpg"),
        ("%", "attachment; filename=\"download.jpg\"; filename*=UTF-8''%25.jpg"),
    ],
)
def test_any_other_name_has_an_ascii_fallback_and_its_exact_form(name, header):
    assert content_disposition(name, "image/jpeg", "attachment") == header


@pytest.mark.parametrize("hidden", ["\u202e", "\u202a", "\u2066", "\u2069", "\u200b", "\u200d", "\ufeff", "\r\n", "\0"])
def test_characters_that_hide_the_extension_are_in_neither_form(hidden):
    assert content_disposition(f"a{hidden}gpj.exe", "image/png", "attachment") == 'attachment; filename="agpj.exe.png"'
    offered = names_in(content_disposition(f"ä{hidden}gpj.exe", "image/png", "attachment"))
    assert offered == ("agpj.exe.png", "ägpj.exe.png")


@pytest.mark.parametrize(
    ("name", "mime_type", "offered"),
    [
        ("gpj.exe", "image/png", "gpj.exe.png"),
        ("photo.jpg", "image/png", "photo.jpg.png"),
        ("photo", "image/png", "photo.png"),
        ("A.JPEG", "image/jpeg", "A.JPEG"),
        ("old.jfif", "image/jpeg", "old.jfif"),
        ("a.webp", "image/webp", "a.webp"),
        ("bill.pdf.exe", "application/pdf", "bill.pdf.exe.pdf"),
        ("run.bat", "text/plain", "run.bat.txt"),
        ("notes.txt", "text/plain", "notes.txt"),
        ("setup.exe", "application/octet-stream", "setup.exe.bin"),
        ("plan.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "plan.docx"),
        ("scan.exe", "application/x-of-our-own", "scan.exe.bin"),
        ("a.png.", "image/png", "a.png"),
        ("a.png. . ", "image/png", "a.png"),
        ("..", "image/png", "download.png"),
        (".png", "image/png", "download.png"),
        (".htaccess", "image/png", "htaccess.png"),
        ("...bashrc", "text/plain", "bashrc.txt"),
        ("CON.png", "image/png", "_CON.png"),
        ("con", "image/png", "_con.png"),
        ("Aux.tar.png", "image/png", "_Aux.tar.png"),
        ("NUL .png", "image/png", "_NUL.png"),
        ("com1.png", "image/png", "_com1.png"),
        ("LPT³.png", "image/png", "_LPT³.png"),
        ("CONIN$", "image/png", "_CONIN$.png"),
        ("console.png", "image/png", "console.png"),
        ('a<b>:c"|?*.png', "image/png", "a_b__c____.png"),
        ("", "image/png", "download.png"),
        ("\u200b", "image/png", "download.png"),
        ("\ud800", "image/png", "download.png"),
    ],
)
def test_the_offered_name_has_an_extension_of_the_type_and_is_harmless(name, mime_type, offered):
    assert offered_name(name, mime_type) == offered


def test_the_fallback_is_harmless_after_its_own_replacements():
    assert plain_name("\uff23\uff2f\uff2e.png", "image/png") == "_CON.png"
    assert plain_name("\uff0e\uff0e\uff0fetc", "image/png") == "_etc.png"


def test_a_long_name_is_cut_where_a_letter_ends_and_keeps_its_extension():
    assert offered_name("x" * 300 + ".png", "image/png") == "x" * 251 + ".png"
    assert offered_name("\N{GRINNING FACE}" * 255, "image/png") == "\N{GRINNING FACE}" * 62 + ".png"
    assert offered_name("x" * 250 + "e\u0301" * 3, "image/png") == "x" * 250 + ".png"


@settings(derandomize=True, database=None, deadline=None)
@given(name=st.text(max_size=255), mime_type=st.sampled_from(["image/png", "image/jpeg", "text/plain", "a/b"]))
def test_any_name_gives_a_short_header_that_parses_back_to_a_harmless_name(name, mime_type):
    header = content_disposition(name, mime_type, "attachment")
    assert header.isascii()
    assert header.isprintable()
    assert len(quote(header)) < 3_000
    fallback, exact = names_in(header)
    for offered in (fallback, exact or fallback):
        assert len(offered.encode()) <= 255
        assert not re.search(r'[/\\<>:"|?*]|^[. ]|[. ]$', offered)
        assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d) *(\.|$)", offered)
        assert offered_name(offered, mime_type) == offered
