"""The verdict on a run, from evidence gathered outside the service: what is lost, corrupted, untold, doubled."""

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from tests.faults.diary import Upload

KINDS = ("lost", "corrupted", "unannounced", "duplicate", "orphan", "miscounted", "audit", "failure")
_ANNOUNCED = {
    "ready": "MediaUploaded",
    "rejected": "MediaRejected",
    "deleted": "MediaDeleted",
    "expired": "MediaExpired",
}


class Row(msgspec.Struct):
    """What the database says of one media object."""

    status: str
    uploaded_by: str | None
    file_size: int
    bucket: str
    key: str
    version_id: str | None


class Evidence(msgspec.Struct):
    """Everything that can be known from outside.

    `stored` are (bucket, key, version id, or None in a bucket that keeps none) as storage lists them, `served` the
    SHA-256 of what a presigned GET gave, `announced` (event id, event type, media id) in the order of first hearing,
    `named` the bytes that the ledger has yet to remove.
    """

    uploads: list[Upload]
    rows: dict[str, Row]
    stored: set[tuple[str, str, str | None]]
    named: set[tuple[str, str]]
    served: dict[str, str]
    announced: list[tuple[str, str, str]]
    contradictions: list[str]
    counters: dict[str, tuple[int, int]]  # of each user: pending uploads, held bytes
    unpublished: int
    winners: dict[str, int]  # how many uploads each trigger settled
    audit: list[str]
    failures: list[str]


class Violation(msgspec.Struct, frozen=True, order=True):
    kind: str
    subject: str
    what: str


def check(evidence: Evidence) -> list[Violation]:
    """Every breach of the promise that the evidence shows."""
    return sorted(
        {
            *_lost(evidence),
            *_corrupted(evidence),
            *_unannounced(evidence),
            *_duplicated(evidence),
            *_orphans(evidence),
            *_miscounted(evidence),
            *(Violation("audit", "", line) for line in evidence.audit),
            *(Violation("failure", "", line[-3_000:]) for line in evidence.failures),
        }
    )


def _lost(evidence: Evidence) -> Iterator[Violation]:
    for upload in evidence.uploads:
        row = evidence.rows.get(upload.media_id)
        status = row.status if row else "no row"
        if status == "pending":
            yield Violation("lost", upload.media_id, "still pending")
        elif upload.landed and status not in _rightful_ends(upload):
            yield Violation("lost", upload.media_id, f"the PUT was answered 200, and it is {status}")
        elif not upload.landed and row is None:
            yield Violation("lost", upload.media_id, "the API gave an id, and there is no row")
    for media_id, row in evidence.rows.items():
        if row.status == "ready" and (row.bucket, row.key, row.version_id) not in evidence.stored:
            yield Violation("lost", media_id, "ready without its bytes")


def _rightful_ends(upload: Upload) -> set[str]:
    if upload.spoofed:
        return {"rejected"}
    # A pending upload that is deleted is called off, which expires it.
    return {None: {"ready"}, "asked": {"ready", "deleted", "expired"}, "done": {"deleted", "expired"}}[upload.deleted]


def _corrupted(evidence: Evidence) -> Iterator[Violation]:
    sent = {upload.media_id: upload for upload in evidence.uploads}
    for media_id, row in evidence.rows.items():
        if row.status != "ready" or media_id not in sent:
            continue
        served = evidence.served.get(media_id, "nothing was served")
        if served != sent[media_id].sha256:
            yield Violation("corrupted", media_id, f"sent {sent[media_id].sha256}, served {served}")
        if sent[media_id].spoofed:
            yield Violation("corrupted", media_id, "what it is not was served as if it were")


def _unannounced(evidence: Evidence) -> Iterator[Violation]:
    told = _told(evidence)
    for media_id, row in evidence.rows.items():
        if row.status in _ANNOUNCED and _ANNOUNCED[row.status] not in told[media_id]:
            yield Violation("unannounced", media_id, f"{row.status}, and told were {told[media_id]}")
    if evidence.unpublished:
        yield Violation("unannounced", "", f"{evidence.unpublished} events wait in the outbox")


def _duplicated(evidence: Evidence) -> Iterator[Violation]:
    for media_id, types in _told(evidence).items():
        row = evidence.rows.get(media_id)
        final = _ANNOUNCED.get(row.status) if row else None
        rightful = ([final], ["MediaUploaded", final]) if final in ("MediaDeleted", "MediaExpired") else ([final],)
        if types not in rightful:
            yield Violation("duplicate", media_id, f"{row.status if row else 'no row'}, and told were {types}")
    for media_id in evidence.contradictions:
        yield Violation("duplicate", media_id, "one event id, two messages")


def _told(evidence: Evidence) -> dict[str, list[str]]:
    """The event types that each media object was announced with, after de-duplication by event id."""
    told = defaultdict(list)
    for _, event_type, media_id in evidence.announced:
        told[media_id].append(event_type)
    return told


def _orphans(evidence: Evidence) -> Iterator[Violation]:
    claimed = {(row.bucket, row.key, row.version_id) for row in evidence.rows.values() if row.status == "ready"}
    for bucket, key, version_id in evidence.stored - claimed:
        if (bucket, key) not in evidence.named:
            yield Violation("orphan", f"{bucket}/{key}", f"version {version_id}: no ready row is served from it")


def _miscounted(evidence: Evidence) -> Iterator[Violation]:
    rightful: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in evidence.rows.values():
        if row.uploaded_by and row.status in ("pending", "ready"):
            pending, held = rightful[row.uploaded_by]
            rightful[row.uploaded_by] = (pending + (row.status == "pending"), held + row.file_size)
    for user in rightful.keys() | evidence.counters.keys():
        counted = evidence.counters.get(user, (0, 0))
        if counted != rightful[user]:
            yield Violation("miscounted", user, f"counted {counted}, the rows say {rightful[user]}")
