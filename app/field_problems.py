"""What is wrong with the JSON that someone sent, in plain words: msgspec speaks of regular expressions. Pure."""

import re
from typing import Annotated, Any, Final, get_origin

import msgspec

from app import field_forms

ILLEGIBLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # what decoding raises

_LONGEST: Final = 500
_FORMS: Final[list[Any]] = [
    kind.__metadata__[0] for kind in vars(field_forms).values() if get_origin(kind) is Annotated
]
_IS_NOT: Final = {f"Expected `str` matching regex {form.pattern!r}": form.description for form in _FORMS} | {
    "Invalid RFC3339 encoded date": 'a date such as "2026-11-23"',
    "Invalid UUID": 'a UUID such as "990e8400-e29b-41d4-a716-446655440000"',
}
_SAID_OF_A_VALUE: Final = (
    (r"Expected `array` of length <= (\d+)", r"has too many entries: \1 are allowed"),
    (r"Expected `array` of length >= (\d+)", r"has too few entries: \1 is needed"),
    (r"Expected `(.*)`, got `(.*)`", r"is of type \2, expected \1"),
    (r"Invalid enum value '(.*)'", r"is '\1', which is no value that it may have"),
)
_SAID_OF_A_NAME: Final = (
    (r"Object contains unknown field `(.*)`", "is not known here"),
    (r"Object missing required field `(.*)`", "is missing"),
)


def in_plain_words(error: Exception) -> str:
    """Of an error that is ILLEGIBLE: which value it is, and what is wrong with it."""
    match error:
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeDecodeError():
            return "it is not UTF-8"
    problem, _, place = str(error).partition(" - at `$")
    return _told(problem, place.strip("`.") or "it")[:_LONGEST]


def _told(problem: str, place: str) -> str:
    if problem in _IS_NOT:
        return f"{place} is not {_IS_NOT[problem]}"
    for pattern, words in _SAID_OF_A_VALUE:
        if found := re.fullmatch(pattern, problem, re.DOTALL):
            return f"{place} {found.expand(words)}"
    for pattern, words in _SAID_OF_A_NAME:
        if found := re.fullmatch(pattern, problem, re.DOTALL):
            return f"{place}.{found[1]} {words}".removeprefix("it.")
    return problem if place == "it" else f"{place}: {problem}"
