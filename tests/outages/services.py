"""`media api` and `media worker` as processes of a test: what they log, how they end."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

_ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0


class Service:
    """One process."""

    def __init__(self, process, log, port=None):
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._log = log

    def lines(self, event=None):
        """What it has logged so far, or of that one event."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if event in (None, line["event"])]

    async def logged(self, event, more_than=0):
        """Until it has logged this, once more than so often."""
        await until(lambda: len(self.lines(event)) > more_than, self._log.read_text)
        return self.lines(event)[-1]

    async def ended(self):
        """Its exit code, once it has ended."""
        await until(lambda: self.process.poll() is not None, self._log.read_text)
        return self.process.returncode


async def until(so, say=lambda: ""):
    """Look until it is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not so():
        assert time.monotonic() < deadline, say()
        await asyncio.sleep(0.02)


@contextlib.contextmanager
def api_running(environment):
    """An API; what asks too early waits in its socket."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=512) as heard,
        _running(["api", "--fd", str(heard.fileno())], environment, heard.getsockname()[1], heard) as service,
    ):
        yield service


@contextlib.contextmanager
def worker_running(environment):
    with _running(["worker"], environment) as service:
        yield service


@contextlib.contextmanager
def _running(arguments, environment, port=None, *descriptors):
    with tempfile.TemporaryDirectory(prefix="media-service-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as written:
            process = subprocess.Popen(
                [sys.executable, "-m", "app", *arguments],
                cwd=_ROOT,
                env={"PATH": os.environ["PATH"], **environment},
                stdout=written,
                stderr=written,
                pass_fds=[descriptor.fileno() for descriptor in descriptors],
            )
        service = Service(process, log, port)
        try:
            yield service
            bugs = [line for line in service.lines() if line["level"] in ("error", "critical")]
            assert bugs == [], bugs
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


class Calls:
    """The same request again and again, several at a time, and every answer written down."""

    def __init__(self, ask):
        self._ask = ask
        self.answers = []  # (asked at, seconds, status, body)

    async def on_and_on(self):
        while True:
            began = time.monotonic()
            response = await self._ask()
            self.answers.append((began, time.monotonic() - began, response.status_code, response.json()))

    def longest(self, status):
        """The seconds that the slowest of these answers took."""
        return max(seconds for _, seconds, found, _ in self.answers if found == status)

    def statuses(self):
        return {status for _, _, status, _ in self.answers}

    async def more(self, count, status=None):
        """Those that are asked from now on and answered, until there are so many."""
        since = time.monotonic()

        def found():
            return [call for call in self.answers if call[0] >= since and status in (None, call[2])]

        await until(lambda: len(found()) >= count, lambda: str(self.answers[-5:]))
        return found()


@contextlib.asynccontextmanager
async def calling(ask, at_once=8):
    calls = Calls(ask)
    async with asyncio.TaskGroup() as group:
        callers = [group.create_task(calls.on_and_on()) for _ in range(at_once)]
        yield calls
        for caller in callers:
            caller.cancel()


@contextlib.asynccontextmanager
async def client_of_api(service):
    """An HTTP client of an API that serves."""
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
        await client.get("/health/live")  # its start is no part of what is measured
        yield client
