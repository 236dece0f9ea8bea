"""Many links at once, for services: over HTTP, and on the bus as the service `media.links`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from app.access import Action, Principal, check
from app.api.parts import Parts
from app.api.problems import AnyRequest, Code, documented
from app.api.strict_json import json_only
from app.errors import InvalidRequest, NotAllowed, NotAuthenticated, Refusal, UnsupportedBody
from app.field_problems import ILLEGIBLE
from app.flow.grant_download import Disposition, PresignedDownload, grant_downloads
from app.media import Url

SUBJECT: Final = "media.links"
_MOST: Final = 1_000


class LinksRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 ids. `ttl_seconds` is at most DOWNLOAD_URL_TTL_SECONDS, and that if left out."""

    ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=_MOST)]
    disposition: Disposition = "attachment"
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """A presigned GET, or in `error` the code of the refusal that a single request would get."""

    id: UUID
    url: Url | None = None
    expires_at: datetime | None = None
    error: Code | None = None


class Links(msgspec.Struct, frozen=True):
    """One entry for each id, in the order that they were asked in."""

    items: list[Link]


_ANSWERS = documented(NotAuthenticated, NotAllowed, UnsupportedBody)
_requests: Final = msgspec.json.Decoder(LinksRequest)


@post(
    "/api/v1/media/download-urls",
    operation_id="getDownloadUrls",
    tags=["downloads"],
    status_code=HTTP_200_OK,
    guards=[json_only],
    responses=_ANSWERS,
)
async def download_urls(request: AnyRequest, data: JSONBody[LinksRequest], parts: NamedDependency[Parts]) -> Links:
    """Presigned GETs of up to 1,000 media objects. Services ask the same on NATS: subject `media.links`."""
    return await _links(data, request.user, parts)


@contextlib.asynccontextmanager
async def serving_links(parts: Parts) -> AsyncIterator[None]:
    """Answers on the bus, as soon as NATS is there, until the block ends."""
    serving = asyncio.create_task(parts.event_bus.serve("media-links", SUBJECT, partial(_answer_on_bus, parts)))
    try:
        yield
    finally:
        serving.cancel()


async def _answer_on_bus(parts: Parts, payload: bytes, headers: Mapping[str, str]) -> bytes:
    """The same request and answer as JSON, with the same bearer token in the message's header Authorization."""
    principal = await parts.callers.principal_on_bus(headers.get("Authorization", ""))
    try:
        wanted = _requests.decode(payload)
    except ILLEGIBLE as error:
        raise InvalidRequest(f"The payload is not what this service takes: {error}") from error
    return msgspec.json.encode(await _links(wanted, principal, parts))


async def _links(wanted: LinksRequest, principal: Principal, parts: Parts) -> Links:
    check(principal, Action.DOWNLOAD_MANY)
    longest = parts.settings.download_url_ttl_seconds
    if wanted.ttl_seconds is not None and wanted.ttl_seconds > longest:
        raise InvalidRequest(f"ttl_seconds is more than {longest}, which is as long as a link may live.")
    granted = await grant_downloads(
        wanted.ids,
        disposition=wanted.disposition,
        ttl_seconds=wanted.ttl_seconds or longest,
        by=principal.actor,
        database=parts.database,
        signer=parts.download_signer,
    )
    return Links([_entry(media_id, link) for media_id, link in zip(wanted.ids, granted, strict=True)])


def _entry(media_id: UUID, link: PresignedDownload | Refusal) -> Link:
    if isinstance(link, Refusal):
        return Link(media_id, error=link.code)
    return Link(media_id, url=link.url, expires_at=link.expires_at)
