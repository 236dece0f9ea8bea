"""Finalize: what landed is checked, and its media object becomes ready or rejected.

One path in both modes: the candidate is the object itself (in place), or a server-side copy under a key of its own
that the ledger names before the copy starts (quarantine). The candidate is what is checked and what is served. Winning
is one conditional statement, so that it may be done twice, by two at once, and be killed anywhere.
"""

from datetime import UTC, datetime
from enum import StrEnum

import msgspec
import structlog

from app import content, events, telemetry
from app.content import Accepted, Candidate, Declared, Rejected, RejectionReason
from app.database import Database, Row, media_object, queries
from app.errors import ScannerUnavailable
from app.media import MediaObject, ObjectAddress, Status, Trigger, new_copy_key
from app.object_store import ObjectStore
from app.scanner import Scanner
from app.stored_objects import StoredObject, Unreadable

_sql = queries("finalize_upload")

log = structlog.get_logger()


class Outcome(StrEnum):
    """What became of an attempt."""

    READY = "ready"
    REJECTED = "rejected"
    SETTLED_BEFORE = "settled_before"  # another attempt won, or the object was closed
    NOT_RECEIVED = "not_received"  # nothing has landed
    UNKNOWN = "unknown"  # no media object awaits an upload there


class _Found(msgspec.Struct, frozen=True):
    """A candidate as storage shows it."""

    address: ObjectAddress
    stored: StoredObject | Unreadable
    checksum_sha256: str | None


async def finalize_upload(
    landed: ObjectAddress,
    *,
    trigger: Trigger,
    bucket_media: str,
    grace_seconds: int,
    database: Database,
    object_store: ObjectStore,
    scanner: Scanner | None,
) -> Outcome:
    """Look at where an upload lands, and settle its media object. Raises Unavailable: then nothing is settled."""
    row = await database.one(_sql["find_landing"], landed.bucket, landed.key)
    if row is None:
        return Outcome.UNKNOWN
    media = media_object(row)
    if media.status != Status.PENDING:
        await _remove_late_bytes(media, database)
        return Outcome.SETTLED_BEFORE
    if media.lands_at.bucket == bucket_media:
        found = await _in_place(media, object_store)
    else:
        address = ObjectAddress(bucket_media, new_copy_key(media.mime_type, datetime.now(UTC)))
        if await database.one(_sql["name_copy"], media.id, address.bucket, address.key) is None:
            return Outcome.SETTLED_BEFORE
        found = await _copied(media, address, database, object_store)
    if found is None:
        # Nothing has landed yet, or another attempt has settled it and its bytes are removed already.
        pending = await database.one(_sql["still_pending"], media.id)
        return Outcome.SETTLED_BEFORE if pending is None else Outcome.NOT_RECEIVED
    verdict = await _check(media, found, scanner, database)
    outcome = await _settle(media, found, verdict, trigger, grace_seconds, database)
    if outcome is Outcome.SETTLED_BEFORE:
        await database.one(_sql["remove_what_lost"], found.address.bucket, found.address.key)
    return outcome


async def _remove_late_bytes(media: MediaObject, database: Database) -> None:
    """What lands on an object that is closed, or was served from a copy, is not to stay."""
    if media.status == Status.READY and media.stored_at == media.lands_at:
        return
    # Bytes that once were served from here may have links that still live: these are removed at once. All others wait
    # for their entry in the ledger, so that the second notification of each upload costs nothing.
    at_once = media.stored_at == media.lands_at
    await database.one(_sql["remove_late_bytes"], media.lands_at.bucket, media.lands_at.key, media.id, at_once)


async def _in_place(media: MediaObject, object_store: ObjectStore) -> _Found | None:
    stored = await object_store.look(media.lands_at, content.FIRST_BYTES)
    if stored is None:
        return None
    checksum = None
    if media.declared_checksum_sha256 is not None and isinstance(stored, StoredObject):
        checksum = await object_store.checksum(media.lands_at, stored.version_id)
    return _Found(media.lands_at, stored, checksum)


