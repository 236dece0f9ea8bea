"""Probes: is the process alive, may it get traffic, and how is every part."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

from app.api.parts import Parts
from app.api.problems import documented_probe
from app.errors import Unavailable

# Under the second that Kubernetes gives a probe by default; a first connection to a busy database takes part of it.
_PATIENCE_SECONDS = 0.8


Verdict = Literal["ok", "unavailable"]


class PartHealth(msgspec.Struct, frozen=True):
    status: Verdict
    latency_ms: float


class Health(msgspec.Struct, frozen=True):
    status: Verdict
    parts: dict[str, PartHealth]


class Alive(msgspec.Struct, frozen=True):
    status: Literal["ok"]


_LIVE = documented_probe()
_DOWN = {
    HTTP_503_SERVICE_UNAVAILABLE: ResponseSpec(Health, description="a part is down", generate_examples=False),
    **documented_probe(),
}


@get("/health", operation_id="health", tags=["probes"], exclude_from_auth=True, security=[{}], responses=_DOWN)
async def health(parts: NamedDependency[Parts]) -> Response[Health]:
    """Every part with its latency; 503 where one is down."""
    return await _report(
        database=parts.database.one("SELECT 1"),
        object_store=parts.object_store.ping(parts.settings.storage.bucket_incoming),
        event_bus=parts.event_bus.ping(),
    )


@get("/health/live", operation_id="live", tags=["probes"], exclude_from_auth=True, security=[{}], responses=_LIVE)
async def live() -> Alive:
    """The process answers: nothing else is asked."""
    return Alive("ok")


@get(
    "/health/ready",
    operation_id="ready",
    tags=["probes"],
    exclude_from_auth=True,
    security=[{}],
    responses=_DOWN,
)
async def ready(parts: NamedDependency[Parts]) -> Response[Health]:
    """The API can serve. It needs its database alone: links are signed without storage, and events wait for NATS."""
    return await _report(database=parts.database.one("SELECT 1 FROM media.migrations"))


async def _report(**pings: Awaitable[object]) -> Response[Health]:
    found = await asyncio.gather(*(_measure(ping) for ping in pings.values()))
    parts = dict(zip(pings, found, strict=True))
    up = all(part.status == "ok" for part in found)
    return Response(
        Health("ok" if up else "unavailable", parts),
        status_code=HTTP_200_OK if up else HTTP_503_SERVICE_UNAVAILABLE,
        headers={"Cache-Control": "no-store"},
    )


async def _measure(ping: Awaitable[object]) -> PartHealth:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await ping
    except (Unavailable, TimeoutError):
        status: Verdict = "unavailable"
    else:
        status = "ok"
    return PartHealth(status, round((time.perf_counter() - started) * 1000, 2))
