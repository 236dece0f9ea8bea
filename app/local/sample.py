"""A small picture to try the service with."""

import struct
import zlib

_SIDE = 64


def sample_png() -> bytes:
    """A valid PNG of 64 by 64 pixels: red grows to the right, green downwards."""
    rows = b"".join(b"\0" + b"".join(bytes((4 * x, 4 * y, 128)) for x in range(_SIDE)) for y in range(_SIDE))
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0)  # 8 bits, RGB
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
