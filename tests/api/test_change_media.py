"""PATCH: what may be changed, by one editor at a time, and what a change ends."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.test_upload_requests import problem
from tests.story import ask, link_to, make_ready, status_of, unique_png

SOON = "2100-01-31T10:30:00Z"


async def look(api, user, media_id):
    """The media object and its ETag."""
    response = await api.get(f"/api/v1/media/{media_id}", headers=user)
    assert response.status_code == 200, response.text
    return response.json(), response.headers["etag"]


async def change(api, user, media_id, *, match="*", **fields):
    headers = user | ({"If-Match": match} if match is not None else {})
    return await api.patch(f"/api/v1/media/{media_id}", json=fields, headers=headers)


@pytest.fixture
async def asked(api, user):
    return (await ask(api, user, b"x"))["id"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("is_public", True),
        ("context_type", "website_media"),
        ("expires_at", SOON),
        ("original_file_name", "Übergabe ☂.png"),
    ],
)
async def test_a_field_is_changed_and_no_other(api, user, asked, field, value):
    before, tag = await look(api, user, asked)
    response = await change(api, user, asked, match=tag, **{field: value})
    assert response.status_code == 200, response.text
    after, new_tag = await look(api, user, asked)
    assert (after[field], response.json(), response.headers["etag"]) == (value, after, new_tag)
    moved = {field, "updated_at", "revision"}
    assert {name: after[name] for name in after if name not in moved} == {
        name: before[name] for name in before if name not in moved
    }
    assert new_tag != tag


async def test_a_context_is_moved_by_type_and_id(api, bearer):
    owner, here, there = uuid.uuid4(), str(uuid.uuid4()), str(uuid.uuid4())
    user = bearer(owner, contexts=[f"ticket_photo:{here}", f"other:{there}"])
    asked = (await ask(api, user, b"x", context_type="ticket_photo", context_id=here))["id"]
    moved = await change(api, user, asked, context_type="other", context_id=there)
    assert (moved.json()["context_type"], moved.json()["context_id"]) == ("other", there)
    assert (await api.get(f"/api/v1/media/{asked}", headers=bearer(contexts=[f"other:{there}"]))).status_code == 200
    assert (await api.get(f"/api/v1/media/{asked}", headers=bearer(contexts=[f"ticket_photo:{here}"]))).is_error


async def test_null_takes_a_value_away(api, bearer):
    context = str(uuid.uuid4())
    user = bearer(contexts=[f"ticket_photo:{context}"])
    more = {"context_type": "ticket_photo", "context_id": context, "expires_at": SOON}
    asked = (await ask(api, user, b"x", **more))["id"]
    assert problem(await change(api, user, asked, context_type=None)) == (400, "invalid_request")
    response = await change(api, user, asked, context_type=None, context_id=None, expires_at=None)
    assert [response.json()[name] for name in more] == [None, None, None]


@pytest.mark.parametrize(
    "fields",
    [
        {"is_public": None}, {"is_public": 1}, {"is_public": "true"}, {"original_file_name": None},
        {"original_file_name": ""}, {"original_file_name": "a/b.png"}, {"original_file_name": "a\r\nb"},
        {"original_file_name": "x" * 256}, {"original_file_name": "\u200b"}, {"context_type": "ticket"},
        {"context_id": str(uuid.UUID(int=1))}, {"context_id": "1"}, {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2100-01-01T00:00:00"}, {"expires_at": "9999-12-31T23:59:59Z"}, {"expires_at": 4_102_444_800},
        {"status": "ready"}, {"isPublic": True}, {"is_public": True, "file_name": "a"},
    ],
    ids=ascii,
)  # fmt: skip
async def test_what_can_not_be_is_refused_and_changes_nothing(api, user, asked, fields):
    before = await look(api, user, asked)
    assert problem(await change(api, user, asked, **fields)) == (400, "invalid_request")
    assert await look(api, user, asked) == before


@pytest.mark.parametrize(
    "body", [b'{"original_file_name":"\xff"}', b'{"\xff":1}', b"\xff", b'{"is_public":true', b"[]", b""], ids=ascii
)
async def test_a_body_that_is_no_json_is_refused(api, user, asked, body):
    headers = user | {"If-Match": "*", "Content-Type": "application/json"}
    response = await api.patch(f"/api/v1/media/{asked}", content=body, headers=headers)
    assert problem(response) == (400, "invalid_request")


async def test_a_change_says_of_which_revision_it_is(api, user, asked):
    assert problem(await change(api, user, asked, match=None, is_public=True)) == (428, "revision_missing")
    assert (await look(api, user, asked))[0]["is_public"] is False


@pytest.mark.parametrize(
    ("match", "status"),
    [
        ("{}", 200), ("*", 200), (" * ", 200), ('"x", {}', 200), ('{},"x"', 200), ("W/{}", 200),
        ('"x,", W/{}', 200), ('"x"', 412),
        ('""', 412), ("", 412), ("{}x", 412), ("x{}", 412), ("w/{}", 412), ('W/"x"', 412),
        ("'1'", 412), ("1", 412), ("*x", 412),
    ],
)  # fmt: skip
async def test_if_match_is_read_as_rfc_9110_has_it(api, user, asked, match, status):
    _, tag = await look(api, user, asked)
    response = await change(api, user, asked, match=match.format(tag), is_public=True)
    assert response.status_code == status, response.text
    assert (await look(api, user, asked))[0]["is_public"] is (status == 200)


async def test_who_looked_too_early_overwrites_nothing(api, user, asked):
    _, tag = await look(api, user, asked)
    assert (await change(api, user, asked, match=tag, original_file_name="first.png")).status_code == 200
    late = await change(api, user, asked, match=tag, original_file_name="second.png")
    assert problem(late) == (412, "revision_changed")
    assert (await look(api, user, asked))[0]["original_file_name"] == "first.png"


@pytest.mark.parametrize("match", ["their ETag", "*"])
async def test_of_racing_editors_one_wins(api, user, rows, asked, match):
    _, tag = await look(api, user, asked)
    names = [f"{number}.png" for number in range(8)]
    answers = await asyncio.gather(
        *(
            change(api, user, asked, match=tag if match == "their ETag" else "*", original_file_name=name)
            for name in names
        )
    )
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 412}
    if match == "their ETag":
        assert statuses.count(200) == 1
        assert (await look(api, user, asked))[0]["original_file_name"] == names[statuses.index(200)]
    changes = await rows.fetchval("SELECT count(*) FROM media.audit WHERE action = 'media.changed'")
    assert (changes, (await look(api, user, asked))[0]["revision"]) == (statuses.count(200), 1 + statuses.count(200))


async def test_what_is_closed_does_not_change(api, user, rows, asked):
    await api.delete(f"/api/v1/media/{asked}", headers=user)
    assert await status_of(rows, asked) == "expired"
    assert problem(await change(api, user, asked, is_public=True)) == (409, "media_closed")
    assert await rows.fetchval("SELECT is_public FROM media.media_objects") is False


async def test_what_is_deleted_is_not_found(api, storage, user):
    asked = (await make_ready(api, storage, user, unique_png()))["id"]
    await api.delete(f"/api/v1/media/{asked}", headers=user)
    assert problem(await change(api, user, asked, is_public=True)) == (404, "media_not_found")


async def test_making_it_private_ends_the_tokens_for_good(api, storage, user):
    asked = (await make_ready(api, storage, user, unique_png(), is_public=True))["id"]
    early = urlsplit((await look(api, user, asked))[0]["download_url"])
    early = f"{early.path}?{early.query}"
    assert (await api.get(early)).status_code == 302
    await change(api, user, asked, is_public=False)
    assert (await api.get(early)).status_code == 401
    await change(api, user, asked, is_public=True)
    assert (await api.get(early)).status_code == 401
    late = urlsplit((await look(api, user, asked))[0]["download_url"])
    assert (await api.get(f"{late.path}?{late.query}")).status_code == 302


async def test_a_change_that_leaves_it_public_ends_no_token(api, storage, user):
    asked = (await make_ready(api, storage, user, unique_png(), is_public=True))["id"]
    early = urlsplit((await look(api, user, asked))[0]["download_url"])
    await change(api, user, asked, is_public=True, original_file_name="b.png")
    assert (await api.get(f"{early.path}?{early.query}")).status_code == 302


async def test_a_link_lives_no_longer_than_its_object(api, storage, user):
    asked = (await make_ready(api, storage, user, unique_png()))["id"]
    assert parse_qs(urlsplit(await link_to(api, user, asked)).query)["X-Amz-Expires"] == ["300"]
    end = datetime.now(UTC) + timedelta(seconds=100)
    assert (await change(api, user, asked, expires_at=end.isoformat())).status_code == 200
    (seconds,) = parse_qs(urlsplit(await link_to(api, user, asked)).query)["X-Amz-Expires"]
    assert 1 <= int(seconds) <= 100


async def test_the_new_name_is_what_a_download_is_saved_under(api, storage, user):
    asked = (await make_ready(api, storage, user, unique_png()))["id"]
    await change(api, user, asked, original_file_name="renamed.png")
    served = await storage.get(await link_to(api, user, asked))
    assert served.headers["content-disposition"] == 'attachment; filename="renamed.png"'


async def test_the_etag_changes_when_an_upload_is_settled(api, storage, user):
    data = unique_png()
    asked = await ask(api, user, data)
    _, pending = await look(api, user, asked["id"])
    await storage.put(asked["upload"]["url"], content=data, headers=asked["upload"]["headers"])
    done = await api.post(f"/api/v1/media/{asked['id']}/complete", headers=user)
    assert done.headers["etag"] == (await look(api, user, asked["id"]))[1] != pending
    late = await change(api, user, asked["id"], match=pending, is_public=True)
    assert problem(late) == (412, "revision_changed")


async def test_an_upload_that_was_changed_while_pending_becomes_ready_as_changed(api, storage, user):
    data = unique_png()
    asked = await ask(api, user, data)
    assert (await change(api, user, asked["id"], original_file_name="b.png", is_public=True)).status_code == 200
    await storage.put(asked["upload"]["url"], content=data, headers=asked["upload"]["headers"])
    done = (await api.post(f"/api/v1/media/{asked['id']}/complete", headers=user)).json()
    assert (done["status"], done["original_file_name"], done["is_public"]) == ("ready", "b.png", True)
