"""Download: a redirect to a presigned GET, or its URL as JSON."""

import contextlib
from typing import Annotated
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_302_FOUND

from app.access import Action, Actor, check, sight_of
from app.api.negotiation import prefers_json
from app.api.parts import Parts
from app.api.problems import AnyRequest, documented
from app.errors import MediaNotFound, MediaNotReady, NotAllowed, NotAuthenticated
from app.flow.audit import record
from app.flow.find_media import find_linked_media, find_media
from app.flow.grant_download import Disposition, PresignedDownload, grant_download
from app.media import MediaObject

# The link is a secret as long as it lives: no cache keeps it, no other site learns it.
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


_ANSWERS = {
    HTTP_200_OK: ResponseSpec(
        PresignedDownload, description="with `Accept: application/json`", generate_examples=False
    ),
    HTTP_302_FOUND: ResponseSpec(None, description="to a presigned GET", generate_examples=False),
    **documented(NotAuthenticated, NotAllowed, MediaNotFound, MediaNotReady),
}


@get(
    "/api/v1/media/{media_id:str}/download",
    operation_id="downloadMedia",
    tags=["downloads"],
    exclude_from_auth=True,
    responses=_ANSWERS,
    security=[{"bearer": []}, {}],
)
async def download(
    request: AnyRequest,
    media_id: FromPath[UUID],
    parts: NamedDependency[Parts],
    token: Annotated[str | None, QueryParameter(description="temporary token of a public media object")] = None,
    disposition: FromQuery[Disposition] = "attachment",
) -> Response[PresignedDownload | None]:
    """302 to a presigned GET; 200 and its URL where JSON is preferred (`Accept: application/json`).

    Takes a bearer or a temporary token.

    `/files/{media_id}` and `/files/{media_id}/download` are short forms of it.
    """
    return await _link(request, media_id, parts, token, disposition)


@get(["/files/{media_id:str}", "/files/{media_id:str}/download"], include_in_schema=False, exclude_from_auth=True)
async def short_download(
    request: AnyRequest,
    media_id: FromPath[UUID],
    parts: NamedDependency[Parts],
    token: FromQuery[str | None] = None,
    disposition: FromQuery[Disposition] = "attachment",
) -> Response[PresignedDownload | None]:
    return await _link(request, media_id, parts, token, disposition)


async def _link(
    request: AnyRequest, media_id: UUID, parts: Parts, token: str | None, disposition: Disposition
) -> Response[PresignedDownload | None]:
    media, by = await _readable(request, media_id, parts, token)
    link = grant_download(
        media,
        disposition=disposition,
        ttl_seconds=parts.settings.download_url_ttl_seconds,
        signer=parts.download_signer,
    )
    # Before it is handed out: a link that nobody knows of must not be.
    await record("link.issued", by=by, media_id=media.id, database=parts.database)
    if prefers_json(request.headers.getall("accept", []), media.mime_type):
        return Response(link, headers=_HEADERS)
    return Response(None, status_code=HTTP_302_FOUND, headers={**_HEADERS, "Location": link.url})


async def _readable(request: AnyRequest, media_id: UUID, parts: Parts, token: str | None) -> tuple[MediaObject, Actor]:
    if token is not None and "authorization" not in request.headers:
        parts.callers.without_bearer(request)
        return await _by_token(token, media_id, parts)
    caller = await parts.callers.principal(request)
    try:
        media = await find_media(media_id, sight=sight_of(caller), database=parts.database)
        check(caller, Action.DOWNLOAD, media)
    except (MediaNotFound, NotAllowed):
        # Who has a temporary token besides may use it; one that opens nothing changes nothing of the answer.
        with contextlib.suppress(NotAuthenticated, MediaNotFound):
            return await _by_token(token or "", media_id, parts)
        raise
    return media, caller.actor


async def _by_token(token: str, media_id: UUID, parts: Parts) -> tuple[MediaObject, Actor]:
    holder = parts.download_tokens.check(token, media_id)
    return await find_linked_media(holder, database=parts.database), holder.actor
