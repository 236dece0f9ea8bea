"""From the PUT's answer to `ready`, as a client sees it whose waiting GET is open already."""

import asyncio
import base64
import contextlib
import hashlib
import random
import time
from urllib.parse import urlsplit

import aiohttp
from miniopy_async.api import Minio
from miniopy_async.notificationconfig import NotificationConfig, QueueConfig

from tests import samples
from tests.bench.floor import measure_floor
from tests.bench.table import Table

_UPLOADS = 50
_WARM_UP = 10
_FILE = samples.jpeg(1600, 1200, size=245_678)
_BODY = {"file_name": "photo.jpg", "mime_type": "image/jpeg", "file_size": len(_FILE)}
_CHECKSUM = {"checksum_sha256": base64.b64encode(hashlib.sha256(_FILE).digest()).decode()}
_PARK_SECONDS = 0.01  # until the waiting GET has reached the API
_QUEUE_SECONDS = 3.0  # how often storage reads DURABLE's queue


async def in_place(stack: dict, table: Table) -> None:
    async with _clients(stack) as (user, storage):
        await _one_by_one(stack, user, storage, {}, _WARM_UP)
        await measure_floor(stack, storage, _FILE, _UPLOADS, table)
        puts, waits = await _one_by_one(stack, user, storage, {}, _UPLOADS)
        table.latency("presigned PUT of 246 KB, in place", puts)
        table.latency("PUT answered → ready, in place", waits, target_ms=20)
        _, waits = await _one_by_one(stack, user, storage, _CHECKSUM, _UPLOADS)
        table.latency("the same, SHA-256 declared", waits)
        async with _durable_alone(stack):
            table.latency("the same, DURABLE only (FAST off)", await _spread_out(stack, user, storage))


async def quarantine(stack: dict, table: Table) -> None:
    async with _clients(stack) as (user, storage):
        await _one_by_one(stack, user, storage, {}, _WARM_UP)
        puts, waits = await _one_by_one(stack, user, storage, {}, _UPLOADS)
        table.latency("presigned PUT of 246 KB, quarantine", puts)
        table.latency("PUT answered → ready, quarantine", waits, target_ms=40)


async def _one_by_one(stack, user, storage, more, count) -> tuple[list[float], list[float]]:
    measured = [await _upload(stack, user, storage, more) for _ in range(count)]
    return [put for put, _ in measured], [wait for _, wait in measured]


async def _spread_out(stack, user, storage) -> list[float]:
    """All under way at once, begun at random moments between two readings of the queue."""

    async def later() -> float:
        await asyncio.sleep(random.uniform(0, _QUEUE_SECONDS))
        return (await _upload(stack, user, storage, {}))[1]

    return await asyncio.gather(*(later() for _ in range(_UPLOADS)))


async def _upload(stack, user, storage, more) -> tuple[float, float]:
    """How long the PUT took, and how long after its answer the object was ready."""
    api = f"{stack['api_url']}/api/v1/media"
    async with user.post(f"{api}/upload", json={**_BODY, **more}) as response:
        assert response.status == 201, await response.text()
        asked = await response.json()
    waiting = asyncio.create_task(_ready_at(user, f"{api}/{asked['id']}"))
    await asyncio.sleep(_PARK_SECONDS)
    began = time.perf_counter()
    async with storage.put(asked["upload"]["url"], headers=asked["upload"]["headers"], data=_FILE) as response:
        assert response.status == 200, await response.text()
        answered = time.perf_counter()
    return answered - began, await waiting - answered


async def _ready_at(user, url) -> float:
    async with user.get(url, headers={"Prefer": "wait=20"}) as response:
        media = await response.json()
    assert media["status"] == "ready", media
    return time.perf_counter()


@contextlib.asynccontextmanager
async def _clients(stack):
    headers = {"Authorization": f"Bearer {stack['tokens']['user']}"}
    # No limit, as each waiting GET takes a connection. None is closed while idle, so that all but the first are open.
    async with (
        aiohttp.ClientSession(headers=headers, connector=_connector()) as user,
        aiohttp.ClientSession(connector=_connector()) as storage,
    ):
        yield user, storage


def _connector() -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(limit=0, keepalive_timeout=25)


@contextlib.asynccontextmanager
async def _durable_alone(stack):
    """Storage announces to DURABLE alone meanwhile."""
    root, bucket = stack["minio_root"], stack["buckets"]["incoming"]
    async with aiohttp.ClientSession() as session:
        store = Minio(
            urlsplit(stack["minio_url"]).netloc,
            root["access_key"],
            root["secret_key"],
            secure=False,
            region="us-east-1",
            session=session,
        )
        announced = await store.get_bucket_notification(bucket)
        durable = [
            QueueConfig(queue.queue, queue.events, prefix_filter_rule=queue.prefix_filter_rule)
            for queue in announced.queue_config_list
            if ":DURABLE:" in queue.queue
        ]
        await store.set_bucket_notification(bucket, NotificationConfig(queue_config_list=durable))
        try:
            yield
        finally:
            await store.set_bucket_notification(bucket, announced)
