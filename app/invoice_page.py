"""Stands in for the module of this name that comes with the template: every text of a document, in its order."""

from typing import Any, Final

import msgspec

from app.invoice import Document

PAGE_VERSION: Final = 1


class Page(msgspec.Struct, frozen=True):
    """What the stub template prints."""

    number: str
    issuer: str
    language: str
    texts: tuple[str, ...]


def page_of(document: Document) -> Page:
    """Each string of the document but the logo."""
    said = msgspec.to_builtins(document)
    said["issuer"].pop("logo", None)
    return Page(document.invoice_number, document.issuer.name, document.invoice_data.language, tuple(_texts(said)))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return [str(value)]
