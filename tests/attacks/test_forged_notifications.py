"""Whoever can write to the bus says what they like of storage: only what lies there, and was asked for, counts."""

import asyncio
import json
import secrets
import unicodedata
from urllib.parse import quote, quote_plus

import pytest

from app.events import DEAD_STREAM, NOTIFICATION_STREAM, NOTIFICATION_SUBJECT
from app.media import ObjectAddress
from tests import samples
from tests.story import lands_at, notification, unique_png, write

# One worker at work for all cases, in one process.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("attacked worker")]


def said(bucket, key, **more):
    """A notification with this bucket and key exactly as they are given."""
    entity = {"bucket": {"name": bucket}, "object": {"key": key, "size": 1, "eTag": "0"}}
    return json.dumps({"EventName": "s3:ObjectCreated:Put", "Records": [{"s3": entity} | more]}).encode()


def nested(depth, before, after):
    return before + b"[" * depth + b"]" * depth + after


POISON = {
    "nothing": b"",
    "white space": b" \n ",
    "no JSON": b"{no json",
    "cut off": notification(ObjectAddress("media", "uploads/x"))[:-3],
    "two documents": b'{"Records": []}{"Records": []}',
    "a BOM": b'\xef\xbb\xbf{"Records": []}',
    "UTF-16": '{"Records": []}'.encode("utf-16"),
    "no UTF-8": b'{"Records": [{"s3": {"bucket": {"name": "\xff"}, "object": {"key": "x"}}}]}',
    "NaN": b'{"Records": NaN}',
    "null": b"null",
    "a list": b"[]",
    "a number": b"1e999999",
    "a text": b'"Records"',
    "records that are null": b'{"Records": null}',
    "records that are no list": b'{"Records": {"0": {}}}',
    "a record that is null": b'{"Records": [null]}',
    "a record of nothing": b'{"Records": [{}]}',
    "no bucket": b'{"Records": [{"s3": {"object": {"key": "x"}}}]}',
    "a key that is null": b'{"Records": [{"s3": {"bucket": {"name": "media"}, "object": {"key": null}}}]}',
    "a key that is a number": b'{"Records": [{"s3": {"bucket": {"name": "media"}, "object": {"key": 7}}}]}',
    "a key that is a list": b'{"Records": [{"s3": {"bucket": {"name": "media"}, "object": {"key": ["x"]}}}]}',
    "a NUL in the key": said("media", "uploads/x%00.png"),
    "a NUL in the bucket": said("me\0dia", "uploads/x.png"),
    "half a surrogate in the key": b'{"Records": [{"s3": {"bucket": {"name": "m"}, "object": {"key": "\\ud800"}}}]}',
    "half a surrogate in the bucket": b'{"Records": [{"s3": {"bucket": {"name": "\\udfff"}, "object": {"key": "x"}}}]}',
    "lists in lists": nested(100_000, b"", b""),
    "lists in the records": nested(100_000, b'{"Records": [{"s3": ', b"}]}"),
    "lists where nobody looks": nested(100_000, b'{"x": ', b', "Records": []}'),
    "objects in objects": b'{"x":' * 50_000 + b"1" + b"}" * 50_000,
    "900 KB of one word": b'{"Records": "' + b"A" * 900_000 + b'"}',
    "900 KB of zeros": bytes(900_000),
}


async def parked_message(stream, sequence):
    """The parked copy of this message, among the last ones that any worker parked."""
    last = await stream.get_last_msg(DEAD_STREAM, f"media.dead.{NOTIFICATION_STREAM}")
    for number in range(last.seq, 0, -1):
        parked = await stream.get_msg(DEAD_STREAM, number)
        if parked.headers["Nats-Msg-Id"] == f"{NOTIFICATION_STREAM}:{sequence}":
            return parked
    raise AssertionError("it was not parked")


@pytest.mark.parametrize("what", POISON)
@pytest.mark.parametrize("mode", ["in place"], indirect=True)
async def test_to_stop_the_stream_by(ground_at_work, what):
    ground = ground_at_work
    sequence = await ground.publish(POISON[what])
    parked = await parked_message(ground.bus.jetstream(), sequence)
    assert (parked.data or b"") == POISON[what]
    assert parked.headers["Media-Reason"].startswith("no bucket notification")
    assert len(parked.headers["Media-Reason"]) <= 500
    await ground.publish(said("media", "uploads/x"))  # the stream goes on


