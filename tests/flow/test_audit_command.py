"""`media audit` as an operator runs it: JSON lines, exit codes, and a run that was stopped goes on."""

import asyncio
import hashlib
import json
import signal
import sys
import tracemalloc
from pathlib import Path

import pytest

from app.media import ObjectAddress
from tests.deployment import deploy
from tests.flow.auditing import audit, everything_in, lose, put_bytes, read, row_of
from tests.story import make_ready, unique_png, unused_port

pytestmark = pytest.mark.parametrize("mode", ["in place"], indirect=True)  # the command does not depend on it


@pytest.fixture
async def environment(stack, mode, database_url):
    return await deploy(stack, mode, database_url)


async def start(environment, *options):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "audit", *options,
        env={**environment, "PATH": "/usr/bin:/bin"}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def run(environment, *options):
    """Exit code, what was found, the summary, and stderr."""
    process = await start(environment, *options)
    output, errors = await process.communicate()
    lines = [json.loads(line) for line in output.decode().splitlines()]
    summary = lines.pop() if lines else None
    return process.returncode, lines, summary, errors.decode()


async def test_a_clean_store_exits_with_0_and_a_summary(api, storage, user, environment):
    await make_ready(api, storage, user, unique_png())
    code, found, summary, errors = await run(environment)
    assert (code, found, errors) == (0, [], "")
    assert {name: summary[name] for name in ("kind", "complete", "versions", "rows", "unrepaired")} == {
        "kind": "summary", "complete": True, "versions": 1, "rows": 1, "unrepaired": 0,
    }  # fmt: skip


async def test_findings_are_lines_and_exit_with_1_until_they_are_repaired(
    api, storage, user, rows, administrator, environment
):
    asked = await make_ready(api, storage, user, unique_png())
    await lose(administrator, await row_of(rows, asked))
    await put_bytes(administrator, environment["MINIO_BUCKET_MEDIA"], "uploads/stray")
    code, found, summary, _ = await run(environment)
    assert (code, sorted(line["kind"] for line in found), summary["unrepaired"]) == (1, ["missing", "orphan"], 2)
    assert [line["media_id"] for line in found if line["kind"] == "missing"] == [asked["id"]]
    code, found, summary, _ = await run(environment, "--repair")
    assert (code, sorted(line["kind"] for line in found), summary["repaired"]) == (0, ["missing", "orphan"], 2)
    assert all(line["repaired"] for line in found)
    code, found, summary, _ = await run(environment)
    assert (code, found) == (0, [])


@pytest.mark.parametrize("part", ["MINIO_ENDPOINT", "DATABASE_URL", "MINIO_BUCKET_INVOICES", "MINIO_SECRET_KEY"])
async def test_a_part_that_does_not_answer_exits_with_2(environment, part):
    nowhere = {"MINIO_ENDPOINT": f"127.0.0.1:{unused_port()}", "DATABASE_URL": "postgresql://x@127.0.0.1:9/x"}
    code, found, summary, errors = await run(environment | {part: nowhere.get(part, "no-such-thing")})
    assert (code, found, summary["complete"]) == (2, [], False)
    assert errors.startswith("media audit: ")


async def test_rows_in_a_bucket_that_the_settings_leave_out_exit_with_2(api, storage, user, environment):
    await make_ready(api, storage, user, unique_png())
    invoices = environment["MINIO_BUCKET_INVOICES"]
    elsewhere = environment | {"MINIO_BUCKET_MEDIA": invoices, "MINIO_BUCKET_INCOMING": invoices}
    code, _, summary, errors = await run(elsewhere, "--repair")
    assert (code, summary["complete"]) == (2, False)
    assert "1 ready media objects are in other buckets" in errors


@pytest.mark.parametrize("option", ["--verify=0.5.5", "--verify=101%", "--verify=-1", "--missing-at-most=-1"])
async def test_options_that_make_no_sense_exit_with_2(environment, option):
    code, found, summary, errors = await run(environment, option)
    assert (code, found, summary) == (2, [], None)
    assert option.partition("=")[0] in errors


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)], ids=["TERM", "INT", "KILL"]
)
async def test_an_audit_that_was_stopped_goes_on_where_it_was(
    api, storage, user, rows, administrator, environment, tmp_path, how, code
):
    checkpoint = tmp_path / "checkpoint"
    asked = await make_ready(api, storage, user, unique_png())
    await lose(administrator, await row_of(rows, asked))
    await put_bytes(administrator, environment["MINIO_BUCKET_INVOICES"], "stray")
    async with rows.transaction():
        # The first bucket has nothing that might be an orphan; in the second, the audit waits for us.
        await rows.execute("LOCK TABLE media.purges")
        stopped = await start(environment, "--checkpoint", checkpoint)
        await until_waiting(rows)
        stopped.send_signal(how)
        output, _ = await stopped.communicate()
    assert stopped.returncode == code
    assert [json.loads(line)["kind"] for line in output.decode().splitlines()] == ["missing"]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    await put_bytes(administrator, environment["MINIO_BUCKET_MEDIA"], "came later")
    exited, found, summary, _ = await run(environment, "--checkpoint", checkpoint)
    assert (exited, [line["key"] for line in found]) == (1, ["stray"]), "the first bucket is compared already"
    assert (summary["missing"], summary["orphan"], summary["unrepaired"]) == (1, 1, 2)
    assert list(tmp_path.iterdir()) == []


