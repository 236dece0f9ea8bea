"""Storage as clients reach it: that it answers, its clock, and which pages may call it (CORS)."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from app.config import ApiSettings
from app.media import COPIES_PREFIX
from app.signing import signer_of
from app.store_self_test.finding import Finding, failed, passed

_SKEW_SECONDS: Final = 5
_TIMEOUT_SECONDS: Final = 5
_FOREIGN: Final = "https://not-configured.invalid"
_REDIRECTED: Final = "null"  # what a browser says after the API's redirect: object_store_admin
_ANY_PORT: Final = "3000"
_ALLOWS: Final = "access-control-allow-origin"
_PREFLIGHT: Final = {
    "access-control-request-method": "PUT",
    "access-control-request-headers": "cache-control,content-type,if-none-match,x-amz-checksum-sha256",
}


async def public_address(settings: ApiSettings) -> list[Finding]:
    """Its clock and its CORS, or why nothing can be said of them."""
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client:
            answer = await client.get(_download_url(settings))
            if answer.is_server_error:
                return [_unreachable(f"HTTP {answer.status_code}")]
            return [_clock(answer), await _cors(client, settings)]
    except httpx.TransportError as error:
        return [_unreachable(type(error).__name__)]


def _unreachable(reason: str) -> Finding:
    return failed("storage address", f"unreachable ({reason})", "Start storage; check MINIO_PUBLIC_URL.")


def _clock(answer: httpx.Response) -> Finding:
    """Signatures are dated: an hour off, and storage refuses all of them."""
    try:
        skew = parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return failed("storage address", "answers without a date", "MINIO_PUBLIC_URL is no S3 storage.")
    if abs(skew) > _SKEW_SECONDS:
        return failed("clock", f"storage's clock is {skew:+.0f} s off", "Run NTP on both machines.")
    return passed("storage address", "reachable, clocks agree")


async def _cors(client: httpx.AsyncClient, settings: ApiSettings) -> Finding:
    """A foreign page must not read what a URL gives, nor write with it; a configured one can do both.

    After a redirect a configured page is `null`, and must be able to read.
    """
    configured = [origin.replace(":*", f":{_ANY_PORT}") for origin in settings.cors_allowed_origins]
    foreign = [_FOREIGN, *(_lookalike(origin) for origin in configured)] if configured else [_FOREIGN, _REDIRECTED]
    if let_in := [origin for origin in foreign if any(await _allowed(client, settings, origin))]:
        says = f"pages of any origin may call storage: {let_in[0]} is none of CORS_ALLOWED_ORIGINS"
        advice = "Run `media provision`, and unset MINIO_API_CORS_ALLOW_ORIGIN where storage runs: it would win."
        return failed("CORS", says, advice)
    if left_out := [origin for origin in configured if await _allowed(client, settings, origin) != {origin}]:
        says = f"pages of {', '.join(left_out)} can't call storage"
        return failed("CORS", says, "Run `media provision` with the same CORS_ALLOWED_ORIGINS.")
    if configured and await _readable_by(client, settings, _REDIRECTED) not in (_REDIRECTED, "*"):
        says = "pages can't read what the API redirects them to (`Origin: null`)"
        return failed("CORS", says, "Run `media provision`.")
    return passed("CORS", f"only pages of {_listed(settings.cors_allowed_origins)} may call storage")


def _lookalike(origin: str) -> str:
    """What a pattern for it would let in."""
    parts = urlsplit(origin)
    return f"{parts.scheme}://{parts.hostname}.invalid{f':{parts.port}' if parts.port else ''}"


async def _allowed(client: httpx.AsyncClient, settings: ApiSettings, origin: str) -> set[str]:
    """Whom storage names as allowed, when asked for a download and when asked whether an upload may be sent."""
    preflight = await client.options(_download_url(settings), headers={"origin": origin, **_PREFLIGHT})
    return {await _readable_by(client, settings, origin), preflight.headers.get(_ALLOWS, "")}


async def _readable_by(client: httpx.AsyncClient, settings: ApiSettings, origin: str) -> str:
    answer = await client.get(_download_url(settings), headers={"origin": origin})
    return str(answer.headers.get(_ALLOWS, ""))


def _listed(origins: Iterable[str]) -> str:
    return ", ".join(origins) or "no origin"


def _download_url(settings: ApiSettings) -> str:
    """Of nothing. An edge lets only signed requests through."""
    signer = signer_of(settings.storage, settings.downloader, settings.storage_public_url)
    key = f"{COPIES_PREFIX}self-test"
    return signer.presign("GET", settings.storage.bucket_media, key, now=datetime.now(UTC), expires_seconds=60)
