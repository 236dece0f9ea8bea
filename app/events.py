"""The messages in and out: their shapes, subjects and ids. Pure.

Out: one event per change of state, and one where bytes were found changed, in past tense, on stream MEDIA. Each is said
of a media object at most once, so its id is derived from the object and the event type: whoever says it again says the
same thing.
In: the storage's bucket notifications on stream MINIO_EVENTS, and what NATS says of messages that it gave up. What
billing-service says is in billing.py.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from urllib.parse import unquote_plus
from uuid import UUID, uuid5

import msgspec

from app.errors import NeverWorks
from app.field_problems import ILLEGIBLE
from app.media import MediaObject, ObjectAddress

MEDIA_STREAM: Final = "MEDIA"
DEAD_STREAM: Final = "MEDIA_DEAD"
DEAD_SUBJECT: Final = "media.dead"
NOTIFICATION_STREAM: Final = "MINIO_EVENTS"
NOTIFICATION_SUBJECT: Final = "minio.events"
NOTIFICATION_DURABLE: Final = "media-finalize"
INVOICE_DURABLE: Final = "media-invoices"
GIVEN_UP_STREAM: Final = "MEDIA_GIVEN_UP"
GIVEN_UP_SUBJECT: Final = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES"  # NATS's own; .<stream>.<durable>

SUBJECTS: Final = {
    "MediaUploaded": "media.uploaded",
    "MediaRejected": "media.rejected",
    "MediaDeleted": "media.deleted",
    "MediaExpired": "media.expired",
    "MediaTampered": "media.tampered",
}


class MediaEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event says: spec.md's fields first, additions after them."""

    event_type: str
    media_id: UUID
    context_type: str | None
    context_id: UUID | None
    file_type: str
    timestamp: datetime
    event_id: UUID
    mime_type: str
    file_size: int
    uploaded_by: UUID | None
    rejection_reason: str | None = None


class OutboxEntry(msgspec.Struct, frozen=True):
    """An event as the outbox keeps it: the id, the type that chooses the subject, and the bytes to publish."""

    event_id: UUID
    event_type: str
    payload: str


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What an event says of a media object, where there is no row of it yet."""

    id: UUID
    context_type: str | None
    context_id: UUID | None
    file_type: str
    mime_type: str
    file_size: int
    uploaded_by: UUID | None


def media_uploaded(media: MediaObject | Announced, at: datetime) -> OutboxEntry:
    """The object is ready: its bytes were checked and may be downloaded."""
    return _entry("MediaUploaded", media, at)


def media_rejected(media: MediaObject, at: datetime, reason: str) -> OutboxEntry:
    """The bytes were not what was declared, and are removed."""
    return _entry("MediaRejected", media, at, reason)


def media_deleted(media: MediaObject, at: datetime) -> OutboxEntry:
    """The object was deleted by someone who may."""
    return _entry("MediaDeleted", media, at)


def media_expired(media: MediaObject, at: datetime) -> OutboxEntry:
    """The upload never came, was called off, or the object reached its `expires_at`."""
    return _entry("MediaExpired", media, at)


def media_tampered(media: MediaObject, at: datetime) -> OutboxEntry:
    """The bytes of a ready object are not those that were checked."""
    return _entry("MediaTampered", media, at)


def _entry(event_type: str, media: MediaObject | Announced, at: datetime, reason: str | None = None) -> OutboxEntry:
    event = MediaEvent(
        event_type=event_type,
        media_id=media.id,
        context_type=media.context_type,
        context_id=media.context_id,
        file_type=media.file_type,
        timestamp=at,
        event_id=uuid5(media.id, event_type),
        mime_type=media.mime_type,
        file_size=media.file_size,
        uploaded_by=media.uploaded_by,
        rejection_reason=reason,
    )
    return OutboxEntry(event.event_id, event_type, msgspec.json.encode(event).decode())


class _Named(msgspec.Struct):
    name: str


class _Keyed(msgspec.Struct):
    key: str


class _Entity(msgspec.Struct):
    bucket: _Named
    object: _Keyed


class _Record(msgspec.Struct):
    s3: _Entity


class BucketNotification(msgspec.Struct):
    """What MinIO sends when an object was created. Only bucket and key are believed: they say where to look."""

    Records: list[_Record] = []


_notifications: Final = msgspec.json.Decoder(BucketNotification)


def parse_notification(payload: bytes) -> Iterator[ObjectAddress]:
    """Where to look, for each record. Keys arrive form-encoded. Raises NeverWorks for what is no notification."""
    try:
        records = _notifications.decode(payload).Records
    except ILLEGIBLE as error:
        raise NeverWorks(f"no bucket notification: {error}") from error
    for record in records:
        address = ObjectAddress(record.s3.bucket.name, unquote_plus(record.s3.object.key))
        if "\0" in address.bucket or "\0" in address.key:
            raise NeverWorks("no bucket notification: a name holds a NUL, which no object has")
        yield address


class GivenUp(msgspec.Struct, frozen=True):
    """What NATS says when a message was delivered as often as it may be, and never settled."""

    stream: str
    stream_seq: int
    deliveries: int


_given_up: Final = msgspec.json.Decoder(GivenUp)


def parse_given_up(payload: bytes) -> GivenUp:
    """Which message it is. Raises NeverWorks for what is no such advisory."""
    try:
        return _given_up.decode(payload)
    except ILLEGIBLE as error:
        raise NeverWorks(f"no advisory of given up deliveries: {error}") from error
