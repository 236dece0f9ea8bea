"""The file name that a download offers: its extension is one of the checked type's, and it is harmless on any system.

Scripts and `curl -OJ` save under it as it is. Pure.
Source: https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
"""

import mimetypes
import re
import unicodedata
from typing import Final

_LONGEST_BYTES: Final = 255  # NAME_MAX of Linux
_NAMELESS: Final = "download"
_forbidden = re.compile(r'[/\\<>:"|?*]')
# What shows nothing and changes how the rest is shown: controls, surrogates, zero width, direction marks and isolates.
_unshown = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
# Devices of Windows, whatever the case and the extension; superscript digits count as digits there.
_is_device = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])", re.IGNORECASE).fullmatch
# Python's own table, without the machine's, is incomplete and takes scripts for text and programs for bytes.
_EXTENSIONS: Final = {
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg"),
    "image/webp": (".webp",),
    "image/avif": (".avif",),
    "image/heic": (".heic",),
    "image/heif": (".heif",),
    "text/plain": (".txt", ".text", ".log"),
    "application/octet-stream": (".bin",),
    "application/rtf": (".rtf",),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (".docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (".pptx",),
    "application/vnd.oasis.opendocument.text": (".odt",),
    "application/vnd.oasis.opendocument.spreadsheet": (".ods",),
    "application/vnd.oasis.opendocument.presentation": (".odp",),
}
_ANY: Final = ".bin"
_TABLE: Final = mimetypes.MimeTypes()


def without_unshown(text: str) -> str:
    """What of it anybody sees."""
    return _unshown.sub("", text)


def offered_name(original: str, mime_type: str) -> str:
    """The display name as a download may carry it. 255 bytes of UTF-8 at most.

    `gpj.exe` of a PNG is offered as gpj.exe.png, `CON.png` as _CON.png, `..` as download.png.
    """
    stem, extension = _split(_forbidden.sub("_", without_unshown(original)).rstrip(" ."), mime_type)
    stem = stem.strip(" .") or _NAMELESS
    if _is_device(stem.partition(".")[0].rstrip()):
        stem = f"_{stem}"
    return _cut(stem, _LONGEST_BYTES - len(extension)) + extension


def plain_name(original: str, mime_type: str) -> str:
    """The same in ASCII, for clients that know no other: without `%`, which some would decode."""
    base = "".join([c for c in unicodedata.normalize("NFKD", original) if not unicodedata.combining(c)])
    return offered_name(re.sub(r"[^\x00-\x7f]+", "_", without_unshown(base)).replace("%", ""), mime_type)


def _split(name: str, mime_type: str) -> tuple[str, str]:
    """What stands before the extension, and an extension of the type: the name's own, or else the usual one."""
    extensions = _EXTENSIONS.get(mime_type) or tuple(_TABLE.guess_all_extensions(mime_type, strict=False)) or (_ANY,)
    stem, dot, last = name.rpartition(".")
    if dot and f".{last.lower()}" in extensions:
        return stem, f".{last}"
    return name, extensions[0]


def _cut(text: str, longest_bytes: int) -> str:
    """As much as fits. A letter does not lose its accents."""
    encoded = text.encode()
    if len(encoded) <= longest_bytes:
        return text
    kept = encoded[:longest_bytes].decode(errors="ignore")
    while kept and unicodedata.combining(text[len(kept)]):
        kept = kept[:-1]
    return kept
