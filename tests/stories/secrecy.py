"""What no log may hold: secrets, tokens, signatures of URLs, and the names that users gave their files."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

_SHAPES = {
    "a presigned URL": re.compile(r"X-Amz-(Signature|Credential)|AWS4-HMAC-SHA256", re.IGNORECASE),
    "a JWT": re.compile(r"eyJ[\w-]{8,}\.[\w-]+"),
    "a temporary token": re.compile(r"[?&]token="),
    "a bearer token": re.compile(r"bearer [\w-]{8,}", re.IGNORECASE),
}


def leaks(data_dir: Path, file_names: list[str]) -> list[str]:
    """What each log of a stack holds that it may not: the log's name and what it is, never the thing itself."""
    forbidden = {spelling: "a user's file name" for name in file_names for spelling in _spellings(name)}
    forbidden |= {
        value: f"secret {path}" for path, value in _secrets(json.loads((data_dir / "secrets.json").read_text()))
    }
    return [
        f"{log.name}: {what}"
        for log in sorted((data_dir / "logs").iterdir())
        for what in _found(log.read_text(errors="replace"), forbidden)
    ]


def _found(text: str, forbidden: dict[str, str]) -> set[str]:
    exact = {what for value, what in forbidden.items() if value in text}
    return exact | {what for what, shape in _SHAPES.items() if shape.search(text)}


def _spellings(name: str) -> set[str]:
    return {name, json.dumps(name)[1:-1], quote(name), quote(name, safe="")}


def _secrets(values: dict, path: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _secrets(value, f"{path}{name}.")
        elif not name.endswith("_id"):
            yield f"{path}{name}", value
