"""Media types as clients declare them, in one canonical form: RFC 9110 §8.3.1. Pure."""

from typing import Final

# Old and unregistered names that browsers, phones and mail programs still send.
_REGISTERED: Final = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-jpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-webp": "image/webp",
    "application/x-pdf": "application/pdf",
    "application/acrobat": "application/pdf",
    "text/pdf": "application/pdf",
    "application/csv": "text/csv",
    "text/x-csv": "text/csv",
    "text/json": "application/json",
}


def canonical_media_type(declared: str) -> str:
    """Lower case, without parameters, under its registered name: `image/JPG; charset=binary` is image/jpeg."""
    essence = declared.partition(";")[0].strip().lower()
    return _REGISTERED.get(essence, essence)
