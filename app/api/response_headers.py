"""Headers of every answer: what browsers may do with it, and which other origins' pages may read it."""

import re
from collections.abc import Sequence
from typing import Any, Final

from litestar.config.cors import CORSConfig
from litestar.types import BeforeMessageSendHookHandler, Message

from app.api.docs import DOCS, DOCS_POLICY

# Nobody guesses another type, no address that holds a token is told to other sites, and nothing of it is run.
SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
# The docs are the same for everyone: caches may keep them.
_DOCS: Final = (*SAFE[:2], (b"content-security-policy", DOCS_POLICY.encode()))


_ALLOWED_HEADERS: Final = (
    "Authorization",
    "Baggage",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "Prefer",
    "Traceparent",
    "Tracestate",
)
_EXPOSED_HEADERS: Final = (
    "ETag",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
)
_ANY_PORT: Final = ":*"


def cors(origins: Sequence[str]) -> CORSConfig | None:
    """Pages of these origins, and of no others, may call the API with a bearer token. Cookies mean nothing here."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=[],
        allow_origin_regex=_pattern(origins).pattern,
        allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
        allow_headers=list(_ALLOWED_HEADERS),
        expose_headers=list(_EXPOSED_HEADERS),
        allow_credentials=False,
    )


def cors_headers(origin: bytes | None, origins: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """What an answer that the app has not made says to the page that sent the request."""
    if not origins:
        return []
    varies = [(b"vary", b"Origin")]
    if origin is None or not _pattern(origins).fullmatch(origin.decode("latin-1")):
        return varies
    exposed = ", ".join(_EXPOSED_HEADERS).encode()
    return [*varies, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", exposed)]


def _pattern(origins: Sequence[str]) -> re.Pattern[str]:
    """Those of CORS_ALLOWED_ORIGINS, where `:*` is any port."""
    return re.compile("|".join(re.escape(origin).replace(re.escape(_ANY_PORT), r":[0-9]{1,5}") for origin in origins))


def completed(origins: Sequence[str]) -> BeforeMessageSendHookHandler:
    """The hook that adds what a handler did not say itself."""

    async def complete(message: Message, scope: Any) -> None:
        if message["type"] != "http.response.start":
            return
        headers = list(message["headers"])
        said = {name for name, _ in headers}
        headers += [header for header in (_DOCS if _is_docs(scope["path"]) else SAFE) if header[0] not in said]
        message["headers"] = _for_origin(headers, said) if origins else headers

    return complete


def _is_docs(path: str) -> bool:
    return path == DOCS or path.startswith(f"{DOCS}/")


def _for_origin(headers: list[tuple[bytes, bytes]], said: set[bytes]) -> list[tuple[bytes, bytes]]:
    """Litestar tells origins that are not allowed what others may do, and caches nothing of the difference."""
    if b"access-control-allow-origin" not in said:
        headers = [header for header in headers if not header[0].startswith(b"access-control-")]
    if b"vary" not in said:
        headers.append((b"vary", b"Origin"))
    return headers
