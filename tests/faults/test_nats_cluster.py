"""A NATS cluster loses the server that leads the stream, or its consumer, under load: nothing is lost or doubled."""

import asyncio
import collections
import json

import msgspec
import nats
import nats.errors
import pytest
from nats.js.errors import APIError

from app.config import provision_settings
from app.events import MEDIA_STREAM, NOTIFICATION_DURABLE, NOTIFICATION_STREAM
from app.local.settings import provision_environment
from app.object_store_admin import provision_storage
from tests.faults.nats_cluster import running_cluster
from tests.outages.services import api_running, client_of_api, worker_running
from tests.stack import UNLIMITED
from tests.story import land, unique_png

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.parametrize("mode", ["in place"], indirect=True),  # the bus knows no mode
]
UPLOADS, AT_ONCE = 120, 8
PATIENCE_SECONDS = 75.0


@pytest.fixture
def cluster(stack):
    with running_cluster(stack.secrets) as running:
        yield running


@pytest.fixture
async def environment(stack, cluster, mode, database_url):
    own = msgspec.structs.replace(stack, nats_url=cluster.url, minio_endpoint=cluster.minio_endpoint)
    service = (
        own.environment(mode, database_url) | UNLIMITED | {"NATS_STREAM_REPLICAS": "3", "SWEEP_INTERVAL_SECONDS": "1"}
    )
    await provision_storage(provision_settings(provision_environment(service, stack.secrets)))
    return service


async def leader_of_the_stream(stream):
    return (await stream.stream_info(NOTIFICATION_STREAM)).cluster.leader


async def leader_of_the_consumer(stream):
    return (await stream.consumer_info(NOTIFICATION_STREAM, NOTIFICATION_DURABLE)).cluster.leader


@pytest.mark.parametrize("leader", [leader_of_the_stream, leader_of_the_consumer])
async def test_every_upload_is_ready_and_announced_once(cluster, environment, storage, user, leader):
    with api_running(environment) as served, worker_running(environment):
        async with client_of_api(served) as site:
            landed, killed = [], asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(_upload(site, storage, user, landed, killed))
                group.create_task(_kill(cluster, leader, landed, killed))
            async with asyncio.timeout(PATIENCE_SECONDS):
                for media_id in landed:
                    assert await _end_of(site, user, media_id) == "ready"
                announced = await _announced(cluster, landed)
    assert set(announced) == set(landed)
    assert {len(set(event_ids)) for event_ids in announced.values()} == {1}


async def _end_of(site, user, media_id):
    """Its status once it is settled, be it by the sweep: storage's own targets may hang on the server that died."""
    status = "pending"
    while status == "pending":
        answer = await site.get(f"/api/v1/media/{media_id}", headers={**user, "Prefer": "wait=10"})
        assert answer.status_code == 200, answer.text
        status = answer.json()["status"]
    return status


async def _upload(site, storage, user, landed, killed):
    """One after the other, before the death and after it."""
    while len(landed) < UPLOADS or not killed.is_set():
        landed.append((await land(site, storage, user, unique_png()))["id"])


async def _kill(cluster, leader, landed, killed):
    """In the midst of the uploads."""
    client = await nats.connect(list(cluster.urls.values()))
    while len(landed) < UPLOADS // 3:
        await asyncio.sleep(0.01)
    cluster.kill(await leader(client.jetstream()))
    killed.set()
    await client.close()


async def _announced(cluster, landed):
    """Event ids by media object, once each has one. Message by message: a consumer may die with a server as well."""
    client = await nats.connect(list(cluster.urls.values()))
    stream = client.jetstream()
    found, sequence = collections.defaultdict(list), 1
    while not set(landed) <= set(found):
        try:
            event = json.loads((await stream.get_msg(MEDIA_STREAM, sequence)).data)
        except (nats.errors.Error, APIError):  # not there yet, or nobody leads
            await asyncio.sleep(0.1)
            continue
        found[event["media_id"]].append(event["event_id"])
        sequence += 1
    assert (await stream.stream_info(MEDIA_STREAM)).config.num_replicas == 3
    await client.close()
    return found
