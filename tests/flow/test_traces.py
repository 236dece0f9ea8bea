"""The trace of the request for an upload goes with every event of its media object, whatever brings it about."""

from datetime import UTC, datetime, timedelta

from tests.story import ask, complete, land, make_ready, pass_time, unique_png

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACED = {"traceparent": TRACEPARENT}


async def announced(idle_worker, events, asked, subject):
    while await idle_worker.relay():
        pass
    while (message := await events.next(asked["id"])).subject != subject:
        pass
    assert message.headers["traceparent"] == TRACEPARENT


async def test_of_an_upload_that_is_rejected(api, storage, user, idle_worker, events):
    asked = await land(api, storage, user, b"no picture", headers=TRACED)
    await complete(api, user, asked["id"])
    await announced(idle_worker, events, asked, "media.rejected")


async def test_of_an_object_that_is_deleted(api, storage, user, idle_worker, events):
    asked = await make_ready(api, storage, user, unique_png(), headers=TRACED)
    await api.delete(f"/api/v1/media/{asked['id']}", headers=user)
    await announced(idle_worker, events, asked, "media.deleted")


async def test_of_an_object_that_expires(api, storage, user, rows, idle_worker, events):
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    asked = await make_ready(api, storage, user, unique_png(), headers=TRACED, expires_at=ends)
    await pass_time(rows, asked["id"], 3601)
    await idle_worker.expire()
    await announced(idle_worker, events, asked, "media.expired")


async def test_of_an_upload_that_never_came(api, user, rows, idle_worker, events):
    asked = await ask(api, user, unique_png(), headers=TRACED)
    await pass_time(rows, asked["id"], 100_000)
    await idle_worker.sweep()
    await announced(idle_worker, events, asked, "media.expired")