async def test_to_stop_the_stream_by_all_of_it_at_once(ground_at_work):
    ground = ground_at_work
    stream = ground.bus.jetstream()
    await asyncio.gather(*(stream.publish(NOTIFICATION_SUBJECT, payload) for payload in POISON.values()))
    user = ground.bearer()
    asked = await ground.land(user, unique_png())
    assert (await ground.settled(user, asked))["status"] == "ready"


# A key that is not the one of the upload that waits, however much it looks like it.
KEYS = {
    "an empty one": lambda _: "",
    "a slash": lambda _: "/",
    "two dots": lambda _: "..",
    "a path out of the bucket": lambda _: "../../../etc/passwd",
    "a path that climbs and comes back": lambda key: f"uploads/../{key}",
    "encoded dots": lambda key: f"uploads/%2e%2e/{key}",
    "a slash before it": lambda key: f"/{key}",
    "a slash behind it": lambda key: f"{key}/",
    "a key beneath it": lambda key: f"{key}/x",
    "a beginning of it": lambda key: key[:-1],
    "its prefix": lambda _: "uploads/",
    "upper case": lambda key: key.upper(),
    "a space behind it": lambda key: f"{key}+",
    "a plus for a slash": lambda key: key.replace("/", "+", 1),
    "encoded twice": lambda key: quote(quote(key, safe=""), safe=""),
    "a per cent sign that encodes nothing": lambda key: f"{key}%ZZ",
    "bytes that are no text": lambda key: f"{key}%FF%FE",
    "an overlong slash": lambda key: key.replace("/", "%C0%AF", 1),
    "a full-width letter": lambda key: quote_plus(key.replace("u", "\uff55", 1)),
    "another normal form": lambda key: quote_plus(unicodedata.normalize("NFD", f"{key}é")),
    "a text that runs backwards": lambda key: quote_plus(f"\u202e{key}"),
    "a letter of no width": lambda key: quote_plus(f"{key}\u200b"),
    "a wild card": lambda _: "uploads/%25",
    "another wild card": lambda _: "uploads/*",
    "SQL": lambda key: quote_plus(f"{key}' OR '1'='1"),
    "1,024 bytes": lambda key: f"{key}{'x' * 1024}"[:1024],
    "100,000 bytes": lambda key: f"{key}{'x' * 100_000}",
    "a line break": lambda key: f"{key}%0D%0AX-Header:+x",
}


async def landed_in_silence(ground):
    """An upload whose bytes lie there, and nobody has said so: if it is settled, then by what a case says."""
    user = ground.bearer()
    return await ground.land(user, unique_png())


@pytest.mark.parametrize("how", KEYS)
async def test_to_have_an_upload_settled_by_a_key_that_is_not_its_own(ground, how):
    asked = await ground.kept("silent", lambda: landed_in_silence(ground))
    await ground.worker.finalize_notified(said(lands_at(asked).bucket, KEYS[how](lands_at(asked).key)))
    assert await untouched(ground, asked)


async def untouched(ground, asked):
    """Pending, with nothing said of it and nothing begun for it."""
    of_it = "SELECT count(*) FROM media.purges WHERE media_id = $1"
    return (
        await ground.status_of(asked) == "pending"
        and await ground.events_of(asked) == []
        and await ground.rows.fetchval(of_it, asked["id"]) == 0
    )


BUCKETS = ["", "elsewhere", "..", ".minio.sys", "%6dedia", "MEDIA", "media ", "invoices", "served-invoices", "x" * 5000]


@pytest.mark.parametrize("bucket", BUCKETS)
async def test_to_have_an_upload_settled_by_its_key_in_another_bucket(ground, bucket):
    asked = await ground.kept("silent", lambda: landed_in_silence(ground))
    await ground.worker.finalize_notified(said(bucket, lands_at(asked).key))
    assert await untouched(ground, asked)


async def test_to_have_an_upload_called_ready_whose_bytes_never_came(ground_at_work):
    ground = ground_at_work
    asked = await ground.ask(ground.bearer(), unique_png())
    for _ in range(3):
        await ground.publish(notification(lands_at(asked), size=asked["file_size"]))
    assert await untouched(ground, asked)


