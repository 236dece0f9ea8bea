"""What an admin sees and does: across owners, and with messages that were parked."""

import asyncio
import json
import uuid
from datetime import datetime, timedelta

import nats
import pytest

from app.events import DEAD_STREAM
from tests.api.test_upload_requests import problem
from tests.stack import MODES
from tests.story import (
    ask,
    complete,
    land,
    lands_at,
    make_ready,
    notification,
    put,
    settled,
    status_of,
    stored,
    unique_png,
)

PARKED = "/api/v1/admin/parked-messages"


@pytest.fixture
def environment(environment, own_nats):
    return environment | {"NATS_URL": own_nats}


@pytest.fixture
async def bus(own_nats):
    """Of these tests alone, and nothing parked on it yet."""
    client = await nats.connect(own_nats)
    await client.jetstream().purge_stream(DEAD_STREAM)
    yield client
    await client.close()


@pytest.fixture
def admin(bearer):
    return bearer(roles=["admin"])


async def page(api, admin, **query):
    response = await api.get("/api/v1/admin/media", params=query, headers=admin)
    assert response.status_code == 200, response.text
    return response.json()


async def ids(api, admin, **query):
    return [item["id"] for item in (await page(api, admin, **query))["items"]]


@pytest.fixture
async def several(api, storage, bearer):
    """One object in each state, each of someone else."""
    owners = {name: uuid.uuid4() for name in ("pending", "ready", "rejected", "expired", "deleted")}
    headers = {name: bearer(owner) for name, owner in owners.items()}
    asked = {
        "pending": await ask(api, headers["pending"], b"x"),
        "ready": await make_ready(api, storage, headers["ready"], unique_png()),
        "rejected": await land(api, storage, headers["rejected"], b"no PNG at all"),
        "expired": await ask(api, headers["expired"], b"x"),
        "deleted": await make_ready(api, storage, headers["deleted"], unique_png()),
    }
    await complete(api, headers["rejected"], asked["rejected"]["id"])
    for name in ("expired", "deleted"):
        await api.delete(f"/api/v1/media/{asked[name]['id']}", headers=headers[name])
    return {name: (asked[name]["id"], owners[name]) for name in owners}


async def test_everyone_s_objects_are_listed_newest_first(api, admin, several):
    assert await ids(api, admin) == [media_id for media_id, _ in several.values()][::-1]


async def test_each_filter_keeps_what_it_names(api, admin, several):
    for status, (media_id, owner) in several.items():
        assert await ids(api, admin, status=status) == [media_id]
        assert await ids(api, admin, owner=str(owner)) == [media_id]
        assert await ids(api, admin, owner=str(owner), status=status) == [media_id]
    assert await ids(api, admin, rejection_reason="type_mismatch") == [several["rejected"][0]]
    assert await ids(api, admin, rejection_reason="infected") == []
    assert await ids(api, admin, status="ready", owner=str(several["deleted"][1])) == []


async def test_age_is_filtered_up_to_a_moment_and_from_it_on(api, admin, rows, several):
    newest = several["deleted"][0]
    created = await rows.fetchval("SELECT created_at FROM media.media_objects WHERE id = $1", newest)
    assert await ids(api, admin, created_since=created.isoformat()) == [newest]
    assert newest not in await ids(api, admin, created_before=created.isoformat())
    later = (created + timedelta(seconds=1)).isoformat()
    assert await ids(api, admin, created_before=later, created_since=created.isoformat()) == [newest]


async def test_the_cursor_walks_everything_once(api, admin, several):
    seen, more = [], {}
    while True:
        found = await page(api, admin, limit=2, **more)
        seen += [item["id"] for item in found["items"]]
        if found["next_cursor"] is None:
            break
        more = {"cursor": found["next_cursor"]}
    assert seen == [media_id for media_id, _ in several.values()][::-1]


