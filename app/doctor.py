"""The doctor: asks every outside part what could keep the service from working, and says what to do about it.

It only looks. Strict, it proves with the store's self-test what storage does.
"""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from app.config import ApiSettings, Bus, Identity, Invoicing
from app.errors import BusUnavailable, DatabaseUnavailable, StorageUnavailable, TypesetterUnavailable
from app.event_streams import has_billing_stream, missing_streams
from app.invoices.data import Document, InvoiceData, InvoiceOrder, LineItem, Subscriber, Totals
from app.migrations import missing_migrations
from app.object_store_admin import keeps_versions, missing_targets, refusal_of, wrong_lifecycles
from app.store_self_test import Finding, public_address, self_test
from app.store_self_test.finding import failed, passed
from app.typesetting.pool import typesetting
from app.typesetting.template_folder import OWN_TEMPLATES

_SAMPLE: Final = OWN_TEMPLATES / "samples" / "one-line.json"
_WRONG_CREDENTIALS: Final = ("InvalidAccessKeyId", "SignatureDoesNotMatch")


async def examine(settings: ApiSettings, *, strict: bool = False) -> AsyncIterator[Finding]:
    """Look at each part in turn. A part that is away ends the questions to it, not the examination."""
    yield await _database(settings.database_url)
    for finding in await (_proved(settings) if strict else public_address(settings)):
        yield finding
    async for finding in _storage(settings):
        yield finding
    yield await _streams(settings.bus)
    if settings.invoicing is None:
        yield passed("invoices", "none are made: INVOICE_ISSUER_FILE is not set")
        return
    yield await _template(settings.invoicing)
    yield await _billing(settings.bus)


async def _proved(settings: ApiSettings) -> list[Finding]:
    try:
        return await self_test(settings)
    except StorageUnavailable as error:
        says = f"not done: storage does not answer, or refuses the worker ({type(error.__cause__).__name__})"
        advice = "Do what the other lines say, then do it again."
        return [*await public_address(settings), failed("store self-test", says, advice)]


async def _database(database_url: str) -> Finding:
    try:
        missing = await missing_migrations(database_url)
    except DatabaseUnavailable as error:
        reason = type(error.__cause__).__name__
        return failed("database", f"unreachable ({reason})", "Start PostgreSQL; check DATABASE_URL.")
    if missing:
        return failed("database", f"migrations missing: {', '.join(missing)}", "Run `media migrate`.")
    return passed("database", "reachable, schema up to date")


async def _storage(settings: ApiSettings) -> AsyncIterator[Finding]:
    storage = settings.storage
    try:
        for bucket in dict.fromkeys((storage.bucket_media, storage.bucket_incoming, storage.bucket_invoices)):
            yield _bucket(bucket, await refusal_of(storage, storage.worker, bucket))
        for name, identity in (("MINIO_UPLOAD", settings.uploader), ("MINIO_DOWNLOAD", settings.downloader)):
            yield _identity(name, identity, await refusal_of(storage, identity, storage.bucket_media))
        if not storage.quarantine:
            yield _versions(storage.bucket_media, kept=await keeps_versions(storage, storage.bucket_media))
        yield _lifecycles(await wrong_lifecycles(storage))
        missing = await missing_targets(storage)
    except StorageUnavailable as error:
        reason = type(error.__cause__).__name__
        yield failed("storage", f"unreachable ({reason})", "Start storage; check MINIO_ENDPOINT, MINIO_SECURE.")
        return
    if missing:
        says = f"uploads are not announced to {', '.join(missing)}"
        yield failed("notifications", says, "Set MinIO's MINIO_NOTIFY_NATS_*, then run `media provision`.")
    else:
        yield passed("notifications", "uploads are announced to both targets")


def _bucket(bucket: str, refusal: str | None) -> Finding:
    if refusal is None:
        return passed(f"bucket {bucket}", "open to the worker identity")
    if refusal == "NoSuchBucket":
        return failed(f"bucket {bucket}", "missing", "Run `media provision`.")
    if refusal in _WRONG_CREDENTIALS:
        return failed(f"bucket {bucket}", f"wrong credentials ({refusal})", "Check MINIO_ACCESS_KEY and its secret.")
    return failed(f"bucket {bucket}", f"refused ({refusal})", "Run `media provision`: a policy is missing.")


def _versions(bucket: str, *, kept: bool) -> Finding:
    if kept:
        return passed("versions", f"{bucket} keeps them: links name what was checked")
    return failed("versions", f"{bucket} keeps none, so links can't name what was checked", "Run `media provision`.")


def _lifecycles(wrong: list[str]) -> Finding:
    if not wrong:
        return passed("lifecycle", "uploads and orphans that nobody removes expire, and nothing that is served does")
    advice = "Run `media provision`; rules of the invoices bucket are yours to remove."
    return failed("lifecycle", "; ".join(wrong), advice)


def _identity(name: str, identity: Identity, refusal: str | None) -> Finding:
    if refusal in _WRONG_CREDENTIALS:
        advice = f"Check {name}_ACCESS_KEY and its secret, or run `media provision`."
        return failed(f"identity {identity.access_key}", f"wrong credentials ({refusal})", advice)
    return passed(f"identity {identity.access_key}", "known to storage")


async def _streams(bus: Bus) -> Finding:
    try:
        missing = await missing_streams(bus)
    except BusUnavailable as error:
        reason = type(error.__cause__).__name__
        return failed("event bus", f"unreachable ({reason})", "Start NATS with JetStream; check NATS_URL.")
    if missing:
        return failed("event bus", f"streams missing: {', '.join(missing)}", "Run `media provision`.")
    return passed("event bus", "reachable, all streams there")


async def _template(invoicing: Invoicing) -> Finding:
    """Set samples in type, within the limits that the service has: one with everything, one with next to nothing."""
    order = msgspec.json.decode(_SAMPLE.read_bytes(), type=InvoiceOrder)
    bare = InvoiceData(
        subscriber=Subscriber(name="Asha"),
        line_items=(LineItem(description="Broadband", amount="10.00"),),
        totals=Totals(total="10.00"),
    )
    try:
        async with typesetting(invoicing.template_dir) as pool:
            orders = (order, msgspec.structs.replace(order, invoice_data=bare))
            made = [await pool.typeset(Document.of(sample, invoicing.issuer)) for sample in orders]
    except TypesetterUnavailable as error:
        return failed("invoice template", error.reason, "Mend INVOICE_TEMPLATE_DIR/invoice.typ.")
    warnings = list(dict.fromkeys(warning for typeset in made for warning in typeset.warnings))
    if warnings:
        return failed("invoice template", "; ".join(warnings), "Mend the template, or the issuer's texts.")
    return passed("invoice template", f"version {made[0].template_version}, sets samples in type")


async def _billing(bus: Bus) -> Finding:
    try:
        is_there = await has_billing_stream(bus)
    except BusUnavailable:
        return failed("billing", "not looked at: the event bus is away", "Do what the line before says.")
    if is_there:
        return passed("billing", f"stream {bus.billing_stream} has {bus.billing_subject}")
    says = f"no stream {bus.billing_stream} with {bus.billing_subject}"
    return failed("billing", says, "billing-service makes it; check BILLING_STREAM and BILLING_SUBJECT.")
