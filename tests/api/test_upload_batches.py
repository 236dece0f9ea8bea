"""POST /api/v1/media/uploads: many uploads in one call, each with an answer of its own."""

import asyncio
import json

import pytest

from tests.story import put, settled, unique_png

PNG = {"file_name": "photo.png", "mime_type": "image/png", "file_size": 9}


@pytest.fixture
def mode():
    return "in place"


async def ask_many(api, user, *uploads, **headers):
    return await api.post("/api/v1/media/uploads", json={"uploads": uploads}, headers=user | headers)


def errors(answer):
    assert answer.status_code == 200, answer.text
    return [item.get("error") for item in answer.json()["items"]]


async def test_each_gets_a_put_in_the_order_that_they_were_asked_for(api, storage, user, worker):
    files = [unique_png() for _ in range(12)]
    asked = await ask_many(api, user, *(PNG | {"file_size": len(data)} for data in files))
    items = asked.json()["items"]
    assert [item["upload"]["content_length"] for item in items] == [len(data) for data in files]
    puts = await asyncio.gather(*(put(storage, item, data) for item, data in zip(items, files, strict=True)))
    assert {answer.status_code for answer in puts} == {200}
    assert {(await settled(api, user, item["id"]))["status"] for item in items} == {"ready"}


async def test_what_is_refused_holds_up_no_other(api, user):
    wrong = [
        {"mime_type": "text/html"},
        {"file_size": 10**9},
        {"file_size": 0},
        {"file_name": "a/b.png"},
        {"context_type": "ticket_photo", "context_id": "bb0e8400-e29b-41d4-a716-446655440000"},
        {"status": "ready"},
        {"file_size": "9"},
    ]
    answer = await ask_many(api, user, PNG, *(PNG | change for change in wrong), PNG)
    assert errors(answer) == [
        None, "type_not_allowed", "upload_too_large", "invalid_request", "invalid_request", "not_allowed",
        "invalid_request", "invalid_request", None,
    ]  # fmt: skip
    assert all(item["detail"] for item in answer.json()["items"] if "error" in item)


async def test_all_are_recorded_in_one_round_trip(api, user):
    await ask_many(api, user, PNG)
    statements = []
    async with api.app.state.parts.database._pool.acquire() as connection:
        raw = connection._con
    raw.add_query_logger(statements.append)
    assert len((await ask_many(api, user, *[PNG] * 10)).json()["items"]) == 10
    raw.remove_query_logger(statements.append)
    assert len(statements) == 1


async def test_the_rate_counts_each_and_refuses_those_beyond_it(api, user):
    answer = await ask_many(api, user, *[PNG] * 30)
    assert errors(answer) == [None] * 20 + ["upload_rate_exceeded"] * 10
    assert answer.headers["ratelimit"].startswith('"uploads";r=0;')
    assert all(0 < item["retry_after_seconds"] <= 60 for item in answer.json()["items"][20:])
    assert errors(await ask_many(api, user, PNG)) == ["upload_rate_exceeded"]


class TestOtherLimits:
    @pytest.fixture
    def environment(self, environment):
        return environment | {"UPLOAD_RATE_PER_MINUTE": "0", "MAX_PENDING_UPLOADS": "3", "USER_QUOTA_MB": "1"}

    async def test_open_uploads_are_counted_within_the_batch(self, api, user):
        assert errors(await ask_many(api, user, *[PNG] * 5)) == [None] * 3 + ["too_many_pending"] * 2

    async def test_one_that_is_too_large_for_the_quota_leaves_room_for_the_next(self, api, user):
        large = PNG | {"file_size": 1024 * 1024}
        assert errors(await ask_many(api, user, PNG, large, PNG)) == [None, "quota_exceeded", None]


async def test_two_batches_at_once_get_no_more_than_the_rate(api, user):
    answers = await asyncio.gather(*(ask_many(api, user, *[PNG] * 8) for _ in range(5)))
    assert sum(error is None for answer in answers for error in errors(answer)) == 20


async def test_sent_again_with_its_idempotency_key_it_makes_nothing_twice(api, user, rows):
    key = {"Idempotency-Key": "thirty-photos"}
    first = await ask_many(api, user, *[PNG] * 5, **key)
    again = await ask_many(api, user, *[PNG] * 5, **key)
    assert again.json() == first.json()
    assert await rows.fetchval("SELECT count(*) FROM media.media_objects") == 5
    assert errors(await ask_many(api, user, PNG, PNG | {"file_size": 1}, **key)) == [None, "idempotency_key_reused"]


async def test_what_the_rate_refused_is_tried_anew_by_the_same_call(api, user, rows):
    key = {"Idempotency-Key": "thirty-photos"}
    first = await ask_many(api, user, *[PNG] * 30, **key)
    await rows.execute("UPDATE media.uploaders SET asked_at = '{}'")
    again = await ask_many(api, user, *[PNG] * 30, **key)
    assert errors(again) == [None] * 30
    assert again.json()["items"][:20] == first.json()["items"][:20]


async def test_a_hundred_with_the_longest_names_are_taken_and_no_more(api, bearer):
    service = bearer(roles=["service"], scope="media:write")
    longest = PNG | {"file_name": "\N{GRINNING FACE}" * 255}
    assert errors(await ask_many(api, service, *[longest] * 100)) == [None] * 100
    escaped = json.dumps({"uploads": [longest] * 100})
    headers = service | {"Content-Type": "application/json"}
    assert (await api.post("/api/v1/media/uploads", content=escaped, headers=headers)).status_code == 200
    for uploads in ([PNG] * 101, []):
        assert (await ask_many(api, service, *uploads)).status_code == 400


@pytest.mark.parametrize("body", ["{}", "[]", '{"uploads": {}}', '{"uploads": [1]}', '{"uploads": [null]}', "{"])
async def test_a_body_that_is_no_batch_is_refused(api, user, body):
    answer = await api.post("/api/v1/media/uploads", content=body, headers=user | {"Content-Type": "application/json"})
    if answer.status_code == 200:
        assert [item["error"] for item in answer.json()["items"]] == ["invalid_request"]
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