@pytest.mark.parametrize(
    "url",
    [
        "/media?created_before=2026-01-01T00:00:00", "/media?created_before=9999-12-31T23:59:59-14:00",
        "/media?created_since=0001-01-01T00:00:00%2B14:00", "/media?created_since=1e300", "/media?status=gone",
        "/media?owner=me", "/media?rejection_reason=ugly", "/media?limit=201", "/media?cursor=!",
        "/audit?action=%00", "/audit?action=everything", "/audit?before=0", "/audit?before=99999999999999999999",
        "/audit?limit=501", "/audit?media_id=1", "/parked-messages?after=-1", "/parked-messages?limit=101",
    ],
)  # fmt: skip
async def test_a_query_that_can_not_be_is_refused(api, admin, url):
    assert problem(await api.get(f"/api/v1/admin{url}", headers=admin)) == (400, "invalid_request")


async def test_objects_and_bytes_are_counted(api, admin, rows, several):
    sizes = {row["status"]: row["file_size"] for row in await rows.fetch("SELECT * FROM media.media_objects")}
    counted = (await api.get("/api/v1/admin/counts", headers=admin)).json()
    assert {tuple(line.values()) for line in counted} == {(None, status, 1, sizes[status]) for status in several}
    context = str(uuid.uuid4())
    for _ in range(2):
        await ask(api, admin, b"12345", context_type="ticket_photo", context_id=context)
    counted = (await api.get("/api/v1/admin/counts", headers=admin)).json()
    assert {"context_type": "ticket_photo", "status": "pending", "objects": 2, "bytes": 10} in counted


async def retry(api, admin, media_id):
    return await api.post(f"/api/v1/admin/media/{media_id}/retry", headers=admin)


async def purge(api, admin, media_id):
    return await api.post(f"/api/v1/admin/media/{media_id}/purge", headers=admin)


async def retried(rows, media_id):
    """What the audit says of retries."""
    found = await rows.fetch(
        "SELECT outcome FROM media.audit WHERE action = 'upload.retried' AND media_id = $1 ORDER BY id", media_id
    )
    return [row["outcome"] for row in found]


async def test_a_retry_settles_what_has_landed(api, storage, user, rows, admin):
    good = await land(api, storage, user, unique_png())
    bad = await land(api, storage, user, b"no PNG at all")
    assert (await retry(api, admin, good["id"])).json()["status"] == "ready"
    answer = (await retry(api, admin, bad["id"])).json()
    assert (answer["status"], answer["rejection_reason"]) == ("rejected", "type_mismatch")
    assert (await retried(rows, good["id"]), await retried(rows, bad["id"])) == (["ready"], ["rejected"])


async def test_a_retry_of_what_has_not_landed_leaves_it_pending(api, user, rows, admin):
    asked = await ask(api, user, b"x")
    assert problem(await retry(api, admin, asked["id"])) == (409, "upload_not_received")
    assert await status_of(rows, asked["id"]) == "pending"
    assert await retried(rows, asked["id"]) == ["not_received"]


async def test_a_retry_of_what_is_settled_is_refused(api, admin, rows, several):
    for status in ("ready", "rejected", "expired", "deleted"):
        assert problem(await retry(api, admin, several[status][0])) == (409, "media_closed")
        assert await retried(rows, several[status][0]) == []


@pytest.mark.parametrize("call", [retry, purge])
async def test_an_unknown_id_is_not_found(api, admin, call):
    assert problem(await call(api, admin, uuid.uuid4())) == (404, "media_not_found")


@pytest.mark.parametrize("mode", list(MODES))
async def test_a_purge_leaves_nothing_of_a_ready_object(api, storage, user, admin, administrator, environment):
    data = unique_png()
    asked = await make_ready(api, storage, user, data)
    assert await stored(administrator, environment, data)
    assert (await purge(api, admin, asked["id"])).json()["status"] == "deleted"
    assert await stored(administrator, environment, data) == set()
    assert (await api.get(f"/api/v1/media/{asked['id']}", headers=user)).status_code == 404


