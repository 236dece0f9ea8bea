"""Audit: who did what to which media object. Written with the change itself wherever there is one; read here."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from app.access import Actor
from app.database import Database, queries

_sql = queries("audit")

AuditAction = Literal[
    "upload.requested",
    "upload.renewed",
    "upload.finalized",
    "upload.retried",
    "link.issued",
    "links.revoked",
    "invoice.rendered",
    "media.changed",
    "media.deleted",
    "media.expired",
    "media.purged",
    "media.tampered",
    "message.replayed",
]
ActorKind = Literal["user", "service", "admin", "link", "system"]


class AuditEntry(msgspec.Struct, frozen=True):
    """One thing that was done. `actor` is null for holders of temporary tokens and for the service itself."""

    id: int
    at: datetime
    actor: UUID | None
    actor_kind: ActorKind
    action: AuditAction
    media_id: UUID | None
    outcome: str | None


async def record(
    action: AuditAction, *, by: Actor, media_id: UUID | None = None, outcome: str | None = None, database: Database
) -> None:
    """Remember what changes no row of its own."""
    await database.one(_sql["record"], by.id, by.kind, action, media_id, outcome)


async def read_audit(
    *,
    media_id: UUID | None,
    actor: UUID | None,
    action: AuditAction | None,
    before: int | None,
    limit: int,
    database: Database,
) -> list[AuditEntry]:
    """A page of entries, newest first, older than the entry `before`."""
    rows = await database.all(_sql["page"], media_id, actor, action, before, limit)
    return [AuditEntry(**dict(row)) for row in rows]
