"""The display name of a media object: what may be one, and how a download carries it.

Pure. A display name is never part of an object key, a log line or a path; it meets the world in one header only.
Source: RFC 6266 (Content-Disposition) and RFC 8187 (its UTF-8 parameter).
"""

import re
import unicodedata
from typing import Final, Literal
from urllib.parse import quote

from app.errors import InvalidRequest

MAX_CHARACTERS: Final = 255

_control = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_surrogate = re.compile("[\ud800-\udfff]")
# Characters that show nothing and change how the rest is shown: zero width, direction marks, overrides and isolates.
_INVISIBLE: Final = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_unshown = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_INVISIBLE}]")
_is_token = re.compile(r"[A-Za-z0-9!#$&+.^_`|~-]+").fullmatch  # RFC 9110's token without * ' %, as RFC 8187's attr-char
_ATTR_CHARS: Final = "!#$&+.^_`|~-"


def checked(original: str) -> str:
    """The name as it came. Raises InvalidRequest if it can't be a file's display name."""
    if not _unshown.sub("", original).strip():
        raise InvalidRequest("file_name is empty.")
    if len(original) > MAX_CHARACTERS:
        raise InvalidRequest(f"file_name has {len(original)} characters, and {MAX_CHARACTERS} are allowed.")
    if _control.search(original):
        raise InvalidRequest("file_name holds a control character.")
    if _surrogate.search(original):
        raise InvalidRequest("file_name holds half of a surrogate pair, which is no character.")
    if "/" in original or "\\" in original:
        raise InvalidRequest("file_name holds a path separator. Send the name alone, without its folder.")
    return original


def content_disposition(original: str, disposition: Literal["inline", "attachment"]) -> str:
    """The header that offers `original` as the name to save under: printable ASCII whatever the name holds.

    Old clients read the ASCII fallback, all others the exact name; invisible characters are in neither, as
    they could make `exe.jpg` of `gpj.exe`.
    """
    name = _unshown.sub("", original).replace("/", "_").replace("\\", "_").strip() or "download"
    if _is_token(name):
        return f'{disposition}; filename="{name}"'
    exact = quote(name, safe=_ATTR_CHARS)
    return f"{disposition}; filename=\"{_fallback(name)}\"; filename*=UTF-8''{exact}"


def _fallback(name: str) -> str:
    """ASCII without the characters that a quoted string or a browser would read as something else."""
    base = "".join([c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)])
    kept = re.sub(r'["\\%/\x00-\x1f\x7f]', "", re.sub(r"[^\x00-\x7f]+", "_", base)).strip()
    return kept or "download"
