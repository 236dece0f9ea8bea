"""What one user may ask for: in any minute, at once, and in bytes. Reserved when asked for, given back when it ends."""

import asyncio
import uuid

import pytest

from tests.story import ask, complete, land, make_ready, pass_time, put, unique_png

MEGABYTE = 1024 * 1024
FILE = {"file_name": "photo.png", "mime_type": "image/png"}
EQUAL = """
    SELECT u.id, u.pending_uploads, u.held_bytes FROM media.uploaders AS u
    FULL JOIN (
        SELECT uploaded_by AS id, count(*) FILTER (WHERE status = 'pending') AS pending,
            sum(file_size) FILTER (WHERE status IN ('pending', 'ready')) AS bytes
        FROM media.media_objects GROUP BY uploaded_by
    ) AS m ON m.id = u.id
    WHERE (u.pending_uploads, u.held_bytes) IS DISTINCT FROM (m.pending, coalesce(m.bytes, 0))
"""


@pytest.fixture
def mode():
    return "in place"


@pytest.fixture
def limits():
    """A class of tests says here which limits it is about."""
    return {}


@pytest.fixture
def environment(environment, limits):
    return environment | {"UPLOAD_RATE_PER_MINUTE": "0", "MAX_PENDING_UPLOADS": "0", "USER_QUOTA_MB": "0"} | limits


@pytest.fixture(autouse=True)
async def the_counters_equal_the_rows(rows):
    yield
    assert await rows.fetch(EQUAL) == []


async def wants(api, user, file_size=100, **headers):
    return await api.post("/api/v1/media/upload", json={**FILE, "file_size": file_size}, headers=user | headers)


def refusal(response):
    return response.status_code, response.json()["code"]


async def rejected(api, storage, user, size):
    asked = await ask(api, user, bytes(size))
    await put(storage, asked, bytes(size))
    assert (await complete(api, user, asked["id"])).json()["status"] == "rejected"


