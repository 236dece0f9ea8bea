"""Typst: an invoice's document in, a PDF out. Sole importer of typst. Synchronous, for a process of its own.

The same document, template and fonts give the same bytes: nothing here reads a clock, a locale or the system's fonts.
Data reaches Typst as JSON alone, never as markup.
"""

from pathlib import Path
from typing import Final

import msgspec
import typst

from app.invoice import Document

_OWN_TEMPLATES: Final = Path(__file__).parent.parent / "pdf_templates"
_STANDARDS: Final = ["a-3b", "ua-1"]


class Typeset(msgspec.Struct, frozen=True):
    """A PDF, the version of the template and fonts that it was set with, and what was not as it should be."""

    pdf: bytes
    template_version: str
    warnings: tuple[str, ...] = ()


class TemplateBroken(Exception):
    """Raised when Typst refuses a template: its own message and position."""


class Typesetter:
    """A warm compiler of one folder's `invoice.typ`."""

    def __init__(self, template_dir: Path | None = None) -> None:
        self._compiler = typst.Compiler(
            str((template_dir or _OWN_TEMPLATES) / "invoice.typ"),
            root=str(template_dir or _OWN_TEMPLATES),
            ignore_system_fonts=True,
        )
        self.template_version = "0"

    def typeset(self, document: Document) -> Typeset:
        """The PDF of a document. Raises TemplateBroken with Typst's own message and position."""
        pdf = self._compiler.compile(
            format="pdf", sys_inputs={"page": document.as_json.decode()}, pdf_standards=_STANDARDS
        )
        assert isinstance(pdf, bytes)
        return Typeset(pdf, self.template_version)