@pytest.mark.parametrize("mode", list(MODES))
async def test_a_purge_calls_a_pending_upload_off(api, storage, user, admin, administrator, environment):
    data = unique_png()
    asked = await land(api, storage, user, data)
    assert (await purge(api, admin, asked["id"])).json()["status"] == "expired"
    assert await stored(administrator, environment, data) == set()


@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("ledger", ["remembers", "has forgotten"])
async def test_a_purge_removes_what_landed_late(api, storage, user, rows, admin, administrator, environment, ledger):
    data = unique_png()
    asked = await ask(api, user, data)
    await api.delete(f"/api/v1/media/{asked['id']}", headers=user)
    if ledger == "has forgotten":
        await rows.execute("DELETE FROM media.purges")
    assert (await put(storage, asked, data)).status_code == 200
    assert await stored(administrator, environment, data)
    for _ in range(2):
        assert (await purge(api, admin, asked["id"])).json()["status"] == "expired"
        assert await stored(administrator, environment, data) == set()
    deleted = await rows.fetchval("SELECT count(*) FROM media.audit WHERE action = 'media.deleted'")
    assert (deleted, await rows.fetchval("SELECT count(*) FROM media.audit WHERE action = 'media.purged'")) == (1, 2)


async def parked(api, admin, count):
    """The parked messages, once there are so many."""
    async with asyncio.timeout(10):
        while True:
            found = (await api.get(PARKED, headers=admin)).json()["items"]
            if len(found) == count:
                return found
            await asyncio.sleep(0.02)


async def test_a_parked_message_says_why_it_is(api, admin, bus, worker):
    await bus.jetstream().publish("minio.events", b"no JSON \xff at all")
    (message,) = await parked(api, admin, 1)
    assert "no bucket notification" in message["reason"]
    assert (message["subject"], message["deliveries"]) == ("minio.events", 1)
    assert message["payload"] == "no JSON \ufffd at all"
    assert datetime.fromisoformat(message["parked_at"])


async def test_parked_messages_come_page_by_page(api, admin, bus):
    for number in range(5):
        await park(bus, str(number).encode())
    seen, after = [], 0
    while items := (await api.get(PARKED, params={"after": after, "limit": 2}, headers=admin)).json()["items"]:
        assert len(items) <= 2
        seen += [item["payload"] for item in items]
        after = items[-1]["sequence"]
    assert seen == list("01234")


async def park(bus, payload, subject="minio.events", **headers):
    """As a worker parks it, or as someone on the bus pretends that it did."""
    said = {"Media-Subject": subject, "Media-Reason": "tried", "Media-Deliveries": "50"} | headers
    acknowledged = await bus.jetstream().publish("media.dead.MINIO_EVENTS", payload, headers=said)
    return acknowledged.seq


async def replay(api, admin, sequence):
    return await api.post(f"{PARKED}/{sequence}/replay", headers=admin)


async def test_a_replayed_message_is_handled(api, storage, user, rows, admin, bus, worker):
    asked = await land(api, storage, user, unique_png())
    sequence = await park(bus, notification(lands_at(asked)))
    assert (await replay(api, admin, sequence)).status_code == 204
    assert (await settled(api, user, asked["id"]))["status"] == "ready"
    assert await parked(api, admin, 0) == []
    assert problem(await replay(api, admin, sequence)) == (404, "parked_message_not_found")
    assert await rows.fetchval("SELECT outcome FROM media.audit WHERE action = 'message.replayed'") == str(sequence)


async def test_what_still_can_not_be_handled_is_parked_again(api, admin, bus, worker):
    sequence = await park(bus, b"no JSON")
    assert (await replay(api, admin, sequence)).status_code == 204
    (again,) = await parked(api, admin, 1)
    assert again["sequence"] > sequence


