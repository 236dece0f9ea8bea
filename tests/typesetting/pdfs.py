"""What a PDF says, as PDFium reads it."""

import pypdfium2


def text_of(pdf: bytes) -> str:
    """All its text without spaces and line ends: where lines break is the template's choice."""
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [page.get_textpage().get_text_range() for page in document]
    return without_spaces("".join(pages).replace("\ufffe", "-"))  # PDFium's word for a hyphen at a line's end


def without_spaces(text: str) -> str:
    """As text_of has it."""
    return "".join(text.split())
