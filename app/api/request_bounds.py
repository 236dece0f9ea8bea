"""How large and slow a request to the API may be, and how many connections it holds."""

import resource
from typing import Final

import msgspec

# For the database, storage, NATS, logs and the standard streams.
_OTHER_FILES: Final = 128


def _most_connections() -> int:
    """Below what the process may have open: one file more, and it could not even reach its database."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(64, min(files - _OTHER_FILES, 8_192))


class Bounds(msgspec.Struct, frozen=True):
    """The largest and slowest request that a client of this API can need, several times over."""

    target_bytes: int = 4_096
    headers: int = 64
    headers_bytes: int = 16_384
    head_seconds: float = 10
    body_seconds: float = 20
    taking_seconds: float = 20
    lingering_seconds: float = 2
    connections: int = _most_connections()
    pipelined: int = 16
