"""`media audit` as an operator runs it: JSON lines, exit codes, and a run that was stopped goes on."""

import asyncio
import json
import sys

import pytest

from tests.deployment import deploy
from tests.flow.auditing import lose, put_bytes, row_of
from tests.story import make_ready, unique_png, unused_port

pytestmark = pytest.mark.parametrize("mode", ["in place"], indirect=True)  # the command does not depend on it


@pytest.fixture
async def environment(stack, mode, database_url):
    return await deploy(stack, mode, database_url)


async def run(environment, *options):
    """Exit code, what was found, the summary, and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "audit", *options,
        env={**environment, "PATH": "/usr/bin:/bin"}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
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