async def test_all_are_replayed_but_those_that_can_not_be(api, storage, user, rows, admin, bus, worker):
    forged = await park(bus, b"{}", subject="media.uploaded")
    asked = [await land(api, storage, user, unique_png()) for _ in range(2)]
    for each in asked:
        await park(bus, notification(lands_at(each)))
    response = await api.post(f"{PARKED}/replay", headers=admin)
    assert (response.status_code, response.json()) == (200, {"replayed": 2})
    for each in asked:
        assert (await settled(api, user, each["id"]))["status"] == "ready"
    assert [message["sequence"] for message in await parked(api, admin, 1)] == [forged]
    assert await rows.fetchval("SELECT count(*) FROM media.audit WHERE action = 'message.replayed'") == 2


@pytest.mark.parametrize("subject", ["media.uploaded", "media.links", "minio.events.x", "minio.>", "", "$JS.API.INFO"])
async def test_no_message_is_sent_to_the_subject_that_its_header_was_forged_to(api, rows, admin, bus, subject):
    heard = await bus.subscribe(">")
    sequence = await park(bus, b'{"event_type":"MediaUploaded"}', subject=subject)
    assert problem(await replay(api, admin, sequence)) == (404, "parked_message_not_found")
    assert len((await api.get(PARKED, headers=admin)).json()["items"]) == 1
    await bus.flush()
    sent = set()
    while heard.pending_msgs:
        sent.add((await heard.next_msg()).subject)
    assert subject not in sent
    assert await rows.fetchval("SELECT count(*) FROM media.audit WHERE action = 'message.replayed'") == 0


@pytest.mark.parametrize("name", ["Media-Deliveries", "Media-Reason", "Media-Subject"])
async def test_no_forged_header_hides_a_parked_message(api, admin, bus, name):
    for forged in ("many", "-1", "9" * 400, "\u0663", "\u2602 \U0001f600", "=?utf-8?q?x?="):
        await park(bus, b"{}", **{name: forged})
    for message in await parked(api, admin, 6):
        assert (await replay(api, admin, message["sequence"])).status_code == (404 if name == "Media-Subject" else 204)


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("0", (400, "invalid_request")), ("-1", (400, "invalid_request")), ("9" * 30, (400, "invalid_request")),
        (str(2**53), (404, "parked_message_not_found")), ("x", (404, "route_not_found")),
    ],
)  # fmt: skip
async def test_a_number_that_no_message_has_is_refused(api, admin, sequence, expected):
    assert problem(await replay(api, admin, sequence)) == expected


async def test_the_audit_is_filtered_and_paged(api, user, bearer, admin):
    one, other = uuid.uuid4(), uuid.uuid4()
    first = (await ask(api, bearer(one), b"x"))["id"]
    second = (await ask(api, bearer(other), b"x"))["id"]
    await api.delete(f"/api/v1/media/{first}", headers=bearer(one))

    async def said(**query):
        response = await api.get("/api/v1/admin/audit", params=query, headers=admin)
        assert response.status_code == 200, response.text
        return response.json()

    def brief(found):
        return [(entry["media_id"], entry["action"]) for entry in found["items"]]

    everything = [(first, "media.deleted"), (second, "upload.requested"), (first, "upload.requested")]
    assert brief(await said()) == everything
    assert brief(await said(media_id=first)) == [everything[0], everything[2]]
    assert brief(await said(actor=str(other))) == [everything[1]]
    assert brief(await said(action="media.deleted")) == [everything[0]]
    start = await said(limit=2)
    assert (brief(start), start["next_before"]) == (everything[:2], start["items"][-1]["id"])
    rest = await said(limit=2, before=start["next_before"])
    assert (brief(rest), rest["next_before"]) == (everything[2:], None)


async def test_every_action_that_the_audit_knows_can_be_asked_for(api, rows, admin):
    check = await rows.fetchval("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'action_is_known'")
    known = {word for word in check.split("'") if "." in word}
    schema = (await api.get("/docs/openapi.json")).json()
    parameters = schema["paths"]["/api/v1/admin/audit"]["get"]["parameters"]
    (described,) = [parameter["schema"] for parameter in parameters if parameter["name"] == "action"]
    assert known == {word for word in json.dumps(described).split('"') if "." in word}
