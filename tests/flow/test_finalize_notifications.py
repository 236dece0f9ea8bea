"""A notification only says where to look: nothing in it is believed, and what can't be understood is parked."""

import json
import secrets

import pytest

from app.events import NOTIFICATION_SUBJECT
from app.media import ObjectAddress
from tests.story import ask, download, lands_at, notification, put, settled, status_of, stored, unique_png, write


async def test_a_notification_of_a_key_that_nobody_asked_for_changes_nothing(
    api, user, rows, idle_worker, administrator, environment
):
    data = unique_png()
    asked = await ask(api, user, data)
    nobodys = ObjectAddress(environment["MINIO_BUCKET_INCOMING"], f"uploads/{secrets.token_hex(8)}.png")
    await write(administrator, nobodys, data)
    for address in (nobodys, ObjectAddress("elsewhere", lands_at(asked).key), ObjectAddress("", "")):
        await idle_worker.finalize_notified(notification(address))
    assert await status_of(rows, asked["id"]) == "pending"
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 0
    assert await stored(administrator, environment, data) == {nobodys}
    await administrator.remove_object(nobodys.bucket, nobodys.key)


async def test_a_forged_size_or_etag_is_not_believed(api, storage, user, idle_worker, rows):
    data = unique_png()
    asked = await ask(api, user, data)
    forged = notification(lands_at(asked), size=len(data))
    await idle_worker.finalize_notified(forged)
    assert await status_of(rows, asked["id"]) == "pending"
    assert (await put(storage, asked, data)).status_code == 200
    await idle_worker.finalize_notified(notification(lands_at(asked), size=1))
    assert await status_of(rows, asked["id"]) == "ready"


async def test_one_notification_may_name_several_keys(api, storage, user, idle_worker, rows):
    data = unique_png()
    uploads = [await ask(api, user, data) for _ in range(2)]
    records = [json.loads(notification(lands_at(asked)))["Records"][0] for asked in uploads]
    for asked in uploads:
        assert (await put(storage, asked, data)).status_code == 200
    await idle_worker.finalize_notified(json.dumps({"Records": records}).encode())
    assert [await status_of(rows, asked["id"]) for asked in uploads] == ["ready", "ready"]


@pytest.mark.parametrize("odd", ["100%25 + 1 & 2=3.png", "übergrößen/日本語 😀.png", "a%2Fb%00.png"])
async def test_a_key_is_found_however_the_notification_writes_it(
    api, storage, user, rows, worker, administrator, environment, odd
):
    data, key = unique_png(), f"uploads/{secrets.token_hex(8)}/{odd}"
    asked = await ask(api, user, data)
    await rows.execute("UPDATE media.media_objects SET storage_path = $1, incoming_path = $1", key)
    await write(administrator, ObjectAddress(environment["MINIO_BUCKET_INCOMING"], key), data)
    assert (await settled(api, user, asked["id"]))["status"] == "ready"
    assert (await download(api, storage, user, asked["id"])).content == data


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"{no json", id="no JSON"),
        pytest.param(b'{"Records": null}', id="no records"),
        pytest.param(b'{"Records": [{"s3": {"bucket": {}, "object": {}}}]}', id="no names"),
        pytest.param(b'{"Records": [{"s3": {"bucket": {"name": 7}, "object": {"key": "a"}}}]}', id="another type"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(notification(ObjectAddress("media", "uploads/a\0b")), id="a NUL, which no key can hold"),
    ],
)
@pytest.mark.parametrize("mode", ["in place"], indirect=True)
async def test_what_is_no_notification_is_parked_with_the_reason(bus, worker, durable, notifications, payload):
    parked = await bus.jetstream().subscribe("media.dead.>", ordered_consumer=True, deliver_policy="new")
    sent = await bus.jetstream().publish(NOTIFICATION_SUBJECT, payload)
    message = await parked.next_msg(timeout=10)
    while message.headers["Nats-Msg-Id"] != f"MINIO_EVENTS:{sent.seq}":  # of a test beside this one
        message = await parked.next_msg(timeout=10)
    assert message.data == payload
    assert message.headers["Media-Subject"] == NOTIFICATION_SUBJECT
    assert message.headers["Media-Deliveries"] == "1"
    assert message.headers["Media-Reason"].startswith("no bucket notification")
    await notifications.taken(sent.seq, durable)
