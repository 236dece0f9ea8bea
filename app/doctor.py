"""The doctor: asks every outside part what could keep the service from working, and says what to do about it."""

import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import msgspec

from app.config import ApiSettings, Bus, Identity
from app.database import missing_migrations
from app.errors import BusUnavailable, DatabaseUnavailable, StorageUnavailable
from app.event_streams import missing_streams
from app.object_store_admin import keeps_versions, missing_targets, refusal_of

_SKEW_SECONDS: Final = 5
_WRONG_CREDENTIALS: Final = ("InvalidAccessKeyId", "SignatureDoesNotMatch")


class Finding(msgspec.Struct, frozen=True):
    """What one look showed; `advice` is empty where nothing is to be done."""

    part: str
    ok: bool
    says: str
    advice: str = ""


async def examine(settings: ApiSettings) -> AsyncIterator[Finding]:
    """Look at each part in turn. A part that is away ends the questions to it, not the examination."""
    yield await _database(settings.database_url)
    yield await _public_address(settings.storage_public_url)
    async for finding in _storage(settings):
        yield finding
    yield await _streams(settings.bus)


async def _database(database_url: str) -> Finding:
    try:
        missing = await missing_migrations(database_url)
    except DatabaseUnavailable as error:
        reason = type(error.__cause__).__name__
        return Finding("database", False, f"unreachable ({reason})", "Start PostgreSQL; check DATABASE_URL.")
    if missing:
        return Finding("database", False, f"migrations missing: {', '.join(missing)}", "Run `media migrate`.")
    return Finding("database", True, "reachable, schema up to date")


async def _public_address(url: str) -> Finding:
    """Storage as clients reach it, and its clock: signatures are dated."""
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            response = await client.get(url)
    except httpx.HTTPError as error:
        reason = type(error).__name__
        return Finding("storage address", False, f"unreachable ({reason})", "Start storage; check MINIO_PUBLIC_URL.")
    try:
        skew = parsedate_to_datetime(response.headers["date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return Finding("storage address", False, "answers without a date", "MINIO_PUBLIC_URL is no S3 storage.")
    if abs(skew) > _SKEW_SECONDS:
        return Finding("clock", False, f"storage's clock is {skew:+.0f} s off", "Run NTP on both machines.")
    return Finding("storage address", True, "reachable, clocks agree")


async def _storage(settings: ApiSettings) -> AsyncIterator[Finding]:
    storage = settings.storage
    try:
        for bucket in dict.fromkeys((storage.bucket_media, storage.bucket_incoming, storage.bucket_invoices)):
            yield _bucket(bucket, await refusal_of(storage, storage.worker, bucket))
        for name, identity in (("MINIO_UPLOAD", settings.uploader), ("MINIO_DOWNLOAD", settings.downloader)):
            yield _identity(name, identity, await refusal_of(storage, identity, storage.bucket_media))
        if not storage.quarantine:
            yield _versions(storage.bucket_media, kept=await keeps_versions(storage, storage.bucket_media))
        missing = await missing_targets(storage)
    except StorageUnavailable as error:
        reason = type(error.__cause__).__name__
        yield Finding("storage", False, f"unreachable ({reason})", "Start storage; check MINIO_ENDPOINT, MINIO_SECURE.")
        return
    if missing:
        says = f"uploads are not announced to {', '.join(missing)}"
        yield Finding("notifications", False, says, "Set MinIO's MINIO_NOTIFY_NATS_*, then run `media provision`.")
    else:
        yield Finding("notifications", True, "uploads are announced to both targets")


def _bucket(bucket: str, refusal: str | None) -> Finding:
    if refusal is None:
        return Finding(f"bucket {bucket}", True, "open to the worker identity")
    if refusal == "NoSuchBucket":
        return Finding(f"bucket {bucket}", False, "missing", "Run `media provision`.")
    if refusal in _WRONG_CREDENTIALS:
        return Finding(
            f"bucket {bucket}", False, f"wrong credentials ({refusal})", "Check MINIO_ACCESS_KEY and its secret."
        )
    return Finding(f"bucket {bucket}", False, f"refused ({refusal})", "Run `media provision`: a policy is missing.")


def _versions(bucket: str, *, kept: bool) -> Finding:
    if kept:
        return Finding("versions", True, f"{bucket} keeps them: links name what was checked")
    return Finding(
        "versions", False, f"{bucket} keeps none, so links can't name what was checked", "Run `media provision`."
    )


def _identity(name: str, identity: Identity, refusal: str | None) -> Finding:
    if refusal in _WRONG_CREDENTIALS:
        advice = f"Check {name}_ACCESS_KEY and its secret, or run `media provision`."
        return Finding(f"identity {identity.access_key}", False, f"wrong credentials ({refusal})", advice)
    return Finding(f"identity {identity.access_key}", True, "known to storage")


async def _streams(bus: Bus) -> Finding:
    try:
        missing = await missing_streams(bus)
    except BusUnavailable as error:
        reason = type(error.__cause__).__name__
        return Finding("event bus", False, f"unreachable ({reason})", "Start NATS with JetStream; check NATS_URL.")
    if missing:
        return Finding("event bus", False, f"streams missing: {', '.join(missing)}", "Run `media provision`.")
    return Finding("event bus", True, "reachable, all streams there")
