"""A file goes in, is checked, announced once, and comes out as it was."""

import base64
import json
import uuid
from datetime import datetime
from urllib.parse import unquote

import pytest

from tests.stories.verbs import KINDS, ask, key_of, make_ready, put, sample, settled

_UPLOADS = 12
_SPEC = {"event_type", "media_id", "context_type", "context_id", "file_type", "timestamp"}
_ADDITIONS = {"event_id", "mime_type", "file_size", "uploaded_by"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_comes_out_as_it_went_in(user, anyone, kind):
    file = sample(kind)
    asked = await ask(user, file)
    assert asked["status"] == "pending"
    await put(anyone, asked, file.content)
    media = await settled(user, asked["id"])
    assert (media["status"], media["rejection_reason"]) == ("ready", None)

    downloaded = await user.get(f"/api/v1/media/{asked['id']}/download", follow_redirects=True)
    assert [step.status_code for step in downloaded.history] == [302]
    assert downloaded.status_code == 200
    assert downloaded.content == file.content
    assert downloaded.headers["content-type"] == file.mime_type
    disposition, _, exact_name = downloaded.headers["content-disposition"].partition("filename*=UTF-8''")
    assert disposition.startswith('attachment; filename="')
    assert unquote(exact_name) == file.name


@pytest.mark.parametrize("kind", KINDS)
async def test_the_answers_say_what_the_file_is(service, anyone, kind):
    file, ticket = sample(kind), str(uuid.uuid4())
    asked, media = await make_ready(service, anyone, file, context_type="ticket_photo", context_id=ticket)

    for answer in (asked, media):
        assert answer["original_file_name"] == file.name
        assert answer["file_type"] == file.file_type
        assert answer["mime_type"] == file.mime_type
        assert answer["file_size"] == len(file.content)
        assert answer["url"].endswith(f"/files/{asked['id']}")
        assert datetime.fromisoformat(answer["created_at"]).tzinfo is not None
    assert (media["context_type"], media["context_id"]) == ("ticket_photo", ticket)


async def test_uploaded_is_said_with_the_fields_of_the_specification(service, anyone, events, stack):
    file, ticket = sample("jpeg"), str(uuid.uuid4())
    asked, _ = await make_ready(service, anyone, file, context_type="ticket_photo", context_id=ticket)

    (event,) = await events.about(asked["id"], until="MediaUploaded")
    assert set(event) == _SPEC | _ADDITIONS
    assert event | {"timestamp": None, "event_id": None} == {
        "event_type": "MediaUploaded",
        "media_id": asked["id"],
        "context_type": "ticket_photo",
        "context_id": ticket,
        "file_type": "image",
        "timestamp": None,
        "event_id": None,
        "mime_type": "image/jpeg",
        "file_size": len(file.content),
        "uploaded_by": subject(stack["tokens"]["service"]),
    }
    assert datetime.fromisoformat(event["timestamp"]).tzinfo is not None
    assert uuid.UUID(event["event_id"])


async def test_two_notifications_of_each_upload_make_one_event(user, anyone, events, notifications):
    made = [await make_ready(user, anyone, sample(kind)) for kind in list(KINDS) * (_UPLOADS // len(KINDS))]
    keys = {media["id"]: key_of(asked) for asked, media in made}
    await notifications.all_handled(keys.values(), copies=2)

    # Events come in order for each object: whatever was to be said of its upload is said before its end.
    for media_id in keys:
        assert (await user.delete(f"/api/v1/media/{media_id}")).status_code == 204
    for media_id in keys:
        said = await events.about(media_id, until="MediaDeleted")
        assert [event["event_type"] for event in said] == ["MediaUploaded", "MediaDeleted"]
        assert len({event["event_id"] for event in said}) == 2


def subject(token):
    """Who a bearer token is of."""
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