class TestRate:
    @pytest.fixture
    def limits(self):
        return {"UPLOAD_RATE_PER_MINUTE": "3"}

    async def test_one_more_than_the_rate_is_told_when_to_come_again(self, api, user):
        answers = [await wants(api, user) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
        assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
        assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"uploads";q=3;w=60'}
        assert refusal(answers[3]) == (429, "upload_rate_exceeded")
        assert 50 <= int(answers[3].headers["retry-after"]) <= 60
        assert answers[3].headers["ratelimit"] == f'"uploads";r=0;t={answers[3].headers["retry-after"]}'

    async def test_it_holds_in_any_minute_not_only_from_minute_to_minute(self, api, user, rows):
        for _ in range(3):
            await wants(api, user)
        await rows.execute("""
            UPDATE media.uploaders
            SET asked_at = ARRAY[now() - interval '61 s', now() - interval '59 s', now() - interval '1 s']
        """)
        assert (await wants(api, user)).status_code == 201
        late = await wants(api, user)
        assert late.status_code == 429
        assert late.headers["retry-after"] == "1"

    async def test_users_have_a_rate_each(self, api, bearer):
        for user in (bearer(), bearer()):
            assert [(await wants(api, user)).status_code for _ in range(4)] == [201, 201, 201, 429]

    async def test_a_retry_counts_for_nothing_and_is_answered_beyond_the_rate(self, api, user):
        first = await wants(api, user, **{"Idempotency-Key": "a"})
        again = [await wants(api, user, **{"Idempotency-Key": "a"}) for _ in range(5)]
        assert {answer.json()["id"] for answer in again} == {first.json()["id"]}
        assert all("ratelimit" not in answer.headers for answer in again)
        assert [(await wants(api, user)).status_code for _ in range(3)] == [201, 201, 429]
        assert (await wants(api, user, **{"Idempotency-Key": "a"})).status_code == 201

    async def test_retries_at_once_make_one_upload(self, api, user):
        answers = await asyncio.gather(*(wants(api, user, **{"Idempotency-Key": "a"}) for _ in range(20)))
        made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
        assert len(made) == 1
        assert {answer.status_code for answer in answers} <= {201, 429}

    async def test_what_is_refused_for_itself_counts_for_nothing(self, api, user):
        for _ in range(5):
            assert (await wants(api, user, 10**12)).status_code == 413
        assert (await wants(api, user)).headers["ratelimit"].startswith('"uploads";r=2;')

    async def test_a_service_uploads_for_many_users(self, api, bearer):
        service = bearer(roles=["service"], scope="media:write")
        answers = [await wants(api, service) for _ in range(6)]
        assert {answer.status_code for answer in answers} == {201}
        assert all("ratelimit" not in answer.headers for answer in answers)


class TestPending:
    @pytest.fixture
    def limits(self):
        return {"MAX_PENDING_UPLOADS": "2"}

    async def test_one_more_than_may_be_open_is_refused_until_one_ends(self, api, storage, user):
        first, _ = [(await wants(api, user)).json() for _ in range(2)]
        refused = await wants(api, user)
        assert refusal(refused) == (429, "too_many_pending")
        assert int(refused.headers["retry-after"]) > 0
        await api.delete(f"/api/v1/media/{first['id']}", headers=user)
        await rejected(api, storage, user, 200)
        await make_ready(api, storage, user, unique_png())
        assert (await wants(api, user)).status_code == 201
        assert (await wants(api, user)).status_code == 429

    async def test_what_expires_is_open_no_more(self, api, user, rows, idle_worker):
        for _ in range(2):
            asked = (await wants(api, user)).json()
            await pass_time(rows, uuid.UUID(asked["id"]), 2_000)
        await idle_worker.sweep()
        assert (await wants(api, user)).status_code == 201


class TestQuota:
    @pytest.fixture
    def limits(self):
        return {"USER_QUOTA_MB": "1"}

    async def test_it_is_reserved_when_asked_for_to_the_byte(self, api, user):
        assert (await wants(api, user, MEGABYTE - 10)).status_code == 201
        assert refusal(await wants(api, user, 11)) == (409, "quota_exceeded")
        assert (await wants(api, user, 10)).status_code == 201
        assert refusal(await wants(api, user, 1)) == (409, "quota_exceeded")

    async def test_the_first_upload_may_not_exceed_it_either(self, api, user):
        assert refusal(await wants(api, user, MEGABYTE + 1)) == (409, "quota_exceeded")

    async def test_what_is_ready_holds_it_until_it_is_deleted(self, api, storage, user):
        data = unique_png()
        asked = await make_ready(api, storage, user, data)
        assert (await wants(api, user, MEGABYTE - len(data) + 1)).status_code == 409
        await api.delete(f"/api/v1/media/{asked['id']}", headers=user)
        assert (await wants(api, user, MEGABYTE)).status_code == 201

    async def test_what_is_rejected_gives_it_back_once(self, api, storage, user):
        for _ in range(2):
            await rejected(api, storage, user, MEGABYTE)
        assert (await wants(api, user, MEGABYTE)).status_code == 201
        assert (await wants(api, user, 1)).status_code == 409

    async def test_what_expires_gives_it_back(self, api, storage, user, rows, idle_worker):
        asked = await ask(api, user, data := unique_png(), expires_at="2999-01-01T00:00:00Z")
        await put(storage, asked, data)
        await complete(api, user, asked["id"])
        await rows.execute("UPDATE media.media_objects SET expires_at = now()")
        await idle_worker.expire()
        assert (await wants(api, user, MEGABYTE)).status_code == 201

    async def test_finalizing_twice_at_once_settles_it_once(self, api, storage, user):
        asked = await land(api, storage, user, data := unique_png())
        await asyncio.gather(*(complete(api, user, asked["id"]) for _ in range(5)))
        assert (await wants(api, user, MEGABYTE - len(data))).status_code == 201
