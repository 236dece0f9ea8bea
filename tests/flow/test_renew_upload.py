"""A pending upload gets a PUT that lives, however it is asked for: by renewing it, or by the same request again."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

from tests.story import ask, complete, gone, land, lands_at, make_ready, pass_time, put, settled, status_of, unique_png

KEY = {"Idempotency-Key": "a-phone-without-a-network"}


async def renew(api, user, media_id):
    return await api.post(f"/api/v1/media/{media_id}/renew", headers=user)


def ends_at(answer):
    return datetime.fromisoformat(answer["upload"]["expires_at"])


async def is_known_to_end(rows, asked, seconds_from_now):
    ends = await rows.fetchval("SELECT upload_expires_at FROM media.media_objects WHERE id = $1", asked["id"])
    return abs((ends - datetime.now(UTC)).total_seconds() - seconds_from_now) < 30


async def test_a_url_that_has_ended_is_renewed_for_the_same_id_and_key(api, storage, user, rows):
    asked = await ask(api, user, data := unique_png())
    await pass_time(rows, asked["id"], 700)
    answer = await renew(api, user, asked["id"])
    assert answer.status_code == 200, answer.text
    renewed = answer.json()
    assert list(renewed) == list(asked)
    assert (renewed["id"], lands_at(renewed)) == (asked["id"], lands_at(asked))
    assert datetime.now(UTC) + timedelta(seconds=580) < ends_at(renewed) <= datetime.now(UTC) + timedelta(seconds=600)
    assert (await put(storage, renewed, data)).status_code == 200
    assert (await complete(api, user, asked["id"])).json()["status"] == "ready"


async def test_a_renewed_url_does_not_end_later_than_a_day_after_it_was_asked_for(api, user, rows):
    asked = await ask(api, user, unique_png())
    await pass_time(rows, asked["id"], 24 * 3600 - 60)
    renewed = (await renew(api, user, asked["id"])).json()
    assert ends_at(renewed) <= datetime.now(UTC) + timedelta(seconds=60)
    await pass_time(rows, asked["id"], 61)
    over = await renew(api, user, asked["id"])
    assert (over.status_code, over.json()["code"]) == (409, "upload_period_over")


async def test_renewing_never_shortens_a_life(api, user):
    asked = await ask(api, user, unique_png())
    renewed = [(await renew(api, user, asked["id"])).json() for _ in range(3)]
    assert sorted([ends_at(asked), *map(ends_at, renewed)]) == [ends_at(asked), *map(ends_at, renewed)]


async def test_what_is_settled_is_not_renewed(api, storage, user):
    ready = await make_ready(api, storage, user, unique_png())
    cancelled = await ask(api, user, unique_png())
    await api.delete(f"/api/v1/media/{cancelled['id']}", headers=user)
    for asked in (ready, cancelled):
        answer = await renew(api, user, asked["id"])
        assert (answer.status_code, answer.json()["code"]) == (409, "media_closed")


async def test_nobody_but_the_uploader_renews_or_sees_when_it_ends(api, user, bearer):
    context = uuid.uuid4()
    owner = bearer(user_id := uuid.uuid4(), contexts=[f"ticket_photo:{context}"])
    asked = await ask(api, owner, unique_png(), context_type="ticket_photo", context_id=str(context))
    others = [
        (bearer(contexts=[f"ticket_photo:{context}"]), 403),
        (bearer(roles=["service"], scope="media:write"), 403),
        (bearer(roles=["admin"]), 403),
        (bearer(), 404),
    ]
    for other, refused in others:
        assert (await renew(api, other, asked["id"])).status_code == refused
        seen = await api.get(f"/api/v1/media/{asked['id']}", headers=other)
        assert seen.json().get("upload_expires_at") is None
    mine = (await api.get(f"/api/v1/media/{asked['id']}", headers=bearer(user_id))).json()
    assert mine["upload_expires_at"] == asked["upload"]["expires_at"]
    listed = (await api.get("/api/v1/media", headers=bearer(user_id))).json()["items"]
    assert [item["upload_expires_at"] for item in listed] == [asked["upload"]["expires_at"]]


async def test_its_end_is_no_longer_shown_once_it_is_ready(api, storage, user):
    ready = await make_ready(api, storage, user, unique_png())
    assert (await api.get(f"/api/v1/media/{ready['id']}", headers=user)).json()["upload_expires_at"] is None


async def test_renewing_changes_the_etag_and_is_audited(api, user, rows):
    asked = await ask(api, user, unique_png())
    before = (await api.get(f"/api/v1/media/{asked['id']}", headers=user)).headers["etag"]
    await pass_time(rows, asked["id"], 300)
    after = (await renew(api, user, asked["id"])).headers["etag"]
    assert before != after == (await api.get(f"/api/v1/media/{asked['id']}", headers=user)).headers["etag"]
    actions = await rows.fetch("SELECT action FROM media.audit WHERE media_id = $1 ORDER BY id", asked["id"])
    assert [row["action"] for row in actions] == ["upload.requested", "upload.renewed"]


async def test_a_sweep_that_saw_the_old_end_expires_no_renewed_upload(api, user, rows, idle_worker, monkeypatch):
    asked = await ask(api, user, unique_png())
    await pass_time(rows, asked["id"], 2_000)
    take, looked = idle_worker._finalize, asyncio.Event()

    async def renewed_meanwhile(landed, trigger):
        outcome = await take(landed, trigger)
        assert (await renew(api, user, asked["id"])).status_code == 200
        looked.set()
        return outcome

    monkeypatch.setattr(idle_worker, "_finalize", renewed_meanwhile)
    await idle_worker.sweep()
    assert looked.is_set()
    assert await status_of(rows, asked["id"]) == "pending"


async def test_what_lands_by_a_renewed_url_after_the_object_is_closed_does_not_stay(
    api, storage, user, rows, administrator, environment, worker
):
    asked = await ask(api, user, data := unique_png())
    await pass_time(rows, asked["id"], 700)
    renewed = (await renew(api, user, asked["id"])).json()
    await api.delete(f"/api/v1/media/{asked['id']}", headers=user)
    assert (await put(storage, renewed, data)).status_code == 200
    await pass_time(rows, asked["id"], 3_600)
    await gone(administrator, environment, data)


class TestRetry:
    """The same request again, with its Idempotency-Key."""

    async def test_after_the_url_has_ended_it_gets_one_that_lives(self, api, storage, user, rows):
        first = await ask(api, user, data := unique_png(), headers=KEY)
        await pass_time(rows, first["id"], 700)
        again = await ask(api, user, data, headers=KEY)
        assert (again["id"], again["upload"]["url"] != first["upload"]["url"]) == (first["id"], True)
        assert ends_at(again) > datetime.now(UTC) + timedelta(seconds=500)
        assert (await put(storage, again, data)).status_code == 200

    async def test_shortly_before_the_url_ends_it_gets_one_that_lives_longer(self, api, user, rows):
        first = await ask(api, user, data := unique_png(), headers=KEY)
        await pass_time(rows, first["id"], 400)
        assert ends_at(await ask(api, user, data, headers=KEY)) > datetime.now(UTC) + timedelta(seconds=500)

    async def test_soon_after_the_first_it_gets_the_same_url(self, api, user):
        first = await ask(api, user, data := unique_png(), headers=KEY)
        assert (await ask(api, user, data, headers=KEY)) == first

    async def test_no_dead_url_is_handed_out_when_nothing_can_be_renewed(self, api, user, rows):
        first = await ask(api, user, data := unique_png(), headers=KEY)
        await pass_time(rows, first["id"], 24 * 3600 + 1)
        again = await ask(api, user, data, headers=KEY)
        assert (again["id"], again["status"], again["upload"]) == (first["id"], "pending", None)

    async def test_of_another_request_renews_nothing(self, api, user, rows):
        first = await ask(api, user, unique_png(), headers=KEY)
        await pass_time(rows, first["id"], 700)
        other = {"file_name": "photo.png", "mime_type": "image/png", "file_size": 1}
        answer = await api.post("/api/v1/media/upload", json=other, headers=user | KEY)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert await is_known_to_end(rows, first, -100)

    async def test_is_found_though_its_expires_at_has_passed_since(self, api, user):
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        first = await ask(api, user, data := unique_png(), headers=KEY, expires_at=soon)
        while datetime.fromisoformat(soon) > datetime.now(UTC):
            await asyncio.sleep(0.05)
        assert (await ask(api, user, data, headers=KEY, expires_at=soon))["id"] == first["id"]
        new = {"file_name": "a.png", "mime_type": "image/png", "file_size": 1, "expires_at": soon}
        for headers in ({}, {"Idempotency-Key": "another"}):
            answer = await api.post("/api/v1/media/upload", json=new, headers=user | headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")

    async def test_twins_at_the_same_moment_count_once(self, api, user):
        answers = await asyncio.gather(*(ask(api, user, b"twins", headers=KEY) for _ in range(10)))
        assert len({answer["id"] for answer in answers}) == 1
        body = {"file_name": "photo.png", "mime_type": "image/png", "file_size": 9}
        next_one = await api.post("/api/v1/media/upload", json=body, headers=user)
        assert next_one.headers["ratelimit"].startswith('"uploads";r=18;')

    async def test_retries_and_finalizers_at_once_do_not_lock_one_another_out(self, api, storage, user, rows):
        asked = await land(api, storage, user, data := unique_png(), headers=KEY)
        await rows.execute("UPDATE media.media_objects SET upload_expires_at = now() + interval '1 minute'")
        calls = [complete(api, user, asked["id"]), *(ask(api, user, data, headers=KEY) for _ in range(8))]
        answers = await asyncio.gather(*calls)
        assert answers[0].json()["status"] == "ready"
        assert (await settled(api, user, asked["id"]))["status"] == "ready"


async def test_an_unknown_upload_is_not_found(api, user):
    assert (await renew(api, user, uuid.uuid4())).status_code == 404
