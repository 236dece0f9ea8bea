"""Small real files, made here byte by byte, so that no test needs an image library or a binary in the repository.

`size` pads a file, validly, to exactly that many bytes.
"""

import io
import random
import struct
import zipfile
import zlib

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(width=1, height=1, *, size=None):
    """8-bit grey, all black. Pads with a private ancillary chunk before the image data."""
    rows = (b"\0" + b"\0" * width) * height
    head = _PNG_SIGNATURE + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    tail = _png_chunk(b"IDAT", zlib.compress(rows)) + _png_chunk(b"IEND", b"")
    if size is None or size == len(head + tail):
        return head + tail
    return head + _png_chunk(b"paDd", bytes(_room(size, head + tail, least=12))) + tail


def _png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg(width=8, height=8, *, size=None):
    """Baseline, grey. Its Huffman tables hold one code each, so a block is two zero bits. Pads with comments."""
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    head = b"\xff\xd8" + _jpeg_segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
    head += _jpeg_segment(0xDB, b"\0" + b"\x01" * 64) + _jpeg_segment(0xC0, frame)
    one_code = b"\x01" + b"\0" * 15 + b"\0"
    tail = _jpeg_segment(0xC4, b"\0" + one_code) + _jpeg_segment(0xC4, b"\x10" + one_code)
    blocks = -(-width // 8) * -(-height // 8)
    scan = bytes(blocks // 4) + (bytes([0xFF >> 2 * (blocks % 4)]) if blocks % 4 else b"")
    tail += _jpeg_segment(0xDA, b"\x01\x01\0\0\x3f\0") + scan + b"\xff\xd9"
    return head + (_jpeg_comments(size - len(head + tail)) if size is not None else b"") + tail


def _jpeg_segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def _jpeg_comments(n):
    assert n >= 0, "the JPEG is larger than that already"
    comments = []
    while n >= 4:
        data = min(n - 4, 65_533)
        comments.append(_jpeg_segment(0xFE, bytes(data)))
        n -= data + 4
    return b"".join(comments) + b"\xff" * n  # any marker may be preceded by fill bytes


def webp(width=1, height=1, *, size=None):
    """Lossless, one colour. Pads with an unknown chunk; chunks are even, so an odd size ends in a byte behind them."""
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    chunks = _riff_chunk(b"VP8X", bytes(4) + canvas) + _riff_chunk(b"VP8L", _vp8l(width, height))
    trailer = b""
    if size is not None and size != len(chunks) + 12:
        trailer = bytes(size % 2)
        chunks += _riff_chunk(b"PADD", bytes(_room(size - size % 2, chunks, least=12 + 8)))
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks + trailer


def _riff_chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _vp8l(width, height):
    """No transform, no colour cache, and five prefix codes of one symbol each: a pixel costs no bits."""
    bits, length = (width - 1) | (height - 1) << 14, 14 + 14 + 1 + 3 + 3
    for _ in ("green", "red", "blue", "alpha"):
        bits |= 0b101 << length  # simple, one symbol, of 8 bits: 0
        length += 3 + 8
    bits |= 0b001 << length  # distance: simple, one symbol, of 1 bit: 0
    length += 3 + 1
    return b"\x2f" + bits.to_bytes(-(-length // 8), "little")


def pdf(*, size=None):
    """One empty page. Pads with a comment line before the cross-reference table."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]/Resources<<>>>>",
    )
    body, table = b"%PDF-1.4\n", b"xref\n0 4\n0000000000 65535 f \n"
    for number, content in enumerate(objects, start=1):
        table += b"%010d 00000 n \n" % len(body)
        body += b"%d 0 obj%s endobj\n" % (number, content)
    end = b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%010d\n%%%%EOF\n"
    if size is not None:
        room = _room(size, body + table + end % 0, least=0)
        body += b"%" + b"-" * (room - 2) + b"\n" if room > 1 else b"\n" * room
    return body + table + end % len(body)


def _room(size, made, *, least):
    room = size - len(made) - least
    assert room >= 0, f"that file has {len(made)} bytes, and padding takes at least {least} more"
    return room


def html():
    return b"<!DOCTYPE html>\n<html><head><title>x</title></head><body><script>alert(1)</script></body></html>\n"


def svg():
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><script>alert(1)</script></svg>\n'


def zip_file():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("hello.txt"), "hello\n")
    return buffer.getvalue()


def random_bytes(n, seed):
    return random.Random(seed).randbytes(n)
