"""The keys that auth-service publishes (JWKS, RFC 7517): fetched over HTTP, kept, and refreshed before they are stale.

Only public keys that sign are kept. Whatever tokens say, there is at most one
fetch at a time and one in `_PAUSE_SECONDS`, and the only address ever asked is the configured one.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
import msgspec
import structlog

from app.api.signing_keys import SigningKey, key_of_jwk
from app.errors import KeysUnavailable
from app.field_problems import ILLEGIBLE

# A published key that auth-service takes back opens nothing after this long, and its JWKS server may be away so long.
_FRESH_SECONDS: Final = 3_600
# Refreshed so often, the keys in use are hardly ever older; a failed refresh has eleven more chances.
_REFRESH_SECONDS: Final = 300
# Tokens with made-up key ids must not make of this API a tool to flood auth-service with.
_PAUSE_SECONDS: Final = 10
# A caller with an unknown key waits for a fetch.
_FETCH_SECONDS: Final = 5
# A hundred RSA keys are a fifth of it.
_MAX_BYTES: Final = 262_144

_ONLY: Final = ""  # no token names this key id

log = structlog.get_logger()


class _Published(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class PublishedKeys:
    """Keys by their id. Nothing is fetched before the first token asks."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str, SigningKey] = {}
        self._fetched_at = -float("inf")
        self._tried_at = -float("inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> SigningKey | None:
        """The key with this id, if one is published; without an id the only one, if there is one.

        Raises KeysUnavailable if no key is fresh and none can be had.
        """
        if self._age() > _REFRESH_SECONDS or self._known(kid) is None:
            fetching = self._fetch_unless_too_soon()
            if fetching is not None and (self._age() > _FRESH_SECONDS or self._known(kid) is None):
                await asyncio.shield(fetching)
        if self._age() > _FRESH_SECONDS:
            raise KeysUnavailable
        return self._known(kid)

    async def find_again(self, kid: str | None) -> SigningKey | None:
        """The key with this id as it is published now: another may have taken its place.

        At most one fetch in `_PAUSE_SECONDS`, as ever: forged signatures are no way to flood auth-service.
        """
        fetching = self._fetch_unless_too_soon()
        if fetching is not None:
            await asyncio.shield(fetching)
        return self._known(kid)

    def _known(self, kid: str | None) -> SigningKey | None:
        return self._keys.get(kid or _ONLY)

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _fetch_unless_too_soon(self) -> asyncio.Task[None] | None:
        """The fetch that is under way; a new one if the last began long enough ago."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        if self._clock() - self._tried_at < _PAUSE_SECONDS:
            return None
        self._tried_at = self._clock()
        self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        """Replace the keys by those published now. After a failure the ones that are known stay."""
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                keys = _usable(await _get(self._url))
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            TimeoutError,
            *ILLEGIBLE,
            _Refused,
        ) as error:
            log.warning("keys.fetch_failed", reason=type(error).__name__)
            return
        self._keys = keys
        self._fetched_at = self._clock()
        log.info("keys.fetched", count=len(keys))


class _Refused(Exception):
    """What the JWKS server answered is no set of keys."""


async def _get(url: str) -> bytes:
    """The body, plain and of bounded size. A redirect is not followed: the address is configured, not told."""
    body = bytearray()
    async with (
        httpx.AsyncClient(follow_redirects=False, timeout=_FETCH_SECONDS) as client,
        client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise _Refused
        async for piece in response.aiter_raw(65_536):
            body += piece
            if len(body) > _MAX_BYTES:
                raise _Refused
    return bytes(body)


def _usable(body: bytes) -> dict[str, SigningKey]:
    """The keys in it that check signatures. A set that has none is taken for a fault of its server."""
    published = msgspec.json.decode(body, type=_Published).keys
    usable = [(str(jwk.get("kid") or ""), key) for jwk in published if (key := key_of_jwk(jwk)) is not None]
    # The only key checks tokens without an id, too; of several, one without an id can be told from no other.
    found = {kid: key for kid, key in usable if kid}
    if len(usable) == 1:
        found[_ONLY] = usable[0][1]
    if not found:
        raise _Refused
    return found
