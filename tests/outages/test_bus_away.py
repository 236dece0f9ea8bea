"""NATS is away: uploads, downloads and `complete` work, and events wait in the outbox until it is back."""

import time

import nats
import pytest
from nats.js.api import DeliverPolicy

from tests.story import download, land, make_ready, settled, unique_png

WORKER_SECONDS = 5  # after the return; a connection that hears nothing may take longer to be given up


@pytest.fixture(params=["silent", "dead"])
def outage(own, request):
    return lambda: getattr(own, request.param)("nats")


async def test_uploads_downloads_and_complete_work_and_events_wait(own, site, storage, user, at_work, outage):
    await settled(site, user, (await land(site, storage, user, unique_png()))["id"])
    with outage():
        data = unique_png()
        ready = await make_ready(site, storage, user, data)
        assert (await download(site, storage, user, ready["id"])).content == data
        assert (await site.get("/health/ready")).status_code == 200
        assert (await site.get("/health")).json()["parts"]["event_bus"]["status"] == "unavailable"
    back_at = time.monotonic()
    reader = await nats.connect(own.stack.nats_url)
    subscription = await reader.jetstream().subscribe(
        "media.*", ordered_consumer=True, deliver_policy=DeliverPolicy.ALL
    )
    while ready["id"] not in (await subscription.next_msg(timeout=20)).data.decode():
        pass
    await reader.close()
    took = time.monotonic() - back_at
    assert took < WORKER_SECONDS, took


async def test_notifications_are_taken_again_after_the_return(site, storage, user, at_work, outage):
    await settled(site, user, (await land(site, storage, user, unique_png()))["id"])
    with outage():
        assert (await site.get("/health")).status_code == 503
    asked = await land(site, storage, user, unique_png())
    assert (await settled(site, user, asked["id"]))["status"] == "ready"
