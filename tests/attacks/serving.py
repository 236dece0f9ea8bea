"""`media api` in a process and on a socket of its own, and what is said to it byte by byte."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import msgspec
import uvicorn

from app.api.app import create_app
from app.api.bounded_http import BoundedHttp, server_options
from app.api.request_bounds import Bounds
from app.config import Bus, api_settings
from app.event_streams import provision_streams
from app.local.child import stop
from app.local.data_folder import open_data_folder
from app.local.nats_server import nats_server, nats_url, wait_for_nats
from app.local.ports import Ports, choose_ports
from app.local.stack_secrets import load_or_make_secrets
from tests.stack import TEMPLATE, database_named

_ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Served:
    """Where it answers, and what it logs."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[dict]:
        """What it has logged so far: a line each, and each line JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@dataclass(frozen=True)
class Answer:
    """One answer as it came over the socket."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for found, value in self.headers if found.lower() == name), None)

    @property
    def code(self) -> str:
        """Of a refusal, which says what all refusals say."""
        assert self.header("content-type") == "application/problem+json", self
        problem = json.loads(self.body)
        assert set(problem) == {"type", "title", "status", "detail", "code"}
        assert problem["status"] == self.status
        return problem["code"]


@contextlib.contextmanager
def api_process(environment: dict[str, str]):
    """Start one; it is ended when it is no longer needed, and must end well."""
    with (
        tempfile.TemporaryDirectory(prefix="media-attacked-") as folder,
        socket.create_server(("127.0.0.1", 0)) as heard,
    ):
        served = Served(heard.getsockname()[1], Path(folder) / "log")
        command = [sys.executable, "-m", "app", "api", "--fd", str(heard.fileno())]
        variables = {"PATH": os.environ["PATH"], **environment}
        with served.log.open("wb") as log:
            process = subprocess.Popen(
                command, cwd=_ROOT, env=variables, stdout=log, stderr=log, pass_fds=[heard.fileno()]
            )
        try:
            yield served
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(_PATIENCE_SECONDS + 5) in (0, -signal.SIGTERM), served.log.read_text()
            failures = [line for line in served.lines() if line["level"] in ("error", "critical")]
            assert not failures, failures


@contextlib.asynccontextmanager
async def serving(environment, **bounds):
    """The API in this event loop, on a socket, by a protocol with other bounds."""

    class Bounded(BoundedHttp):
        pass

    Bounded.bounds = msgspec.structs.replace(Bounds(), **bounds)
    settings = api_settings(environment)
    Bounded.origins = settings.cors_allowed_origins
    options = server_options(settings.trusted_proxies, ()) | {"http": Bounded, "timeout_keep_alive": 1}
    server = uvicorn.Server(uvicorn.Config(create_app(settings), **options))
    with socket.create_server(("127.0.0.1", 0)) as heard:
        running = asyncio.create_task(server._serve([heard]))
        server.port = heard.getsockname()[1]
        yield server
        server.should_exit = True
        await running


def database_of_one_s_own(stack) -> str:
    """For a whole session."""
    name = f"attacked_{secrets.token_hex(8)}"
    _in_a_thread(_make(stack.database_url, name))
    return database_named(stack.database_url, name)


@contextlib.contextmanager
def bus_of_one_s_own():
    """The URL of a NATS server. On the tests' own an API would answer others' requests and replay what they parked."""
    with tempfile.TemporaryDirectory(prefix="media-attacked-") as name, open_data_folder(Path(name)) as folder:
        ports = choose_ports(Ports(api=0, minio=0, nats=0, postgres=0))
        made = load_or_make_secrets(folder.secrets_file)
        nats = nats_server(folder, ports, made)
        nats.start()
        try:
            wait_for_nats(nats, ports.nats)
            url = nats_url(ports.nats, made.nats_password)
            _in_a_thread(provision_streams(Bus(url, None)))
            yield url
        finally:
            stop([nats])


def _in_a_thread(work) -> None:
    """This one's event loop belongs to the tests."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


async def _make(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY wal_log")
    await connection.close()


async def said(port: int, *pieces: bytes) -> list[Answer]:
    """Every answer to these bytes, until the API ends the connection."""
    async with connected(port) as (reader, writer), asyncio.timeout(_PATIENCE_SECONDS):
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        return [answer async for answer in _answers(reader)]


async def said_on_and_on(port: int, begin: bytes, more: bytes, times: int) -> bytes:
    """What comes back while the same is sent again and again, until the API ends the connection."""
    async with connected(port) as (reader, writer), asyncio.timeout(_PATIENCE_SECONDS):
        writer.write(begin)
        heard = asyncio.create_task(_all(reader))
        for _ in range(times):
            writer.write(more)
            await asyncio.wait([heard], timeout=0.1)  # a busy machine's API takes its time to answer
            if heard.done():
                return await heard
        heard.cancel()
        raise AssertionError("the API took all of it")


async def _all(reader) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionError):
        while more := await reader.read(65_536):
            received += more
    return received


@contextlib.asynccontextmanager
async def connected(port: int):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _answers(reader):
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            yield await _answer(reader)


async def _answer(reader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in head[1:] if line)]
    answer = Answer(int(head[0].split()[1]), headers, b"")
    length = int(answer.header("content-length") or 0)
    return Answer(answer.status, headers, await reader.readexactly(length))


def request(method="GET", target="/health/live", *headers: str, body=b"", host="media.test", close=True) -> bytes:
    """A request as it should be, but for what is asked to be different."""
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += ["Connection: close"] if close else []
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body
