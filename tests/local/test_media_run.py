"""`media run` starts everything, says where it is, keeps it up, and leaves nothing behind."""

import asyncio
import contextlib
import os
import signal
import stat
from collections.abc import AsyncIterator
from io import BytesIO
from urllib.parse import urlsplit

import aiohttp
import httpx
import psutil
import pytest
from miniopy_async.api import Minio

from app.local.stack_file import StackFile

pytestmark = pytest.mark.xdist_group("local-stack")


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not alive


def test_stack_json_says_where_everything_is_and_nobody_else_may_read_it(running):
    file = running.data_dir / "stack.json"
    stack = running.stack

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(stack.tokens) == {"user", "other_user", "admin", "service"}
    assert (len(stack.pids.api), len(stack.pids.worker)) == (1, 2)
    assert stack.database_url.startswith("postgresql://")
    assert stack.nats_url.startswith("nats://")
    assert stack.mode == "in place"
    pids = [*stack.pids.api, *stack.pids.worker, stack.pids.minio, stack.pids.nats, stack.pids.postgres]
    assert all(psutil.pid_exists(pid) for pid in pids)


def test_the_api_takes_each_of_the_four_tokens(running):
    for token in running.stack.tokens.values():
        answer = httpx.get(f"{running.stack.api_url}/api/v1/media", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text


def test_no_secret_shows_in_a_command_line(running):
    secrets = [running.stack.jwt_secret, running.stack.minio_root.secret_key]
    secrets += [str(urlsplit(url).password) for url in (running.stack.nats_url, running.stack.database_url)]
    shown = "\n".join(" ".join(process.cmdline()) for process in running.processes())

    assert shown
    assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize("part", ["api", "worker", "minio", "nats", "postgres"])
def test_a_part_that_dies_is_started_again_and_said_so(running, part):
    def pid(stack: StackFile) -> int:
        pids = getattr(stack.pids, part)
        return pids[0] if isinstance(pids, list) else pids

    before = pid(running.stack)
    os.kill(before, signal.SIGKILL)
    running.until(lambda: pid(running.stack) != before)

    assert psutil.pid_exists(pid(running.stack))
    assert f"{part} (process {before}) was ended by SIGKILL, exit code -9" in running.output.read_text()
    running.until(lambda: is_ready(running.stack.api_url))


def is_ready(api_url: str) -> bool:
    try:
        return httpx.get(f"{api_url}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_a_taken_port_is_named_with_its_option(running, start_media_run):
    port = str(urlsplit(running.stack.minio_url).port)
    run = start_media_run("--port", "0", "--minio-port", port, "--nats-port", "0")

    assert run.process.wait(20) == 1
    said = run.output.read_text()
    assert f"port {port} (minio)" in said
    assert "--minio-port 0" in said


def test_a_folder_in_use_is_refused(running, start_media_run):
    run = start_media_run(folder=running.data_dir)

    assert run.process.wait(20) == 1
    assert f"is used by another stack (process {running.process.pid})" in run.output.read_text()
    assert running.stack.api_url


def test_neither_ctrl_c_nor_kill_9_leaves_a_process_and_the_next_run_finds_yesterdays_files(start_media_run, data_dir):
    first = start_media_run()
    first.until_it_answers()
    before, processes = first.stack, first.processes()
    asyncio.run(keep(before, b"kept"))

    assert first.signal(signal.SIGINT) == 0
    assert gone(processes)
    assert not (data_dir / "stack.json").exists()

    second = start_media_run()
    second.until_it_answers()
    assert second.stack.jwt_secret == before.jwt_secret
    assert second.stack.minio_root == before.minio_root
    assert asyncio.run(kept(second.stack)) == b"kept"

    processes = second.processes()
    assert len(processes) >= 5
    second.signal(signal.SIGKILL)
    assert gone(processes)


def test_ctrl_c_while_starting_leaves_no_process(start_media_run, data_dir):
    run = start_media_run()
    run.until((data_dir / "logs" / "minio.log").exists)
    processes = run.processes()

    assert run.signal(signal.SIGINT) == 0
    assert gone(processes)


def test_a_second_ctrl_c_kills_what_does_not_stop(start_media_run):
    run = start_media_run()
    run.until(lambda: any(process.name().startswith("minio") for process in run.processes()))
    processes = run.processes()
    stuck = next(process for process in processes if process.name().startswith("minio"))
    stuck.suspend()

    run.process.send_signal(signal.SIGINT)
    run.until(lambda: "stopping" in run.output.read_text())
    assert run.signal(signal.SIGINT) == 130
    assert gone(processes)


async def keep(stack: StackFile, content: bytes) -> None:
    async with store(stack) as media:
        await media.put_object("media", "media/yesterday", BytesIO(content), len(content))


async def kept(stack: StackFile) -> bytes:
    async with store(stack) as media:
        return await (await media.get_object("media", "media/yesterday")).read()


@contextlib.asynccontextmanager
async def store(stack: StackFile) -> AsyncIterator[Minio]:
    root, endpoint = stack.minio_root, urlsplit(stack.minio_url).netloc
    async with aiohttp.ClientSession() as session:
        yield Minio(endpoint, root.access_key, root.secret_key, secure=False, region="us-east-1", session=session)
