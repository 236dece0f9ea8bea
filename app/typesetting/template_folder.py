"""A folder of templates: its version, and that it asks for no package.

The version says all that decides how a document becomes bytes, but for the document: the folder's files, the fonts, and
the versions of the code and of the libraries that take part.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from app.errors import TemplateBroken
from app.typesetting.fonts import font_versions

_APP: Final = Path(__file__).parents[1]
OWN_TEMPLATES: Final = _APP.parent / "pdf_templates"

_LIBRARIES: Final = (
    "babel",
    "factur-x",
    "fonttools",
    "indic-numtowords",
    "lxml",
    "num2words",
    "pikepdf",
    "segno",
    "typst",
)
# The code that takes part: nobody has to remember to raise a number.
_CODE: Final = (_APP / "invoices", _APP / "typesetting")
_NOT_READ: Final = ("README.md", "samples")
# Typst would download it. What is asked for by a computed name is not seen here: a template is trusted, data is not.
_PACKAGE: Final = re.compile(r'\b(?:import|include)\b[^"\n]*"@')


def template_version(folder: Path) -> str:
    """The same for the same files under another path or on another machine: sixteen hex digits."""
    digest = sha256()
    for package in [*font_versions(), *(f"{library}=={version(library)}" for library in _LIBRARIES)]:
        digest.update(f"\0{package}".encode())
    for part, file in [(folder, file) for file in _files(folder)] + [(_APP, file) for file in _code()]:
        digest.update(b"\0%b\0%b" % (file.relative_to(part).as_posix().encode(), sha256(file.read_bytes()).digest()))
    return digest.hexdigest()[:16]


def refuse_packages(folder: Path) -> None:
    """Raises TemplateBroken for the first import of a package: nothing is ever downloaded to make an invoice."""
    for file in _files(folder):
        for number, line in enumerate(
            file.read_text(errors="replace").splitlines() if file.suffix == ".typ" else (), 1
        ):
            if _PACKAGE.search(line):
                raise TemplateBroken(
                    f"{file.relative_to(folder)}:{number}: packages are not downloaded: {line.strip()}"
                )


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).parts[0] not in _NOT_READ:
            yield path


def _code() -> Iterator[Path]:
    for folder in _CODE:
        yield from sorted(folder.glob("*.py"))
