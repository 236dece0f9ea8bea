"""deploy/scan-clamav against a real clamd: only what was read to its end, and found clean, counts as clean."""

import asyncio
from pathlib import Path

import pytest

from tests.clamd import EICAR, STREAM_LIMIT, needs_clamd, running_clamd
from tests.story import unused_port

pytestmark = [needs_clamd, pytest.mark.xdist_group("clamd")]
PROGRAM = Path(__file__).parents[2] / "deploy/scan-clamav"
CLEAN, INFECTED, NO_VERDICT, NO_BYTES, WRONG_CALL = 0, 1, 2, 3, 64


@pytest.fixture
async def clamd(tmp_path):
    async with running_clamd(tmp_path) as running:
        yield running


async def scan(url, *arguments):
    """The exit code, and what it printed."""
    program = await asyncio.create_subprocess_exec(
        PROGRAM,
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin"},
    )
    printed, _ = await asyncio.wait_for(program.communicate(url.encode()), 20)
    return program.returncode, printed.decode()


@pytest.fixture
async def serve():
    """The URL of these bytes, which may be fewer than were promised."""
    servers = []

    async def serving(data, *, status="200 OK", promised=None):
        async def answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            length = len(data) if promised is None else promised
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n".encode() + data)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x\n"

    yield serving
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_what_clamd_says_is_the_verdict(clamd, serve):
    for data, verdict in ((b"good", CLEAN), (b"in front " + EICAR + b" and behind", INFECTED), (b"", CLEAN)):
        exit_code, printed = await scan(await serve(data), clamd.socket)
        assert exit_code == verdict, printed


async def test_bytes_that_storage_does_not_give_are_not_clean(clamd, serve):
    nowhere = f"http://127.0.0.1:{unused_port()}/x\n"
    cut_off = await serve(b"good", promised=5)
    refused = await serve(b"good", status="403 Forbidden")
    moved = await serve(b"", status="302 Found\r\nLocation: http://127.0.0.1/")
    for url in (nowhere, cut_off, refused, moved):
        exit_code, printed = await scan(url, clamd.socket)
        assert exit_code == NO_BYTES, printed


@pytest.mark.parametrize("beyond", [1, 3000, 100_000, 1024 * 1024])
async def test_what_is_too_long_for_clamd_is_not_clean(clamd, serve, beyond):
    within, _ = await scan(await serve(bytes(STREAM_LIMIT)), clamd.socket)
    over, printed = await scan(await serve(bytes(STREAM_LIMIT + beyond)), clamd.socket)
    hidden, _ = await scan(await serve(bytes(STREAM_LIMIT + beyond) + EICAR), clamd.socket)
    assert (within, over, hidden) == (CLEAN, NO_VERDICT, NO_VERDICT), printed


async def test_a_clamd_that_is_away_finds_nothing_clean(clamd, serve):
    url = await serve(b"good")
    await clamd.stop()
    for address in (clamd.socket, f"127.0.0.1:{unused_port()}"):
        exit_code, printed = await scan(url, address)
        assert exit_code == NO_VERDICT, printed


async def test_another_call_than_the_documented_one_is_refused(serve):
    url = await serve(b"good")
    calls = [
        ("", "/run/x"),
        (url.strip(), "/run/x"),
        ("file:///etc/passwd\n", "/run/x"),
        ('http://127.0.0.1/"\n', "/run/x"),
        ("http://127.0.0.1/\\\n", "/run/x"),
        (url,),
        (url, ""),
        (url, "clamd.ctl"),
        (url, ":3310"),
    ]
    for call in calls:
        assert (await scan(*call))[0] == WRONG_CALL, call