@pytest.mark.parametrize(
    "event", ["s3:ObjectRemoved:Delete", "s3:ObjectAccessed:Get", "s3:BucketRemoved:*", "s3:TestEvent", "", None]
)
async def test_to_have_a_ready_object_closed_by_another_event(ground_at_work, event):
    ground = ground_at_work
    user, asked, data = await ground.kept("ready", lambda: ready_object(ground))
    address = lands_at(asked)
    forged = json.loads(said(address.bucket, address.key, eventName=event)) | {"EventName": event}
    await ground.publish(json.dumps(forged).encode())
    await assert_still_served(ground, user, asked, data)


async def ready_object(ground):
    user, data = ground.bearer(), unique_png()
    asked = await ground.land(user, data)
    assert (await ground.settled(user, asked))["status"] == "ready"
    return user, asked, data


async def assert_still_served(ground, user, asked, data):
    await ground.purge()
    served = await ground.download(user, asked)
    assert (served.status_code, served.content) == (200, data)
    assert await ground.events_of(asked) == ["MediaUploaded"]


FORGERIES = {
    "another size": {"object": {"size": 1}},
    "a negative size": {"object": {"size": -1}},
    "a size beyond all bounds": {"object": {"size": 10**400}},
    "another ETag": {"object": {"eTag": "d41d8cd98f00b204e9800998ecf8427e"}},
    "another type": {"object": {"contentType": "text/html"}},
    "another version": {"object": {"versionId": "null"}},
    "the first sequencer": {"object": {"sequencer": "0"}},
    "the last sequencer": {"object": {"sequencer": "F" * 64}},
    "metadata of its own": {"object": {"userMetadata": {"X-Amz-Meta-Status": "ready", "content-type": "text/html"}}},
    "another owner": {"bucket": {"ownerIdentity": {"principalId": "mallory"}}},
}


def forged(address, what):
    payload = json.loads(notification(address))
    for name, fields in FORGERIES[what].items():
        payload["Records"][0]["s3"][name] |= fields
    return json.dumps(payload).encode()


@pytest.mark.parametrize("what", FORGERIES)
async def test_to_have_a_ready_object_changed_by(ground_at_work, what):
    ground = ground_at_work
    user, asked, data = await ground.kept("ready", lambda: ready_object(ground))
    before = await ground.rows.fetchrow("SELECT * FROM media.media_objects WHERE id = $1", asked["id"])
    await ground.publish(forged(lands_at(asked), what))
    await assert_still_served(ground, user, asked, data)
    assert await ground.rows.fetchrow("SELECT * FROM media.media_objects WHERE id = $1", asked["id"]) == before


@pytest.mark.parametrize("year", ["1970", "2001", "9999"])
async def test_to_have_a_deleted_object_come_back_by_a_notification_of_another_time(ground_at_work, year):
    ground = ground_at_work
    user, asked, _ = await ready_object(ground)
    assert (await ground.api.delete(f"/api/v1/media/{asked['id']}", headers=user)).status_code == 204
    address = lands_at(asked)
    await ground.publish(said(address.bucket, address.key, eventTime=f"{year}-01-01T00:00:00.000Z"))
    assert await ground.status_of(asked) == "deleted"
    assert await ground.events_of(asked) == ["MediaUploaded", "MediaDeleted"]


async def test_to_have_one_upload_announced_twenty_times(ground_at_work):
    ground = ground_at_work
    user, asked, data = await ready_object(ground)
    stream = ground.bus.jetstream()
    await asyncio.gather(*(stream.publish(NOTIFICATION_SUBJECT, notification(lands_at(asked))) for _ in range(20)))
    await ground.publish(notification(lands_at(asked)))
    await assert_still_served(ground, user, asked, data)
    assert len(await ground.stored(data)) == 1


async def test_to_confuse_by_the_order_of_the_notifications(ground_at_work):
    """Before the bytes, twice; then those; then all again, backwards."""
    ground = ground_at_work
    user = ground.bearer()
    uploads = {data: await ground.ask(user, data) for data in (unique_png(), unique_png(), unique_png())}
    for asked in uploads.values():
        await ground.publish(notification(lands_at(asked)))
    for data, asked in reversed(uploads.items()):
        assert (await ground.put(asked, data)).status_code == 200
    for asked in uploads.values():
        await ground.publish(notification(lands_at(asked)))
    for data, asked in uploads.items():
        assert (await ground.settled(user, asked))["status"] == "ready"
        await assert_still_served(ground, user, asked, data)


