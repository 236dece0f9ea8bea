"""STORE_SELF_TEST: what `media api` does with the store's self-test when it starts; and `media doctor --strict`."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys

import httpx
import pytest

from app.cli.store_check import check_store
from app.config import api_settings
from tests.doctor.conftest import left_in
from tests.story import unused_port

MEDIA = (sys.executable, "-P", "-m", "app")
NOWHERE = "http://127.0.0.1:9"


class Api:
    """A `media api` process. `log` is what it has said so far."""

    def __init__(self, environment, folder):
        self.url = f"http://127.0.0.1:{unused_port()}"
        self._log = folder / "api.log"
        with self._log.open("wb") as log:
            port = self.url.rpartition(":")[2]
            self.process = subprocess.Popen([*MEDIA, "api", "--port", port], env=environment, stdout=log, stderr=log)

    @property
    def log(self):
        return [json.loads(line) for line in self._log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def said(self, event):
        return [line for line in self.log if line.get("event") == event]

    async def until(self, condition):
        async with asyncio.timeout(40):
            while not await condition():
                assert self.process.poll() is None, self.log
                await asyncio.sleep(0.05)

    async def is_live(self):
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{self.url}/health/live")).status_code == 200
        return False


@pytest.fixture
def start(environment, tmp_path):
    started = []

    def start(**changes):
        started.append(Api(environment | changes, tmp_path))
        return started[-1]

    yield start
    for api in started:
        api.process.kill()
        api.process.wait(10)


@pytest.mark.parametrize("mode", ["in place"])
async def test_strict_refuses_to_start_on_a_store_that_fails(start):
    api = start(STORE_SELF_TEST="strict")
    assert await asyncio.to_thread(api.process.wait, 40) == 1
    assert {line["part"] for line in api.said("store.check_failed")} == {"unsigned trailers", "node headers"}
    assert all(line["advice"] for line in api.said("store.check_failed"))
    assert [line["failed"] for line in api.said("store.self_tested")] == [2]
    assert api.said("api.not_started")


@pytest.mark.parametrize("mode", ["in place"])
async def test_strict_starts_on_a_store_that_passes(start, edge):
    api = start(STORE_SELF_TEST="strict", MINIO_PUBLIC_URL=edge[0])
    await api.until(api.is_live)
    (summary,) = api.said("store.self_tested")
    assert (summary["failed"], summary["warned"]) == (0, 0)


async def test_strict_refuses_to_start_on_a_store_that_does_not_answer(monkeypatch, environment):
    """In process, so that the patience of a minute need not be waited for."""
    monkeypatch.setattr("app.cli.store_check._PATIENCE_SECONDS", 1)
    assert not await check_store(api_settings(environment | {"MINIO_PUBLIC_URL": NOWHERE}))


@pytest.mark.parametrize("mode", ["in place"])
async def test_warn_serves_at_once_and_says_what_it_found(start):
    api = start(STORE_SELF_TEST="warn")
    await api.until(api.is_live)
    assert not api.said("store.self_tested"), "it was waited for"

    async def tested():
        return api.said("store.self_tested")

    await api.until(tested)
    assert len(api.said("store.check_failed")) == 2
    assert await api.is_live()


async def test_a_server_that_is_stopped_while_it_tests_leaves_nothing(start, administrator, environment):
    api = start(STORE_SELF_TEST="warn")
    await api.until(lambda: something_in(administrator, environment))
    api.process.terminate()
    await asyncio.to_thread(api.process.wait, 20)
    assert await left_in(administrator, environment) == []


async def something_in(administrator, environment):
    return await left_in(administrator, environment)


@pytest.fixture
def doctor(environment):
    """`media doctor --strict`, started."""
    processes = []

    def start(**changes):
        command = [*MEDIA, "doctor", "--strict"]
        processes.append(subprocess.Popen(command, env=environment | changes, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=10)


async def test_doctor_strict_says_one_line_for_each_check_and_what_to_do(doctor):
    process = doctor()
    said, _ = await asyncio.to_thread(process.communicate, timeout=40)
    lines = said.splitlines()
    assert process.returncode == 0, said
    assert {line.partition("  ")[0] for line in lines if not line.startswith(" ")} == {"pass", "warn"}
    assert all(
        following.startswith("      → ")
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("warn")
    )


@pytest.mark.parametrize("mode", ["in place"])
async def test_doctor_strict_fails_in_place_without_an_edge_and_passes_behind_one(doctor, edge):
    process = doctor()
    said, _ = await asyncio.to_thread(process.communicate, timeout=40)
    assert process.returncode == 1
    assert "FAIL  unsigned trailers" in said
    process = doctor(MINIO_PUBLIC_URL=edge[0])
    said, _ = await asyncio.to_thread(process.communicate, timeout=40)
    assert process.returncode == 0, said
    assert {line.partition("  ")[0] for line in said.splitlines()} == {"pass"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_doctor_that_is_interrupted_leaves_nothing(doctor, administrator, environment, number):
    process = doctor()
    async with asyncio.timeout(30):
        while not await left_in(administrator, environment):
            assert process.poll() is None
    process.send_signal(number)
    assert await asyncio.to_thread(process.wait, 20) != 0
    assert await left_in(administrator, environment) == []
