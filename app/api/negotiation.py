"""What a client prefers of an answer: its media type (RFC 9110 §12.5.1) and how long it waits (RFC 7240). Pure."""

from collections.abc import Sequence
from typing import Final

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_list_header

_JSON: Final = "application/json"
# Some clients ask for it with its charset, which is always this one.
_JSON_SPELLINGS: Final = (_JSON, f"{_JSON}; charset=utf-8")
_ANY_FILE: Final = "application/octet-stream"
_LONGEST_WAIT_SECONDS: Final = 30
_MOST_DIGITS: Final = 9


def prefers_json(accept: Sequence[str], media_type: str) -> bool:
    """Whether a client that may have a file of this type, or JSON that says where it is, prefers the JSON.

    Not if it takes both alike: `application/json, text/plain, */*`, as axios sends by default, gets the file.
    """
    accepted = parse_accept_header(", ".join(accept), MIMEAccept)
    file_type = _ANY_FILE if media_type == _JSON else media_type
    return max(map(accepted.quality, _JSON_SPELLINGS)) > accepted.quality(file_type)


def wait_seconds(prefer: Sequence[str]) -> int:
    """The preference `wait` of all Prefer headers, 30 at most; 0 where there is none that is a number of seconds.

    Of several the first counts. Names have no case, and a value may be quoted.
    """
    for preference in parse_list_header(", ".join(prefer)):
        name, _, value = preference.partition(";")[0].partition("=")
        seconds = value.strip().strip('"')
        if name.strip().lower() == "wait":
            is_number = seconds.isascii() and seconds.isdigit() and len(seconds) <= _MOST_DIGITS
            return min(int(seconds), _LONGEST_WAIT_SECONDS) if is_number else 0
    return 0