@pytest.mark.parametrize("where", ["a copy", "an invoice", "nobody's upload", "a folder"])
async def test_to_have_bytes_served_or_removed_that_nobody_asked_for(ground_at_work, where):
    ground = ground_at_work
    settings, name, data = ground.settings.storage, secrets.token_hex(8), samples.html() + unique_png()
    address = {
        "a copy": ObjectAddress(settings.bucket_media, f"media/2026/11/23/{name}.png"),
        "an invoice": ObjectAddress(settings.bucket_invoices, f"invoices/{name}.pdf"),
        "nobody's upload": ObjectAddress(settings.bucket_incoming, f"uploads/2026/11/23/{name}.png"),
        "a folder": ObjectAddress(settings.bucket_incoming, f"uploads/{name}/"),
    }[where]
    await write(ground.administrator, address, data)
    rows = "SELECT count(*) FROM media.media_objects WHERE storage_path = $1 OR incoming_path = $1"
    for _ in range(2):
        await ground.publish(notification(address, size=len(data)))
    await ground.purge()
    assert await ground.rows.fetchval(rows, address.key) == 0
    assert len(await ground.versions_at(address)) == 1, "it is not ours to remove"
    await ground.wipe(address)


async def test_to_have_the_copy_that_is_served_removed_by_its_own_key(ground_at_work):
    ground = ground_at_work
    user, asked, data = await ground.kept("ready", lambda: ready_object(ground))
    stored = "SELECT bucket_name, storage_path FROM media.media_objects WHERE id = $1"
    await ground.publish(notification(ObjectAddress(*await ground.rows.fetchrow(stored, asked["id"]))))
    await assert_still_served(ground, user, asked, data)


async def test_to_have_many_records_hide_one(ground_at_work):
    """Strangers' keys by the hundred around the one that is ours: it is found, and they change nothing."""
    ground = ground_at_work
    user, data = ground.bearer(), unique_png()
    asked = await ground.ask(user, data)
    records = [json.loads(said("media", f"uploads/{number}"))["Records"][0] for number in range(300)]
    records.insert(150, json.loads(notification(lands_at(asked)))["Records"][0])
    await ground.publish(json.dumps({"Records": records}).encode())
    assert await untouched(ground, asked)
    assert (await ground.put(asked, data)).status_code == 200
    assert (await ground.settled(user, asked))["status"] == "ready"


@pytest.mark.parametrize("hidden", ["the first", "the last"])
async def test_to_say_two_things_by_a_field_that_comes_twice(ground_at_work, hidden):
    """Whichever one is read, it leads to a key that somebody asked for, or to none."""
    ground = ground_at_work
    user, asked, data = await ground.kept("ready", lambda: ready_object(ground))
    key = json.dumps(lands_at(asked).key).encode()
    keys = (b'"x"', key) if hidden == "the last" else (key, b'"x"')
    bucket = json.dumps(lands_at(asked).bucket).encode()
    await ground.publish(b'{"Records":[{"s3":{"bucket":{"name":%s},"object":{"key":%s,"key":%s}}}]}' % (bucket, *keys))
    await assert_still_served(ground, user, asked, data)


async def test_to_have_the_worker_call_an_address_of_the_attackers(ground_at_work):
    """No field of a notification is an address that anyone connects to."""
    ground, called = ground_at_work, []

    async def answer(_reader, writer):
        called.append("called")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        user, asked, data = await ground.kept("ready", lambda: ready_object(ground))
        address = lands_at(asked)
        places = {
            "responseElements": {"x-minio-origin-endpoint": url},
            "source": {"host": url, "port": "", "userAgent": url},
            "awsRegion": url,
            "requestParameters": {"sourceIPAddress": url},
        }
        await ground.publish(said(address.bucket, address.key, **places))
        await ground.publish(said(url, address.key, **places))
        await ground.publish(said(address.bucket, url, **places))
        await assert_still_served(ground, user, asked, data)
    assert called == []