async def test_a_repair_that_is_killed_again_and_again_loses_nothing(administrator, environment):
    bucket = environment["MINIO_BUCKET_MEDIA"]
    planted = [f"media/{number}" for number in range(12)]
    for key in planted:
        await put_bytes(administrator, bucket, key, key.encode())
    for at in range(1, 4):
        killed = await start(environment, "--repair")
        for _ in range(at):
            assert b"orphan.set_aside" in await killed.stderr.readline()
        killed.kill()
        await killed.communicate()
    code, _, summary, _ = await run(environment, "--repair")
    assert (code, summary["unrepaired"]) == (0, 0)
    left = {key for _, key, _ in await everything_in(administrator, environment)}
    assert {key.partition(f"/{bucket}/")[2] for key in left if key.startswith("orphans/")} == set(planted)
    assert len(left) == len(planted)
    for key in left:
        assert await read(administrator, ObjectAddress(bucket, key)) == key.partition(f"/{bucket}/")[2].encode()


async def until_waiting(rows):
    async with asyncio.timeout(20):
        while not await rows.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.02)


async def test_a_checkpoint_of_another_audit_is_refused(environment, tmp_path):
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_text("no checkpoint")
    code, found, summary, errors = await run(environment, "--checkpoint", checkpoint)
    assert (code, found, summary) == (2, [], None)
    assert "is not of an audit of this storage" in errors
    assert checkpoint.read_text() == "no checkpoint"


SMALL, LARGE = 2_000, 20_000


@pytest.mark.timeout(180)  # where others work too
async def test_memory_does_not_grow_with_the_store(stack, rows, administrator, environment):
    """Objects are made as a backup of storage's own files would bring them back: many PUTs would take too long."""
    used = {}
    for count in (SMALL, SMALL, LARGE):  # the first fills caches
        await fill(stack, rows, administrator, environment, count)
        used[count] = await peak_bytes_of_a_clean_audit(environment, count)
    assert used[LARGE] - used[SMALL] < 1024 * 1024, used


async def fill(stack, rows, administrator, environment, count):
    """So many ready media objects, with their bytes."""
    bucket, data = environment["MINIO_BUCKET_MEDIA"], b"x"
    template = await put_bytes(administrator, bucket, "uploads/template", data)
    folder = Path(stack.data_dir) / "minio/data" / bucket
    content = (folder / template.key / "xl.meta").read_bytes()
    version = (await administrator.stat_object(bucket, template.key)).version_id
    await asyncio.to_thread(spread, folder, content, count)
    for listed in [listed async for listed in administrator.list_objects(bucket, "uploads/t", include_version=True)]:
        await administrator.remove_object(bucket, listed.object_name, listed.version_id)
    await rows.execute("DELETE FROM media.media_objects")
    await rows.execute(FILL, bucket, version, hashlib.md5(data).hexdigest(), count)


def spread(folder, content, count):
    for number in range(count):
        place = folder / key_of(number)
        place.mkdir(parents=True, exist_ok=True)
        (place / "xl.meta").write_bytes(content)


def key_of(number):
    return f"uploads/2026/11/{number % 28 + 1:02}/{number:08}.png"


FILL = """
    INSERT INTO media.media_objects (
        file_name, original_file_name, file_type, mime_type, file_size, bucket_name, storage_path, version_id,
        status, etag, finalized_at
    )
    SELECT 'a', 'a', 'image', 'image/png', 1, $1,
        'uploads/2026/11/' || lpad((n % 28 + 1)::text, 2, '0') || '/' || lpad(n::text, 8, '0') || '.png',
        $2, 'ready', $3, now()
    FROM generate_series(0, $4 - 1) AS n
"""


async def peak_bytes_of_a_clean_audit(environment, count):
    tracemalloc.start()
    try:
        found = await audit(environment)
        assert (found, found.tally.rows, found.tally.versions) == ([], count, count)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
