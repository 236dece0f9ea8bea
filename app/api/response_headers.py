"""Headers of every answer: what browsers may do with it, and which other origins' pages may read it."""

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


def cors(origins: Sequence[str]) -> CORSConfig | None:
    """Pages of these origins, and of no others, may call the API with a bearer token. Cookies mean nothing here."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Prefer", "Traceparent"],
        expose_headers=["ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "Preference-Applied", "Location"],
        allow_credentials=False,
    )


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
