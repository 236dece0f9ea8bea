"""Code of an older schema works on the newest one, as it does while a deployment replaces it.

Each folder here is named after a migration and holds the statements of the code that knew none after it, as they were.
They are never changed; a folder goes when no deployment can still run that code.
"""

import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.database import media_object

_HERE = Path(__file__).parent
_MIGRATIONS = sorted(path.name[:4] for path in (_HERE.parents[1] / "sql" / "migrations").glob("*.sql"))
_OLDER = sorted(path.name for path in _HERE.iterdir() if path.name.isdecimal())
_BLOCK = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)
_GRACE = 900


class OlderCode:
    """The statements of one folder; each takes as many of the arguments as it knows of, in the order of the newest."""

    def __init__(self, folder, connection):
        self._connection = connection
        self.blocks = {
            f"{path.stem}.{name}": sql
            for path in sorted((_HERE / folder).glob("*.sql"))
            for name, sql in re.findall(
                r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", path.read_text(), re.MULTILINE | re.DOTALL
            )
        }

    async def run(self, block, *arguments):
        statement = await self._connection.prepare(self.blocks[block])
        return await statement.fetch(*arguments[: len(statement.get_parameters())])

    async def request(self, *, expires_at=None):
        """A pending upload of a user of its own."""
        key = f"uploads/2026/11/23/{uuid.uuid4().hex}.png"
        (row,) = await self.run(
            "request_upload.insert_pending",
            "image_1.png",
            "photo.png",
            "image",
            "image/png",
            100,
            "media",
            key,
            uuid.uuid4(),
            None,
            None,
            False,
            expires_at,
            None,
            None,
            None,
            None,
            600,
            20,
            50,
            0,
            "user",
        )
        return row

    async def make_ready(self, row, *, bucket="media", key=None):
        return await self.run(
            "finalize_upload.mark_ready",
            row["id"],
            bucket,
            key or row["incoming_path"],
            "etag",
            None,
            1,
            1,
            "notification",
            uuid.uuid4(),
            "MediaUploaded",
            "{}",
            _GRACE,
            None,
        )


@pytest.fixture(params=_OLDER)
def older(request, rows):
    return OlderCode(request.param, rows)


def test_every_migration_but_the_newest_has_the_code_that_knew_none_after_it():
    assert _MIGRATIONS[:-1] == _OLDER


async def test_every_statement_is_understood(older, rows):
    for sql in older.blocks.values():
        await rows.prepare(sql)


async def test_an_upload_in_place_is_announced_deleted_and_purged(older, rows):
    row = await older.request()
    assert [found["id"] for found in await older.run("finalize_upload.find_landing", "media", row["incoming_path"])]
    assert len(await older.make_ready(row)) == 1
    assert await older.make_ready(row) == [], "it wins once"
    assert await _relayed(older) == ["MediaUploaded"]
    deleted, expired = ([uuid.uuid4(), name, "{}"] for name in ("MediaDeleted", "MediaExpired"))
    assert await older.run("delete_media.mark_deleted", row["id"], _GRACE, *deleted, *expired, uuid.uuid4(), "user")
    assert await _relayed(older) == ["MediaDeleted"]
    assert await _purged(older) == {row["incoming_path"]}
    await _is_consistent(rows, row["id"], "deleted")


async def test_an_upload_in_quarantine_is_served_from_its_copy(older, rows):
    row = await older.request()
    copy, lost = (f"media/2026/11/23/{uuid.uuid4().hex}.png" for _ in range(2))
    for key in (copy, lost):
        assert await older.run("finalize_upload.name_copy", row["id"], "served", key)
    assert await older.make_ready(row, bucket="served", key=copy)
    await older.run("finalize_upload.remove_what_lost", "served", lost)
    assert await _purged(older) == {row["incoming_path"], lost}
    await _is_consistent(rows, row["id"], "ready")


async def test_an_upload_is_rejected(older, rows):
    row = await older.request()
    event = [uuid.uuid4(), "MediaRejected", "{}"]
    assert await older.run("finalize_upload.mark_rejected", row["id"], "type_mismatch", "sweep", *event, _GRACE)
    assert await _relayed(older) == ["MediaRejected"]
    assert await _purged(older) == {row["incoming_path"]}
    await _is_consistent(rows, row["id"], "rejected")


async def test_what_never_came_and_what_has_had_its_time_expire(older, rows):
    never_came = await older.request()
    had_its_time = await older.request(expires_at=datetime.now(UTC) + timedelta(milliseconds=1))
    await older.make_ready(had_its_time)
    await rows.execute("UPDATE media.media_objects SET sweep_at = now() WHERE status = 'pending'")
    assert [row["id"] for row in await older.run("reconcile_uploads.take_unsettled", False)] == [never_came["id"]]
    assert [row["id"] for row in await older.run("expire_media.find_expired")] == [had_its_time["id"]]
    for row, status in ((never_came, "pending"), (had_its_time, "ready")):
        event = [uuid.uuid4(), "MediaExpired", "{}"]
        assert await older.run("expire_media.mark_expired", row["id"], status, *event, _GRACE)
        await _is_consistent(rows, row["id"], "expired")
    assert await _purged(older) == {never_came["incoming_path"], had_its_time["incoming_path"]}


async def _relayed(older):
    """The types of the events that wait, and that are published then."""
    waiting = await older.run("relay_outbox.take_unpublished")
    await older.run("relay_outbox.mark_published", [row["id"] for row in waiting])
    assert await older.run("relay_outbox.take_unpublished") == []
    return [row["event_type"] for row in waiting]


async def _purged(older):
    """The keys whose bytes are due for removal, and are removed then."""
    due = await older.run("purge_objects.claim_due")
    buckets, keys = ([row[column] for row in due] for column in ("bucket_name", "storage_path"))
    await older.run("purge_objects.close_removed", buckets, keys)
    return set(keys)


async def _is_consistent(rows, media_id, status):
    """The newest code reads what the older code wrote, and the counters say what the rows say."""
    row = await rows.fetchrow("SELECT * FROM media.media_objects WHERE id = $1", media_id)
    assert media_object(row).status == status
    counted = await rows.fetchrow("SELECT * FROM media.uploaders WHERE id = $1", row["uploaded_by"])
    held = row["file_size"] if status == "ready" else 0
    assert (counted["pending_uploads"], counted["held_bytes"]) == (0, held)
