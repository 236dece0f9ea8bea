"""Typst: an invoice's document in, a PDF out. Sole importer of typst. Synchronous, for a process of its own.

The same document, template and fonts give the same bytes: nothing here reads a clock, a locale or the system's fonts.
Data reaches Typst as JSON alone, never as markup, and Typst reads nothing but the template's folder and the fonts.
"""

import re
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import msgspec
import typst

from app.errors import TemplateBroken
from app.invoices.data import Document
from app.invoices.factur_x import Incomplete, calls_for_factur_x, terms_of
from app.invoices.page import page_of
from app.typesetting.fonts import font_folders, plainly, printable
from app.typesetting.printed_text import in_each_text, unshown
from app.typesetting.template_folder import OWN_TEMPLATES, refuse_packages, template_version

_NO_FOLDER: Final = "/nonexistent"
_UNDATED: Final = date(1970, 1, 1)  # what PDF/A has to have a date for
_POSITION: Final = re.compile(r"┌─ (.+?):(\d+:\d+)")
# What Typst says of text that it can't show. Anything else is the template's fault.
_UNSHOWN: Final = ("could not be displayed", "disallowed codepoint")


class Typeset(msgspec.Struct, frozen=True):
    """A PDF, the version of the template and fonts that it was set with, and what was not as it should be."""

    pdf: bytes
    template_version: str
    warnings: tuple[str, ...] = ()


class _TextRefused(Exception):
    """Typst can't set some text with the template's fonts, or stumbles over it."""


class Typesetter:
    """A warm compiler of one folder's `invoice.typ`, whose files stay as they are while it is used."""

    def __init__(self, template_dir: Path | None = None) -> None:
        """Raises TemplateBroken if the folder asks for packages, or has no `invoice.typ`."""
        self._folder = (template_dir or OWN_TEMPLATES).resolve()
        refuse_packages(self._folder)
        self.template_version = template_version(self._folder)
        self._compiler = _compiler(self._folder)

    def typeset(self, document: Document) -> Typeset:
        """The PDF of a document. Raises TemplateBroken with Typst's own message and position."""
        page, warnings = msgspec.to_builtins(page_of(document)), unshown(document)
        try:
            pdf, said = self._compile(document, in_each_text(printable, page))
        except _TextRefused as refusal:
            warnings += (f"much text is not shown, as Typst refuses it in the template's fonts: {refusal}",)
            pdf, said = self._compile_plainly(document, page)
        warnings += said
        if calls_for_factur_x(document):
            pdf, missing = _with_factur_x(pdf, document)
            warnings += missing
        return Typeset(pdf, self.template_version, warnings)

    def _compile_plainly(self, document: Document, page: Any) -> tuple[bytes, tuple[str, ...]]:
        try:
            return self._compile(document, in_each_text(plainly, page))
        except _TextRefused as refusal:
            raise TemplateBroken(str(refusal)) from refusal

    def _compile(self, document: Document, page: Any) -> tuple[bytes, tuple[str, ...]]:
        """And what Typst warns of. Raises TemplateBroken, or _TextRefused."""
        try:
            pdf, said = self._compiler.compile_with_warnings(
                format="pdf",
                sys_inputs={"page": msgspec.json.encode(page).decode(), "document": document.as_json.decode()},
                pdf_standards=["a-3b", "ua-1"],
                timestamp=int(datetime.combine(document.invoice_data.issue_date or _UNDATED, time(), UTC).timestamp()),
            )
        except typst.TypstError as refusal:
            raise self._understood(refusal) from refusal
        except BaseException as panic:
            if type(panic).__name__ != "PanicException":  # of Rust, whose class can't be imported
                raise
            raise _TextRefused(f"Typst panicked: {panic}") from panic
        assert isinstance(pdf, bytes)
        return pdf, tuple(map(self._located, said))

    def _understood(self, refusal: typst.TypstError) -> Exception:
        kind = _TextRefused if any(sign in refusal.message for sign in _UNSHOWN) else TemplateBroken
        return kind("; ".join([self._located(refusal), *refusal.hints]))

    def _located(self, said: typst.TypstError | typst.TypstWarning) -> str:
        """`invoice.typ:12:3: unknown variable: total`."""
        position = _POSITION.search(said.diagnostic)
        return f"{self._in_folder(position[1])}:{position[2]}: {said.message}" if position else said.message

    def _in_folder(self, path: str) -> str:
        """Typst names a file by its way from the working directory."""
        parts = Path(path).parts
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        return next((end for end in ends if not end.startswith("/") and (self._folder / end).is_file()), path)


def _with_factur_x(pdf: bytes, document: Document) -> tuple[bytes, tuple[str, ...]]:
    """And why not, if it has none."""
    from app.typesetting.factur_x_file import with_factur_x  # noqa: PLC0415 - takes most of a second, and few issuers need it

    try:
        return with_factur_x(pdf, terms_of(document)), ()
    except Incomplete as missing:
        return pdf, (f"no Factur-X: {missing}",)


def _compiler(folder: Path) -> typst.Compiler:
    """Knows neither the system's fonts nor Typst's own, and downloads into a folder that can't be made."""
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=list(map(str, font_folders()))
    )
    try:
        return typst.Compiler(
            str(folder / "invoice.typ"),
            root=str(folder),
            font_paths=fonts,
            package_path=_NO_FOLDER,
            package_cache_path=_NO_FOLDER,
        )
    except RuntimeError as error:
        raise TemplateBroken(f"{folder / 'invoice.typ'} can't be read: {error}") from error
