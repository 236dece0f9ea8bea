"""What is left of a user's uploads, as headers: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/."""

from typing import Any, Final

from litestar.datastructures import ResponseHeader

_DESCRIPTIONS: Final = {
    "RateLimit-Policy": 'how many uploads a user may ask for in a minute: "uploads";q=20;w=60',
    "RateLimit": 'how many are left, and in how many seconds one more comes free: "uploads";r=19;t=3',
}
RATE_HEADERS: Final[dict[str, dict[str, Any]]] = {
    name: {"description": description} for name, description in _DESCRIPTIONS.items()
}
RATE: Final = [
    ResponseHeader(name, documentation_only=True, description=description)
    for name, description in _DESCRIPTIONS.items()
]
"""What rate_headers adds, for the `response_headers` of a handler."""


def rate_headers(limit: int, left: int, reset_seconds: int) -> dict[str, str]:
    """`reset_seconds` until one more comes free."""
    return {
        "RateLimit-Policy": f'"uploads";q={limit};w=60',
        "RateLimit": f'"uploads";r={left};t={reset_seconds}',
    }
