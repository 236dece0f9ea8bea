"""Typst: an invoice's document in, a PDF out. Sole importer of typst. Synchronous, for a process of its own.

The same document, template and fonts give the same bytes: nothing here reads a clock, a locale or the system's fonts.
Data reaches Typst as JSON alone, never as markup.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
import typst

from app.invoice import Document
from app.invoice_page import page_of

_OWN_TEMPLATES: Final = Path(__file__).parent.parent / "pdf_templates"
_FONTS: Final = (
    "fontpkg_noto_sans",
    "fontpkg_noto_sans_devanagari",
    "fontpkg_noto_sans_tamil",
    "fontpkg_noto_sans_arabic",
    "noto_cjk_sans_otc",
)


class Typeset(msgspec.Struct, frozen=True):
    """A PDF, the version of the template and fonts that it was set with, and what was not as it should be."""

    pdf: bytes
    template_version: str
    warnings: tuple[str, ...] = ()


class Typesetter:
    """A warm compiler of one folder's `invoice.typ`."""

    def __init__(self, template_dir: Path | None = None) -> None:
        self._compiler = typst.Compiler(
            str((template_dir or _OWN_TEMPLATES) / "invoice.typ"),
            root=str(template_dir or _OWN_TEMPLATES),
            font_paths=[_folder(package) for package in _FONTS],
            ignore_system_fonts=True,
        )
        self.template_version = "0"

    def typeset(self, document: Document) -> Typeset:
        """The PDF of a document. Raises TemplateBroken with Typst's own message and position."""
        page = msgspec.json.encode(page_of(document)).decode()
        inputs = {"page": page, "document": document.as_json.decode()}
        pdf, warnings = self._compiler.compile_with_warnings(
            format="pdf", sys_inputs=inputs, pdf_standards=["a-3b", "ua-1"]
        )
        assert isinstance(pdf, bytes)
        return Typeset(pdf, self.template_version, tuple(map(str, warnings)))


def _folder(package: str) -> str:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    return str(folder / "files" if (folder / "files").is_dir() else folder)
