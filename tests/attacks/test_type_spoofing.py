"""A file is served as what it is, or not at all: crafted files that are two things, or are called another one."""

import gzip
import io
import struct
import zipfile
import zlib

import pytest

from app.content import FIRST_BYTES, Accepted, Candidate, Declared, Rejected, judge
from tests import samples
from tests.attacks.ground import DOCX

PNG, JPEG, WEBP, PDF = "image/png", "image/jpeg", "image/webp", "application/pdf"
TEXT, CSV, JSON = "text/plain", "text/csv", "application/json"
PAGE = samples.html()
SCRIPT = b"<script>alert(1)</script>"
XML = b'<?xml version="1.0"?>\n'


def archive(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in names:
            made.writestr(zipfile.ZipInfo(name), PAGE)
    return buffer.getvalue()


JAR = archive("META-INF/MANIFEST.MF", "Evil.class")


def png_with(kind, data):
    """A valid PNG that carries this chunk."""
    whole = samples.png(3, 3)
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return whole[:33] + chunk + whole[33:]


def jpeg_with(comment):
    """A valid JPEG with this comment behind its first marker."""
    return samples.jpeg()[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + samples.jpeg()[2:]


def riff(kind, data=b""):
    return b"RIFF" + struct.pack("<I", len(data) + 4) + kind + data


# What a browser, a shell or a loader runs, or shows as a page: no allowed type may cover it.
ACTIVE = {
    "a page": PAGE,
    "a page behind white space": b" \t\r\n" * 200 + PAGE,
    "a page behind NULs": bytes(16) + PAGE,
    "a page behind a comment": b"<!-- " + b"x" * 500 + b" -->" + PAGE,
    "a page behind a BOM": b"\xef\xbb\xbf" + PAGE,
    "a page in UTF-16": PAGE.decode().encode("utf-16"),
    "a page in capitals": PAGE.upper(),
    "a page without a head": b"<body onload=alert(1)>" + SCRIPT,
    "a page behind an XML declaration": XML + b'<html xmlns="http://www.w3.org/1999/xhtml">' + SCRIPT + b"</html>",
    "SVG": samples.svg(),
    "SVG behind a declaration": XML + samples.svg(),
    "SVG behind a BOM": b"\xef\xbb\xbf" + samples.svg(),
    "SVG behind a BOM and a declaration": b"\xef\xbb\xbf" + XML + samples.svg(),
    "SVG in UTF-16": (XML.decode() + samples.svg().decode()).encode("utf-16"),
    "SVG behind a comment": XML + b"<!-- x -->\n" * 20 + samples.svg(),
    "SVG with a document type": XML + b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">\n' + samples.svg(),
    "SVG that is packed": gzip.compress(samples.svg(), mtime=0),
    "XML that brings a style sheet": XML + b'<?xml-stylesheet href="x.xsl" type="text/xsl"?>\n<x/>',
    "XSLT": XML + b'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>',
    "MHTML": b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n\n"
    + PAGE,
    "PHP": b"<?php system($_GET['c']); ?>\n",
    "a shell script": b"#!/bin/sh\nrm -rf /\n",
    "a Python script": b"#!/usr/bin/env python3\nimport os\nos.system('x')\n",
    "a batch file": b"@echo off\r\ndel /q *\r\n",
    "an EXE": b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H", 0x14C) + bytes(200),
    "an ELF": b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + bytes(40),
    "a Mach-O": struct.pack("<IIIIII", 0xFEEDFACF, 0x01000007, 3, 2, 0, 0) + bytes(100),
    "a Java class": b"\xca\xfe\xba\xbe" + struct.pack(">HH", 0, 52) + bytes(100),
    "WASM": b"\0asm\1\0\0\0" + bytes(20),
    "SWF": b"FWS\x0a" + struct.pack("<I", 100) + bytes(92),
    "SWF that is packed": b"CWS\x0a" + struct.pack("<I", 100) + zlib.compress(bytes(92)),
    "a ZIP": samples.zip_file(),
    "a JAR": JAR,
    "an office file with macros": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
    "RTF": b"{\\rtf1\\ansi x}",
    "PostScript": b"%!PS-Adobe-3.0\n(x) run\n",
    "a shortcut": b"L\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0F" + bytes(60),
    "GIFAR": b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;" + JAR,
}
# Pictures and their like that are not the one that was declared, and what is nearly one that is.
OTHERWISE = {
    "GIF": b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
    "BMP": b"BM" + struct.pack("<IHHIIIIHHIIIIII", 58, 0, 0, 54, 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + bytes(4),
    "ICO": b"\0\0\1\0\1\0\1\1\0\0\1\0\x18\0" + struct.pack("<II", 40, 22) + bytes(40),
    "TIFF": b"II*\0\x08\0\0\0\0\0" + bytes(20),
    "TIFF of the other end": b"MM\0*\0\0\0\x08\0\0" + bytes(20),
    "PSD": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 1, 1, 8, 3) + bytes(20),
    "AVIF": b"\0\0\0\x1cftypavif" + bytes(4) + b"avifmif1miaf" + bytes(20),
    "MP4": b"\0\0\0\x18ftypmp42" + bytes(4) + b"mp42isom" + bytes(20),
    "MNG": b"\x8aMNG\r\n\x1a\n" + bytes(40),
    "AVI": riff(b"AVI ", b"LIST" + bytes(60)),
    "WAV": riff(b"WAVE", b"fmt " + bytes(30)),
    "RIFF of no kind": riff(b"EVIL", PAGE),
    "half a signature": samples.png()[:4],
    "a signature alone": samples.png()[:8],
    "a PNG behind a NUL": b"\0" + samples.png(),
    "a JPEG behind a line": b"\n" + samples.jpeg(),
    "a WebP behind a BOM": b"\xef\xbb\xbf" + samples.webp(),
    "a PDF behind a line": b"\n" + samples.pdf(),
    "a PDF behind 1 KiB": bytes(1024) + samples.pdf(),
    "a PDF within a page": b"<!--\n" + samples.pdf() + b"-->" + PAGE,
    "a PDF behind a PNG's signature": samples.png()[:8] + samples.pdf(),
    "a PNG mangled as text": samples.png().replace(b"\r\n", b"\n"),
    "a PNG without its high bit": samples.png().replace(b"\x89", b"\x09", 1),
    "a signature as text": b"PNG\r\n\x1a\n" + PAGE,
    "one byte": b"\x89",
    "NULs": bytes(100),
    "spaces": b" " * 100,
}
# What really is of the declared type, whatever else it is: served as that type and no other.
POLYGLOTS = {
    "a PNG with a page behind it": (samples.png() + PAGE, PNG),
    "a PNG with a JAR behind it": (samples.png() + JAR, PNG),
    "a PNG with a page in a comment": (png_with(b"tEXt", b"Comment\0" + PAGE), PNG),
    "a PNG with PHP in its palette": (png_with(b"PLTE", b"<?php x(); ?>  "), PNG),
    "a PNG that moves": (png_with(b"acTL", struct.pack(">II", 1, 0)), PNG),
    "a JPEG with a page in a comment": (jpeg_with(PAGE), JPEG),
    "a JPEG with PHP in a comment": (jpeg_with(b"<?php system('x'); ?>"), JPEG),
    "a JPEG with a ZIP behind it": (samples.jpeg() + samples.zip_file(), JPEG),
    "a JPEG with SVG behind it": (samples.jpeg() + samples.svg(), JPEG),
    "three bytes of a JPEG before a page": (b"\xff\xd8\xff\xe0" + PAGE, JPEG),
    "a WebP with a page behind it": (samples.webp() + PAGE, WEBP),
    "a WebP's head before a page": (riff(b"WEBP", b"VP8L" + PAGE), WEBP),
    "a PDF with a ZIP behind it": (samples.pdf() + samples.zip_file(), PDF),
    "a PDF with a page in a comment": (samples.pdf().replace(b"%%EOF", b"%" + SCRIPT + b"\n%%EOF"), PDF),
    "a PDF's first line before a page": (b"%PDF-1.7\n" + PAGE, PDF),
    "a table with a formula": (b"a,b\n=cmd|'/c calc'!A1,2\n", CSV),
    "a page in an e-mail": (ACTIVE["MHTML"], TEXT),
    "a text about a script": (b"How to write alert(1) in JavaScript.\n", TEXT),
}
WRONG = [
    *[(name, data, PNG) for name, data in (ACTIVE | OTHERWISE).items()],
    *[(name, ACTIVE[name], TEXT) for name in ("a page", "a page behind NULs", "SVG in UTF-16", "PHP", "GIFAR")],
    *[("a page", PAGE, declared) for declared in (JPEG, WEBP, PDF, CSV, JSON, DOCX)],
    *[("SVG", samples.svg(), declared) for declared in (JPEG, WEBP, PDF, CSV, JSON, DOCX)],
    *[(name, ACTIVE[name], DOCX) for name in ("a ZIP", "a JAR", "an office file with macros")],
    *[(name, OTHERWISE[name], PDF) for name in OTHERWISE if "PDF" in name],
    *[(name, OTHERWISE[name], WEBP) for name in ("AVI", "WAV", "RIFF of no kind", "a WebP behind a BOM")],
    ("a JPEG behind a line", OTHERWISE["a JPEG behind a line"], JPEG),
    ("a PNG", samples.png(), JPEG),
    ("a JPEG", samples.jpeg(), WEBP),
    ("a WebP", samples.webp(), PNG),
    ("a PDF", samples.pdf(), PNG),
    ("a PNG", samples.png(), PDF),
    ("a PNG", samples.png(), TEXT),
]
IDS = [f"{name} as {declared.rpartition('/')[2].rpartition('.')[2]}" for name, _, declared in WRONG]
INLINE = {PNG, JPEG, WEBP, PDF}


def verdict(data, declared):
    """By the bytes alone."""
    return judge(Candidate(len(data), data[:FIRST_BYTES], None, ()), Declared(declared, len(data), None))


def test_there_are_enough_of_them():
    assert len(set(IDS)) == len(IDS)
    assert len(ACTIVE | OTHERWISE | POLYGLOTS) >= 40


@pytest.mark.parametrize("name", [name for name in ACTIVE if name not in {"a batch file", "MHTML"}])
def test_to_pass_off_as_text_where_an_operator_allows_it(name):
    assert isinstance(verdict(ACTIVE[name], TEXT), Rejected)


@pytest.mark.parametrize("name", [name for name in ACTIVE if name.startswith("SVG")])
def test_to_have_svg_served_where_an_operator_allows_it(name):
    assert isinstance(verdict(ACTIVE[name], "image/svg+xml"), Rejected)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(("name", "data", "declared"), WRONG, ids=IDS)
async def test_to_pass_off(ground, name, data, declared):
    user = ground.bearer()
    asked = await ground.land(user, data, declared)
    answer = (await ground.complete(user, asked)).json()
    assert (answer["status"], answer["rejection_reason"]) == ("rejected", "type_mismatch"), verdict(data, declared)
    assert not any((await ground.keys_of(asked)).values())


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("name", POLYGLOTS)
async def test_to_have_served_as_the_other_thing(ground, name):
    data, declared = POLYGLOTS[name]
    assert isinstance(verdict(data, declared), Accepted)
    user = ground.bearer()
    asked = await ground.make_ready(user, data, declared)
    for wanted in ("attachment", "inline"):
        path = f"/api/v1/media/{asked['id']}/download?disposition={wanted}"
        for more in ("", "&response-content-type=text/html", "&content_type=text/html"):
            link = await ground.api.get(path + more, headers={**user, "Accept": "text/html"})
            if link.status_code != 302:
                assert link.status_code == 400, link.text
                continue
            served = await ground.storage.get(link.headers["location"], headers={"Accept": "text/html"})
            assert served.content == data
            assert served.headers["content-type"] == declared
            assert served.headers["x-content-type-options"] == "nosniff"
            shown = "inline" if wanted == "inline" and declared in INLINE else "attachment"
            assert served.headers["content-disposition"].startswith(f"{shown}; ")


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    "declared",
    [
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "image/png, text/html",
        "TEXT/HTML; charset=image/png",
        "*/*",
    ],
)
async def test_to_declare_what_a_browser_would_run(ground, declared):
    body = {"file_name": "photo.png", "mime_type": declared, "file_size": len(PAGE)}
    answer = await ground.api.post("/api/v1/media/upload", json=body, headers=ground.bearer())
    assert (answer.status_code, answer.json()["code"]) == (415, "type_not_allowed")


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("said", ["text/html", "image/svg+xml", "image/png; charset=x", ""])
async def test_to_store_it_with_another_type_than_the_signed_one(ground, said):
    data = samples.png(4, 4) + PAGE
    user = ground.bearer()
    asked = await ground.ask(user, data)
    refused = await ground.put(asked, data, **{"content-type": said})
    assert refused.status_code == 403, refused.text
    assert not any((await ground.keys_of(asked)).values())
