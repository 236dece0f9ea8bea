"""Look at media objects, list them, delete them."""

import contextlib
import re
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from litestar.status_codes import HTTP_204_NO_CONTENT

from app.access import Action, check, check_move, sight_of
from app.api.negotiation import wait_seconds
from app.api.parts import Parts
from app.api.problems import AnyRequest, documented
from app.api.strict_json import json_only
from app.api.views import ETAG, MediaPage, MediaView, etag, view_media
from app.errors import (
    MediaClosed,
    MediaNotFound,
    NotAllowed,
    NotAuthenticated,
    RevisionChanged,
    RevisionMissing,
    StorageUnavailable,
    UnsupportedBody,
)
from app.flow.change_media import MediaChange, change_media, changed
from app.flow.delete_media import delete_media
from app.flow.find_media import find_media, find_settled_media
from app.flow.list_media import Filters, list_media
from app.flow.purge_objects import purge_media
from app.flow.revoke_links import revoke_links
from app.media import ContextType, FileType, MediaObject, Status

_ENTITY_TAG = re.compile(r'(?:^|,)\s*(?:W/)?"([^"]*)"\s*(?=,|\Z)')
_PREFERENCE_APPLIED = ResponseHeader(
    "Preference-Applied", documentation_only=True, description="the `wait` that was applied (RFC 7240)"
)


class MediaObjects(Controller):
    path = "/api/v1/media"
    tags = ("media",)

    @get(
        "/{media_id:str}",
        operation_id="getMedia",
        responses=documented(NotAuthenticated, MediaNotFound),
        response_headers=[ETAG, _PREFERENCE_APPLIED],
    )
    async def show(
        self,
        request: AnyRequest,
        media_id: FromPath[UUID],
        parts: NamedDependency[Parts],
        prefer: Annotated[  # noqa: ARG002  for the document: there may be several
            str | None, HeaderParameter(name="Prefer", description="`wait=20` (RFC 7240)")
        ] = None,
    ) -> Response[MediaView]:
        """Metadata and download URL. With `Prefer: wait=20` it answers as soon as a pending upload is settled."""
        waits = wait_seconds(request.headers.getall("prefer", []))
        media = await find_settled_media(
            media_id,
            sight=sight_of(request.user),
            wait_seconds=waits,
            database=parts.database,
            changes=parts.changes,
        )
        headers = {"Preference-Applied": f"wait={waits}"} if waits else {}
        return Response(view_media(media, parts, request.user), headers={**headers, "ETag": etag(media)})

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
            items=[view_media(media, parts, request.user) for media in found.media],
            page=page,
            limit=limit,
            next_cursor=found.next_cursor,
        )

    @patch(
        "/{media_id:str}",
        operation_id="changeMedia",
        guards=[json_only],
        response_headers=[ETAG],
        responses=documented(
            NotAuthenticated,
            NotAllowed,
            MediaNotFound,
            MediaClosed,
            RevisionMissing,
            RevisionChanged,
            UnsupportedBody,
        ),
    )
    async def change(
        self,
        request: AnyRequest,
        media_id: FromPath[UUID],
        data: JSONBody[MediaChange],
        parts: NamedDependency[Parts],
        if_match: Annotated[  # noqa: ARG002  for the document: there may be several
            str | None, HeaderParameter(name="If-Match", description="`ETag` of what was looked at, or `*`")
        ] = None,
    ) -> Response[MediaView]:
        """Change what may be changed of the revision that you looked at. A field that is left out stays as it is."""
        caller = request.user
        media = await find_media(media_id, sight=sight_of(caller), database=parts.database)
        check(caller, Action.CHANGE, media)
        _check_revision(request.headers.getall("if-match", []), media)
        after = changed(media, data)
        check_move(caller, media, after)
        saved = await change_media(after, revision=media.revision, by=caller.actor, database=parts.database)
        return Response(view_media(saved, parts, caller), headers={"ETag": etag(saved)})

    @post(
        "/{media_id:str}/revoke-links",
        operation_id="revokeLinks",
        status_code=HTTP_204_NO_CONTENT,
        responses=documented(NotAuthenticated, NotAllowed, MediaNotFound, MediaClosed),
    )
    async def revoke(self, request: AnyRequest, media_id: FromPath[UUID], parts: NamedDependency[Parts]) -> None:
        """End every temporary token that was issued for it so far: each `download_url`, that is."""
        media = await find_media(media_id, sight=sight_of(request.user), database=parts.database)
        check(request.user, Action.REVOKE_LINKS, media)
        await revoke_links(media, by=request.user.actor, database=parts.database)

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


def _check_revision(if_match: Sequence[str], media: MediaObject) -> None:
    """RFC 9110 §13.1.1, but for weak tags: `W/"2"` is what a proxy that compresses makes of our "2".

    Strong tags tell bytes apart. Ours counts every change of the object, so a weak one names a revision just as well.
    """
    if not if_match:
        raise RevisionMissing
    expected = ", ".join(if_match)
    if expected.strip() != "*" and str(media.revision) not in _ENTITY_TAG.findall(expected):
        raise RevisionChanged
