"""HTTP as an attacker writes it: no client library that would put it right."""

import asyncio
from urllib.parse import urlsplit

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """The status, 0 if storage hung up without a word, and what came with it."""

    status_code: int
    head: str
    body: bytes

    @property
    def text(self):
        return self.head + self.body.decode(errors="replace")


async def send(url, method, headers, body=b"", *, target=None, then_hang_up=False):
    """Write this request as it stands, to the host of the URL. `headers` are pairs; the target is the URL's own."""
    parts = urlsplit(url)
    lines = [f"{method} {target or target_of(url)} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body)
        await writer.drain()
        if then_hang_up:
            writer.write_eof()
        async with asyncio.timeout(10):
            answered = await reader.read()
    except ConnectionResetError:
        answered = b""
    finally:
        writer.close()
    head, _, content = answered.partition(b"\r\n\r\n")
    return Answer(int(head.split()[1]) if head.startswith(b"HTTP/1.") else 0, head.decode("latin-1"), content)


def target_of(url):
    """Path and query as they are written."""
    return "/" + url.partition("://")[2].partition("/")[2]


def host_of(url):
    return urlsplit(url).netloc
