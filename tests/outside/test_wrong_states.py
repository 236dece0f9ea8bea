"""The database refuses states that can't be, whoever writes them: constraints and transitions by name."""

from datetime import UTC, datetime
from itertools import permutations
from uuid import uuid4

import asyncpg
import pytest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PENDING = {
    "file_name": "image_0.png",
    "original_file_name": "photo.png",
    "file_type": "image",
    "mime_type": "image/png",
    "file_size": 1,
    "bucket_name": "media",
    "storage_path": "uploads/a",
    "incoming_bucket": "media",
    "incoming_path": "uploads/a",
    "upload_expires_at": NOW,
    "sweep_at": NOW,
}
READY = {**PENDING, "status": "ready", "etag": "e", "finalized_at": NOW, "finalized_by": "notification"}
REJECTED = {**PENDING, "status": "rejected", "rejection_reason": "type_mismatch"}
STATES = {
    "pending": PENDING,
    "ready": READY,
    "rejected": REJECTED,
    "expired": {**PENDING, "status": "expired"},
    "deleted": {**READY, "status": "deleted"},
}
TRANSITIONS = {
    ("pending", "ready"),
    ("pending", "rejected"),
    ("pending", "expired"),
    ("ready", "deleted"),
    ("ready", "expired"),
}
WRONG = {
    "status_is_known": {"status": "lost"},
    "file_type_is_known": {"file_type": "video"},
    "context_type_is_known": {"context_type": "elsewhere"},
    "finalized_by_is_known": {"finalized_by": "hand"},
    "file_size_is_positive": {"file_size": 0},
    "names_are_not_empty": {"original_file_name": ""},
    "lengths_are_bounded": {"original_file_name": "n" * 256},
    "context_id_has_a_type": {"context_id": uuid4()},
    "pending_awaits_an_upload": {"sweep_at": None},
    "incoming_is_whole": {"incoming_bucket": None},
    "ready_is_measured": {"status": "ready", "finalized_at": NOW},
    "ready_keeps_its_declared_checksum": {**READY, "declared_checksum_sha256": "a", "checksum_sha256": "b"},
    "only_rejected_has_a_reason": {"rejection_reason": "type_mismatch"},
    "idempotency_key_has_an_owner_and_a_request": {"idempotency_key": "k"},
}


async def insert(rows, table="media_objects", **values):
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    sql = f"INSERT INTO media.{table} ({', '.join(values)}) VALUES ({places}) RETURNING *"
    return await rows.fetchrow(sql, *values.values())


async def test_a_row_breaks_each_rule_alone(rows):
    declared = await rows.fetch(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'media.media_objects'::regclass AND contype = 'c'"
    )
    assert {row["conname"] for row in declared} == set(WRONG)
    for name, values in WRONG.items():
        with pytest.raises(asyncpg.CheckViolationError) as raised:
            await insert(rows, **{**PENDING, **values})
        assert raised.value.constraint_name == name
    for state in STATES.values():
        await insert(rows, **{**state, "storage_path": f"media/{uuid4()}", "incoming_path": f"uploads/{uuid4()}"})


@pytest.mark.parametrize(
    ("index", "same"),
    [
        ("media_objects_storage_path", {"incoming_path": "uploads/b"}),
        ("media_objects_incoming_path", {"storage_path": "media/b"}),
    ],
)
async def test_two_objects_share_no_key(rows, index, same):
    await insert(rows, **PENDING)
    with pytest.raises(asyncpg.UniqueViolationError) as raised:
        await insert(rows, **{**PENDING, **same})
    assert raised.value.constraint_name == index


async def test_an_idempotency_key_is_its_owners_alone(rows):
    owner, key = uuid4(), {"idempotency_key": "k", "request_hash": b"h"}
    await insert(rows, **PENDING, **key, uploaded_by=owner)
    other_keys = {"storage_path": "uploads/b", "incoming_path": "uploads/b"}
    with pytest.raises(asyncpg.UniqueViolationError) as raised:
        await insert(rows, **{**PENDING, **other_keys}, **key, uploaded_by=owner)
    assert raised.value.constraint_name == "media_objects_idempotency_key"
    await insert(rows, **{**PENDING, **other_keys}, **key, uploaded_by=uuid4())


async def test_only_known_transitions_are_made(rows):
    for before, after in permutations(STATES, 2):
        keys = {"storage_path": f"media/{uuid4()}", "incoming_path": f"uploads/{uuid4()}"}
        row = await insert(rows, **{**STATES[before], **keys})
        change = rows.execute(
            """UPDATE media.media_objects SET status = $2, rejection_reason = $3, etag = 'e', finalized_at = now()
               WHERE id = $1""",
            row["id"],
            after,
            STATES[after].get("rejection_reason"),
        )
        if (before, after) in TRANSITIONS:
            await change
        else:
            with pytest.raises(asyncpg.CheckViolationError) as raised:
                await change
            assert raised.value.constraint_name == "transition_is_known", (before, after)


async def test_an_event_is_said_once_and_of_a_known_type(rows):
    event = {"event_id": uuid4(), "event_type": "MediaUploaded", "media_id": uuid4(), "payload": "{}"}
    await insert(rows, "outbox", **event)
    with pytest.raises(asyncpg.UniqueViolationError) as said_twice:
        await insert(rows, "outbox", **event)
    assert said_twice.value.constraint_name == "event_is_said_once"
    with pytest.raises(asyncpg.CheckViolationError) as unknown:
        await insert(rows, "outbox", **{**event, "event_id": uuid4(), "event_type": "MediaLost"})
    assert unknown.value.constraint_name == "event_type_is_known"


async def test_ids_sort_by_the_time_they_were_made(rows):
    made = [
        (await insert(rows, "media_objects", **{**PENDING, "storage_path": f"m/{n}", "incoming_path": f"u/{n}"}))["id"]
        for n in range(20)
    ]
    assert made == sorted(made)
    assert {media_id.version for media_id in made} == {7}
