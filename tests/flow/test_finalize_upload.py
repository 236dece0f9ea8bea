"""From the PUT to ready, in both modes: by its notification, by the client's nudge, and by both at once."""

import asyncio
import json

import pytest

from tests import samples
from tests.story import ask, complete, download, land, lands_at, make_ready, put, settled, sha256_of, stored, unique_png

SPEC_FIELDS = ["event_type", "media_id", "context_type", "context_id", "file_type", "timestamp"]
ADDED_FIELDS = ["event_id", "mime_type", "file_size", "uploaded_by"]
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_an_upload_becomes_ready_by_its_notification_alone(api, storage, user, worker, events):
    data = samples.png(64, 48)
    asked = await ask(api, user, data)
    assert (await put(storage, asked, data)).status_code == 200
    media = await settled(api, user, asked["id"])
    assert (media["status"], media["width"], media["height"]) == ("ready", 64, 48)
    message = await events.next(asked["id"])
    assert message.subject == "media.uploaded"
    downloaded = await download(api, storage, user, asked["id"])
    assert (downloaded.status_code, downloaded.content) == (200, data)


@pytest.mark.parametrize(
    ("mime_type", "data", "file_type", "size"),
    [
        ("image/jpeg", samples.jpeg(40, 30), "image", (40, 30)),
        ("image/webp", samples.webp(40, 30), "image", (40, 30)),
        ("application/pdf", samples.pdf(), "pdf", (None, None)),
    ],
)
async def test_every_allowed_type_becomes_ready(api, storage, user, mime_type, data, file_type, size):
    asked = await make_ready(api, storage, user, data, mime_type)
    media = await settled(api, user, asked["id"])
    assert (media["mime_type"], media["file_type"]) == (mime_type, file_type)
    assert (media["width"], media["height"]) == size
    served = await download(api, storage, user, asked["id"])
    assert (served.content, served.headers["content-type"]) == (data, mime_type)


async def test_two_notifications_announce_one_upload(api, storage, user, worker, durable, events, notifications):
    asked = await land(api, storage, user, unique_png())
    await settled(api, user, asked["id"])
    await notifications.next(lands_at(asked))
    late = await notifications.next(lands_at(asked))
    await notifications.taken(late, durable)
    assert (await events.next(asked["id"])).subject == "media.uploaded"
    await events.none_more(asked["id"])


async def test_media_uploaded_says_what_the_spec_says_and_where_the_request_came_from(
    api, storage, bearer, worker, events
):
    uploader = "6f1c1ad0-1f0c-4a39-9a39-5e6c3a3a1c11"
    context_id = "bb0e8400-e29b-41d4-a716-446655440000"
    user = bearer(uploader, contexts=[f"ticket_photo:{context_id}"])
    data = unique_png()
    context = {"context_type": "ticket_photo", "context_id": context_id}
    asked = await land(api, storage, user, data, headers={"traceparent": TRACEPARENT}, **context)
    message = await events.next(asked["id"])
    said = json.loads(message.data)
    assert list(said) == SPEC_FIELDS + ADDED_FIELDS
    assert said | {"timestamp": "", "event_id": ""} == {
        "event_type": "MediaUploaded",
        "media_id": asked["id"],
        **context,
        "file_type": "image",
        "timestamp": "",
        "event_id": "",
        "mime_type": "image/png",
        "file_size": len(data),
        "uploaded_by": uploader,
    }
    assert said["timestamp"].endswith("Z")
    assert message.headers["Nats-Msg-Id"] == said["event_id"]
    assert message.headers["traceparent"] == TRACEPARENT


async def test_storage_enforced_or_computed_the_checksum_of_the_row(api, storage, user, mode):
    data = unique_png()
    bound = await make_ready(api, storage, user, data, checksum_sha256=sha256_of(data))
    assert (await settled(api, user, bound["id"]))["checksum_sha256"] == sha256_of(data)
    unbound = await make_ready(api, storage, user, data)
    known = (await settled(api, user, unbound["id"]))["checksum_sha256"]
    assert known == (sha256_of(data) if mode == "quarantine" else None)


async def test_complete_before_the_put_is_told_so(api, storage, user):
    data = unique_png()
    asked = await ask(api, user, data)
    early = await complete(api, user, asked["id"])
    assert (early.status_code, early.json()["code"]) == (409, "upload_not_received")
    assert (await put(storage, asked, data)).status_code == 200
    assert (await complete(api, user, asked["id"])).json()["status"] == "ready"


async def test_complete_settles_without_any_notification(api, storage, user, rows):
    asked = await make_ready(api, storage, user, unique_png())
    assert await rows.fetchval("SELECT finalized_by FROM media.media_objects") == "complete"
    again = await complete(api, user, asked["id"])
    assert (again.status_code, again.json()["status"]) == (200, "ready")


async def test_eight_nudges_and_the_notification_make_one_event(
    api, storage, user, rows, administrator, environment, worker, durable, events, notifications
):
    data = unique_png()
    asked = await land(api, storage, user, data)
    notified = await notifications.next(lands_at(asked))
    answers = await asyncio.gather(*(complete(api, user, asked["id"]) for _ in range(8)))
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "ready")] * 8
    await events.next(asked["id"])
    await events.none_more(asked["id"])
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 1
    await notifications.taken(notified, durable)
    await worker.purge()
    assert len(await stored(administrator, environment, data)) == 1


async def test_the_notification_says_who_finalized(api, storage, user, rows, worker):
    asked = await land(api, storage, user, unique_png())
    await settled(api, user, asked["id"])
    assert await rows.fetchval("SELECT finalized_by FROM media.media_objects") == "notification"
