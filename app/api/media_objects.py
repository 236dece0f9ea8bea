"""Look at media objects, list them, delete them."""

import contextlib
import re
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter

from app.access import Action, check, sight_of
from app.api.parts import Parts
from app.api.problems import AnyRequest, documented
from app.api.views import MediaPage, MediaView, view_media
from app.errors import MediaNotFound, NotAllowed, NotAuthenticated, StorageUnavailable
from app.flow.delete_media import delete_media
from app.flow.find_media import find_media, find_settled_media
from app.flow.list_media import Filters, list_media
from app.flow.purge_objects import purge_media
from app.media import ContextType, FileType, Status

_LONGEST_WAIT_SECONDS = 30
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])")


class MediaObjects(Controller):
    path = "/api/v1/media"
    tags = ("media",)

    @get("/{media_id:str}", operation_id="getMedia", responses=documented(NotAuthenticated, MediaNotFound))
    async def show(
        self,
        request: AnyRequest,
        media_id: FromPath[UUID],
        parts: NamedDependency[Parts],
        prefer: Annotated[str | None, HeaderParameter(name="Prefer", description="`wait=20` (RFC 7240)")] = None,
    ) -> Response[MediaView]:
        """Metadata and download URL. With `Prefer: wait=20` it answers as soon as a pending upload is settled."""
        wait_seconds = _wait_seconds(prefer)
        media = await find_settled_media(
            media_id,
            sight=sight_of(request.user),
            wait_seconds=wait_seconds,
            database=parts.database,
            changes=parts.changes,
        )
        headers = {"Preference-Applied": f"wait={wait_seconds}"} if wait_seconds else None
        return Response(view_media(media, parts), headers=headers)

    @get("", operation_id="listMedia", responses=documented(NotAuthenticated))
    async def list(
        self,
        request: AnyRequest,
        parts: NamedDependency[Parts],
        context_type: FromQuery[ContextType | None] = None,
        context_id: FromQuery[UUID | None] = None,
        file_type: FromQuery[FileType | None] = None,
        status: FromQuery[Status | None] = None,
        page: Annotated[int, QueryParameter(ge=1, le=10_000)] = 1,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, QueryParameter(max_length=64)] = None,
    ) -> MediaPage:
        """Media objects, newest first. `cursor` (next_cursor of the page before) costs the same at any depth."""
        found = await list_media(
            Filters(context_type=context_type, context_id=context_id, file_type=file_type, status=status),
            sight=sight_of(request.user),
            limit=limit,
            page=page,
            cursor=cursor,
            database=parts.database,
        )
        return MediaPage(
            items=[view_media(media, parts) for media in found.media],
            page=page,
            limit=limit,
            next_cursor=found.next_cursor,
        )

    @delete(
        "/{media_id:str}", operation_id="deleteMedia", responses=documented(NotAuthenticated, NotAllowed, MediaNotFound)
    )
    async def delete(self, request: AnyRequest, media_id: FromPath[UUID], parts: NamedDependency[Parts]) -> None:
        """Delete a media object, or call a pending upload off. Once this has answered, readers don't find it."""
        media = await find_media(media_id, sight=sight_of(request.user), database=parts.database)
        check(request.user, Action.DELETE, media)
        by = request.user.actor
        await delete_media(
            media, by=by, grace_seconds=parts.settings.upload_policy.grace_seconds, database=parts.database
        )
        with contextlib.suppress(StorageUnavailable):  # the ledger has them: a worker removes them
            await purge_media(media_id, database=parts.database, object_store=parts.object_store)


def _wait_seconds(prefer: str | None) -> int:
    wait = _WAIT.search(prefer or "")
    return min(int(wait[1]), _LONGEST_WAIT_SECONDS) if wait else 0
