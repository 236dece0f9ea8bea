"""Serializes a problem as an HTTP/1.1 response, for requests that are refused before the app runs."""

from collections.abc import Iterable
from http import HTTPStatus

import msgspec

from app.api.problems import Problem
from app.api.response_headers import SAFE


def raw_answer(problem: Problem, more: Iterable[tuple[bytes, bytes]], *, is_head: bool) -> bytes:
    """`more` are headers beside those of every answer. The connection ends with it. To HEAD it has no body."""
    body = msgspec.json.encode(problem)
    headers = [
        *more,
        *SAFE,
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    status = b"HTTP/1.1 %d %s\r\n" % (problem.status, HTTPStatus(problem.status).phrase.encode())
    return status + b"".join(b"%s: %s\r\n" % header for header in headers) + b"\r\n" + (b"" if is_head else body)
