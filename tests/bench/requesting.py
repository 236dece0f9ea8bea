"""How many uploads the API issues a second.

The client shares the machine with what it measures, so it does next to nothing: a request written once, an answer that
is looked at no further than its status and length.
"""

import asyncio
import json
import re
import time
import uuid
from functools import partial
from urllib.parse import urlsplit

import jwt

_CONNECTIONS = 16
_WARM_UP_SECONDS = 1.0
_SECONDS = 5.0
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_CREATED = b"HTTP/1.1 201 "


async def requests_per_second(stack: dict) -> float:
    host, port = urlsplit(stack["api_url"]).hostname, urlsplit(stack["api_url"]).port
    requests = [_request(f"{host}:{port}", _token(stack)) for _ in range(_CONNECTIONS)]
    loop, answers = asyncio.get_running_loop(), _Answers()
    connections = [
        (await loop.create_connection(partial(_Connection, request, answers), host, port))[0] for request in requests
    ]
    await asyncio.sleep(_WARM_UP_SECONDS)
    began, before = time.perf_counter(), answers.count
    await asyncio.sleep(_SECONDS)
    count, seconds = answers.count - before, time.perf_counter() - began
    for connection in connections:
        connection.abort()
    if answers.unexpected:
        raise RuntimeError(answers.unexpected.decode(errors="replace"))
    return count / seconds


class _Answers:
    count = 0
    unexpected = b""


class _Connection(asyncio.Protocol):
    """Asks again as soon as it is answered."""

    def __init__(self, request: bytes, answers: _Answers) -> None:
        self._request = request
        self._answers = answers
        self._received = b""

    def connection_made(self, transport) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not end or (length and len(body) < int(length[1])):
            return
        if not length or not head.startswith(_CREATED):
            self._answers.unexpected = self._received
            self._transport.abort()
            return
        self._answers.count += 1
        self._received = b""
        self._transport.write(self._request)


def _token(stack: dict) -> str:
    """Of a user of its own: uploads of one user wait for each other."""
    now = int(time.time())
    claims = {"sub": str(uuid.uuid4()), "iat": now, "exp": now + 600, "aud": "media", "iss": "local-stack"}
    return jwt.encode(claims, stack["jwt_secret"], algorithm="HS256")


def _request(host: str, token: str) -> bytes:
    body = json.dumps({"file_name": "photo.jpg", "mime_type": "image/jpeg", "file_size": 245_678}).encode()
    head = [
        "POST /api/v1/media/upload HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