async def _copied(
    media: MediaObject, address: ObjectAddress, database: Database, object_store: ObjectStore
) -> _Found | None:
    copy = await object_store.copy(media.lands_at, address, media.mime_type)
    if copy is None:
        await database.one(_sql["forget_copy"], address.bucket, address.key)
        return None
    if isinstance(copy, Unreadable):
        return _Found(address, copy, None)
    stored = await object_store.look(address, content.FIRST_BYTES)
    return None if stored is None else _Found(address, stored, copy.checksum_sha256)


async def _check(media: MediaObject, found: _Found, scanner: Scanner | None, database: Database) -> Accepted | Rejected:
    """All checks of the candidate, the dearest last: only what passed every other one is scanned."""
    verdict = _judge(media, found)
    if scanner is None or isinstance(verdict, Rejected):
        return verdict
    assert isinstance(found.stored, StoredObject)
    try:
        infected = await scanner.finds_malware(found.address, found.stored.version_id)
    except ScannerUnavailable:
        # Each attempt makes a copy: those that the scanner does not judge would add up.
        await database.one(_sql["remove_what_lost"], found.address.bucket, found.address.key)
        raise
    return Rejected(RejectionReason.INFECTED, "the scanner found malware") if infected else verdict


async def _settle(
    media: MediaObject,
    found: _Found,
    verdict: Accepted | Rejected,
    trigger: Trigger,
    grace_seconds: int,
    database: Database,
) -> Outcome:
    if isinstance(verdict, Accepted) and isinstance(found.stored, StoredObject):
        row = await _mark_ready(media, found, found.stored, verdict, trigger, grace_seconds, database)
        outcome, fields = Outcome.READY, {}
    else:
        assert isinstance(verdict, Rejected)
        row = await _mark_rejected(media, verdict, trigger, grace_seconds, database)
        outcome, fields = Outcome.REJECTED, {"reason": verdict.reason, "detail": verdict.detail}
    if row is None:
        return Outcome.SETTLED_BEFORE
    telemetry.UPLOADS_FINALIZED.labels(outcome, trigger).inc()
    log.info("upload.finalized", media_id=str(media.id), outcome=outcome, finalized_by=trigger, **fields)
    return outcome


def _judge(media: MediaObject, found: _Found) -> Accepted | Rejected:
    stored = found.stored
    if isinstance(stored, Unreadable):
        return Rejected(RejectionReason.UNREADABLE, f"storage does not give the object: {stored.code}")
    unrequested = stored.other_headers
    if stored.size_bytes and stored.content_type != media.mime_type:
        unrequested = (*unrequested, "content-type")
    return content.judge(
        Candidate(stored.size_bytes, stored.first_bytes, found.checksum_sha256, unrequested),
        Declared(media.mime_type, media.file_size, media.declared_checksum_sha256),
    )


async def _mark_ready(
    media: MediaObject,
    found: _Found,
    stored: StoredObject,
    accepted: Accepted,
    trigger: Trigger,
    grace_seconds: int,
    database: Database,
) -> Row | None:
    event = events.media_uploaded(media, datetime.now(UTC))
    return await database.one(
        _sql["mark_ready"],
        media.id,
        found.address.bucket,
        found.address.key,
        stored.etag,
        found.checksum_sha256,
        accepted.width,
        accepted.height,
        trigger,
        event.event_id,
        event.event_type,
        event.payload,
        grace_seconds,
        stored.version_id,
    )


async def _mark_rejected(
    media: MediaObject, rejected: Rejected, trigger: Trigger, grace_seconds: int, database: Database
) -> Row | None:
    event = events.media_rejected(media, datetime.now(UTC), rejected.reason)
    return await database.one(
        _sql["mark_rejected"],
        media.id,
        rejected.reason,
        trigger,
        event.event_id,
        event.event_type,
        event.payload,
        grace_seconds,
    )
