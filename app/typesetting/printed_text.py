"""What is printed of a page: all its text, with U+FFFD for what no font shows, and warnings that name what that was."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from unicodedata import name

import msgspec

from app.invoices.data import Document
from app.typesetting.fonts import printable

_NAMED: Final = 20  # characters; of more there is only the number


def in_each_text(change: Callable[[str], str], value: Any) -> Any:
    """The same dicts and lists of other texts."""
    match value:
        case str():
            return change(value)
        case dict():
            return {key: in_each_text(change, item) for key, item in value.items()}
        case list() | tuple():
            return [in_each_text(change, item) for item in value]
    return value


def unshown(document: Document) -> tuple[str, ...]:
    """`no font shows U+1F600 GRINNING FACE in subscriber.name`: a warning for each such character, up to a bound."""
    fields: dict[str, list[str]] = {}
    for field, text in _texts(document):
        for character in _given_way(text):
            fields.setdefault(character, []).append(field)
    named = [f"no font shows {_called(character)} in {_listed(fields[character])}" for character in fields][:_NAMED]
    more = len(fields) - len(named)
    return (*named, f"no font shows {more} more characters") if more else tuple(named)


def _texts(document: Document) -> Iterator[tuple[str, str]]:
    """By the names that billing-service knows."""
    yield from _paths(msgspec.to_builtins(document.invoice_data), "")
    yield from _paths({**msgspec.to_builtins(document.issuer), "logo": None}, "issuer.")


def _paths(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path.rstrip("."), value
        case dict():
            for key, item in value.items():
                yield from _paths(item, f"{path}{key}.")
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _paths(item, f"{path.rstrip('.')}[{index}].")


def _given_way(text: str) -> Iterable[str]:
    """Each once, in the order of the text."""
    shown = printable(text)
    return () if shown == text else dict.fromkeys(had for had, has in zip(text, shown, strict=True) if had != has)


def _called(character: str) -> str:
    return f"U+{ord(character):04X} {name(character, '')}".rstrip()


def _listed(fields: list[str]) -> str:
    return fields[0] if len(fields) == 1 else f"{fields[0]} and {len(fields) - 1} more fields"
