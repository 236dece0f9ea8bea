"""The display name of a media object: what may be one, and how a download carries it.

Pure. A display name is never part of an object key, a log line or a path; it meets the world in one header only.
Source: RFC 6266 (Content-Disposition) and RFC 8187 (its UTF-8 parameter).
"""

import re
from typing import Final, Literal
from urllib.parse import quote

from app.errors import InvalidRequest
from app.offered_name import offered_name, plain_name, without_unshown

MAX_CHARACTERS: Final = 255

_control = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_surrogate = re.compile("[\ud800-\udfff]")
_is_token = re.compile(r"[A-Za-z0-9!#$&+.^_`|~-]+").fullmatch  # RFC 9110's token without * ' %, as RFC 8187's attr-char
_ATTR_CHARS: Final = "!#$&+.^_`|~-"


def checked(original: str) -> str:
    """The name as it came. Raises InvalidRequest if it can't be a file's display name."""
    if not without_unshown(original).strip():
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


def content_disposition(original: str, mime_type: str, disposition: Literal["inline", "attachment"]) -> str:
    """The header that offers a name for a file of this type: printable ASCII whatever the name holds.

    Old clients read the ASCII form, all others the exact one.
    """
    name = offered_name(original, mime_type)
    if _is_token(name):
        return f'{disposition}; filename="{name}"'
    plain, exact = plain_name(original, mime_type), quote(name, safe=_ATTR_CHARS)
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{exact}"
