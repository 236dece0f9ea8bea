"""What an admin sees and does, across owners. Every call asks for the role."""

import contextlib
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, PathParameter, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from app.access import Action, check
from app.api.parts import Parts
from app.api.problems import AnyRequest, documented
from app.api.uploads import finalize_now
from app.api.views import AdminPage, AdminView, view_for_admin
from app.content import RejectionReason
from app.errors import (
    BusUnavailable,
    MediaClosed,
    MediaNotFound,
    NotAllowed,
    NotAuthenticated,
    ParkedMessageNotFound,
    ScannerUnavailable,
    StorageUnavailable,
    UploadNotReceived,
)
from app.event_bus import ParkedMessage
from app.flow.audit import AuditAction, AuditEntry, read_audit, record
from app.flow.count_media import MediaCount, count_media
from app.flow.delete_media import delete_media
from app.flow.finalize_upload import Outcome
from app.flow.find_media import find_any_media
from app.flow.list_media import AnyFilters, list_any_media
from app.flow.purge_objects import purge_closed_media
from app.media import Status

_ALL = (NotAuthenticated, NotAllowed)


class ParkedMessages(msgspec.Struct, frozen=True):
    """A page of parked messages; `after` the last one's sequence comes the next page."""

    items: list[ParkedMessage]


class Replayed(msgspec.Struct, frozen=True):
    """How many messages were sent again."""

    replayed: int


class AuditPage(msgspec.Struct, frozen=True):
    """A page of the audit, newest first; `next_before` is null on the last."""

    items: list[AuditEntry]
    next_before: int | None


async def admins_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard. Raises NotAllowed."""
    check(connection.user, Action.ADMINISTER)


class Admin(Controller):
    path = "/api/v1/admin"
    tags = ("admin",)
    guards = (admins_only,)

    @get("/media", operation_id="listAnyMedia", responses=documented(*_ALL))
    async def media(
        self,
        parts: NamedDependency[Parts],
        status: FromQuery[Status | None] = None,
        owner: FromQuery[UUID | None] = None,
        rejection_reason: FromQuery[RejectionReason | None] = None,
        created_before: FromQuery[datetime | None] = None,
        created_since: FromQuery[datetime | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, QueryParameter(max_length=64)] = None,
    ) -> AdminPage:
        """Everyone's media objects, deleted ones too, newest first."""
        filters = AnyFilters(
            status=status,
            owner=owner,
            rejection_reason=rejection_reason,
            created_before=created_before,
            created_since=created_since,
        )
        found = await list_any_media(filters, limit=limit, cursor=cursor, database=parts.database)
        return AdminPage(items=[view_for_admin(media, parts) for media in found.media], next_cursor=found.next_cursor)

    @post(
        "/media/{media_id:str}/retry",
        operation_id="retryMedia",
        status_code=HTTP_200_OK,
        responses=documented(
            *_ALL, MediaNotFound, MediaClosed, UploadNotReceived, StorageUnavailable, ScannerUnavailable
        ),
    )
    async def retry(self, request: AnyRequest, media_id: FromPath[UUID], parts: NamedDependency[Parts]) -> AdminView:
        """Finalize a pending upload now, whatever became of its notification. Answers the result."""
        media = await find_any_media(media_id, database=parts.database)
        if media.status != Status.PENDING:
            raise MediaClosed(media.status)
        outcome = "unavailable"
        try:
            outcome = await finalize_now(media, parts)
        finally:
            by = request.user.actor
            await record("upload.retried", by=by, media_id=media_id, outcome=outcome, database=parts.database)
        if outcome is Outcome.NOT_RECEIVED:
            raise UploadNotReceived
        return view_for_admin(await find_any_media(media_id, database=parts.database), parts)

    @post(
        "/media/{media_id:str}/purge",
        operation_id="purgeMedia",
        status_code=HTTP_200_OK,
        responses=documented(*_ALL, MediaNotFound, StorageUnavailable),
    )
    async def purge(self, request: AnyRequest, media_id: FromPath[UUID], parts: NamedDependency[Parts]) -> AdminView:
        """Delete it if it still lives, and remove its bytes before this answers."""
        by, grace_seconds = request.user.actor, parts.settings.upload_policy.grace_seconds
        media = await find_any_media(media_id, database=parts.database)
        await delete_media(media, by=by, grace_seconds=grace_seconds, database=parts.database)
        await purge_closed_media(media_id, database=parts.database, object_store=parts.object_store)
        await record("media.purged", by=by, media_id=media_id, database=parts.database)
        return view_for_admin(await find_any_media(media_id, database=parts.database), parts)

    @get("/counts", operation_id="countMedia", responses=documented(*_ALL))
    async def counts(self, parts: NamedDependency[Parts]) -> list[MediaCount]:
        """Media objects and their bytes by context type and status."""
        return await count_media(database=parts.database)

    @get("/parked-messages", operation_id="listParkedMessages", responses=documented(*_ALL, BusUnavailable))
    async def parked(
        self,
        parts: NamedDependency[Parts],
        after: Annotated[int, QueryParameter(ge=0, le=2**53)] = 0,
        limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
    ) -> ParkedMessages:
        """Messages that could never be handled, oldest first, each with its reason."""
        return ParkedMessages(await parts.event_bus.parked(after=after, limit=limit))

    @post(
        "/parked-messages/{sequence:int}/replay",
        operation_id="replayParkedMessage",
        status_code=HTTP_204_NO_CONTENT,
        responses=documented(*_ALL, ParkedMessageNotFound, BusUnavailable),
    )
    async def replay(
        self,
        request: AnyRequest,
        sequence: Annotated[int, PathParameter(ge=1, le=2**53)],
        parts: NamedDependency[Parts],
    ) -> None:
        """Send a parked message to its subject once more. One that still can't be handled is parked again."""
        await _replay(sequence, request, parts)

    @post(
        "/parked-messages/replay",
        operation_id="replayParkedMessages",
        status_code=HTTP_200_OK,
        responses=documented(*_ALL, BusUnavailable),
    )
    async def replay_all(self, request: AnyRequest, parts: NamedDependency[Parts]) -> Replayed:
        """Send again what is parked now, up to 1,000 messages."""
        replayed = 0
        for message in await parts.event_bus.parked(after=0, limit=1_000):
            with contextlib.suppress(ParkedMessageNotFound):  # another admin was faster, or it is of no known subject
                await _replay(message.sequence, request, parts)
                replayed += 1
        return Replayed(replayed)

    @get("/audit", operation_id="readAudit", responses=documented(*_ALL))
    async def audit(
        self,
        parts: NamedDependency[Parts],
        media_id: FromQuery[UUID | None] = None,
        actor: FromQuery[UUID | None] = None,
        action: FromQuery[AuditAction | None] = None,
        before: Annotated[int | None, QueryParameter(ge=1, le=2**53)] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> AuditPage:
        """Who did what to which media object."""
        entries = await read_audit(
            media_id=media_id, actor=actor, action=action, before=before, limit=limit, database=parts.database
        )
        return AuditPage(entries, entries[-1].id if len(entries) == limit else None)


async def _replay(sequence: int, request: AnyRequest, parts: Parts) -> None:
    await parts.event_bus.replay(sequence)
    await record("message.replayed", by=request.user.actor, outcome=str(sequence), database=parts.database)
