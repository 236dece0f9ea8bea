"""The scanner's program: what it is given, what its exit code means, and that it ends when its time is up."""

import asyncio
import json
import os
import re
import secrets
import sys

import httpx
import pytest
from structlog.testing import capture_logs

from app import scanner
from app.config import Scanning, worker_settings
from app.errors import ScannerUnavailable
from app.media import ObjectAddress
from app.scanner import Scanner, scanner_of
from tests import samples
from tests.story import client_of, storage_code, write

pytestmark = pytest.mark.parametrize("mode", ["in place"], indirect=True)  # an address is an address

TELL = """
import json, os, pathlib, sys
told = {"stdin": sys.stdin.read(), "environment": dict(os.environ), "arguments": sys.orig_argv, "group": os.getpgid(0)}
pathlib.Path(sys.argv[1]).write_text(json.dumps(told))
"""


@pytest.fixture
def environment(stack, mode):
    return stack.environment(mode, stack.database_url)  # no database is needed here


@pytest.fixture
def storage_settings(environment):
    return worker_settings(environment).storage


@pytest.fixture
def scanning(storage_settings):
    """A scanner with this command."""

    def made(*command, timeout_seconds=10):
        return scanner_of(Scanning(command, timeout_seconds), storage_settings)

    return made


@pytest.fixture
async def written(stack, storage_settings):
    """An object, and how to write over it."""
    address = ObjectAddress(storage_settings.bucket_media, f"uploads/{secrets.token_hex(8)}")
    async with client_of(stack, stack.root) as administrator:
        await write(administrator, address, samples.pdf())
        yield address, lambda data: write(administrator, address, data)
        await administrator.remove_object(address.bucket, address.key)


NOWHERE = ObjectAddress("media", "uploads/x")


def script(source):
    return "/bin/sh", "-c", source


async def test_the_program_is_given_a_url_on_stdin_and_nothing_else(scanning, tmp_path, storage_settings):
    told_in = tmp_path / "told"
    command = (sys.executable, "-c", TELL, str(told_in))
    assert await scanning(*command).finds_malware(NOWHERE, "a/version") is False
    told = json.loads(told_in.read_text())
    (url,) = told["stdin"].splitlines()
    assert told["stdin"] == f"{url}\n"
    assert url.startswith(f"http://{storage_settings.endpoint}/media/uploads/x?versionId=a%2Fversion&")
    assert told["arguments"] == list(command)
    assert set(told["environment"]) <= {"PATH", "LC_CTYPE"}  # Python adds the latter itself
    assert told["group"] != os.getpgid(0)


async def test_the_url_reads_this_version_and_ends_with_the_scan(scanning, tmp_path, written):
    address, write_over = written
    told_in = tmp_path / "told"
    script_of_it = script(f"cat >{told_in}")
    await scanning(*script_of_it, timeout_seconds=30).finds_malware(address, None)
    url = told_in.read_text().strip()
    assert "X-Amz-Expires=30&" in url
    async with httpx.AsyncClient() as client:
        found = await client.get(url)
        assert found.content == samples.pdf()
        version = found.headers["x-amz-version-id"]
        for method in ("PUT", "DELETE", "HEAD"):
            assert (await client.request(method, url)).status_code == 403
        await write_over(b"other bytes")
        await scanning(*script_of_it).finds_malware(address, version)
        assert (await client.get(told_in.read_text().strip())).content == samples.pdf()
        other = re.sub("versionId=[^&]*", "versionId=null", told_in.read_text().strip())
        assert storage_code(await client.get(other)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize(("exit_code", "infected"), [(0, False), (1, True)])
async def test_the_exit_code_is_the_verdict(scanning, exit_code, infected):
    assert await scanning(*script(f"exit {exit_code}")).finds_malware(NOWHERE, None) is infected


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(script("exit 2"), id="another exit code"),
        pytest.param(script("exit 255"), id="the highest exit code"),
        pytest.param(script("kill -KILL $$"), id="killed"),
        pytest.param(script("kill -HUP $$"), id="signal 1, which is no exit code 1"),
        pytest.param(("/nowhere/scanner",), id="no such program"),
        pytest.param(("no-such-scanner",), id="no such program on PATH"),
        pytest.param(("/etc/hostname",), id="no program"),
    ],
)
async def test_anything_else_is_no_verdict(scanning, command):
    with pytest.raises(ScannerUnavailable):
        await scanning(*command).finds_malware(NOWHERE, None)


async def test_a_program_may_leave_the_url_and_print_much(scanning):
    assert await scanning(*script("exec <&-; yes | head -c 1000000; exit 1")).finds_malware(NOWHERE, None) is True


async def ended(fifo):
    """Until no process holds the other end open."""
    return await asyncio.wait_for(asyncio.to_thread(fifo.read_bytes), 10)


@pytest.fixture
def fifo(tmp_path):
    made = tmp_path / "fifo"
    os.mkfifo(made)
    return made


async def test_a_scan_that_takes_too_long_is_killed_with_all_that_it_started(scanning, fifo):
    source = f"(exec >{fifo}; echo begun; sleep 15) & wait"
    watching = asyncio.create_task(ended(fifo))
    with pytest.raises(ScannerUnavailable):
        await scanning(*script(source), timeout_seconds=1).finds_malware(NOWHERE, None)
    assert await watching == b"begun\n"


async def test_a_scan_that_is_cancelled_is_killed_with_all_that_it_started(scanning, fifo, tmp_path):
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    source = f"(exec >{fifo}; echo >{begun}; sleep 15) & wait"
    watching = asyncio.create_task(ended(fifo))
    scan = asyncio.create_task(scanning(*script(source)).finds_malware(NOWHERE, None))
    await ended(begun)
    scan.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scan
    assert await watching == b""


async def test_only_so_many_scan_at_once(scanning, tmp_path):
    seen = tmp_path / "seen"
    busy = scanning(*script(f"echo + >>{seen}; sleep 0.05; echo - >>{seen}"))
    await asyncio.gather(*(busy.finds_malware(NOWHERE, None) for _ in range(3 * scanner._SCANS_AT_ONCE)))
    at_once, most = 0, 0
    for line in seen.read_text().split():
        at_once += 1 if line == "+" else -1
        most = max(most, at_once)
    assert 1 < most <= scanner._SCANS_AT_ONCE


async def test_a_scan_that_finds_all_places_taken_is_no_verdict(scanning, fifo):
    busy = scanning(*script(f": >{fifo}"), timeout_seconds=1)
    busy._slots = asyncio.Semaphore(1)
    first = asyncio.create_task(busy.finds_malware(NOWHERE, None))
    second = asyncio.create_task(busy.finds_malware(NOWHERE, None))
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(result) for result in results] == [ScannerUnavailable] * 2
    assert not busy._slots.locked()


async def test_no_log_shows_the_url_or_what_the_program_printed(scanning):
    with capture_logs() as logs, pytest.raises(ScannerUnavailable):
        await scanning(*script("cat; cat >&2; echo printed; exit 7")).finds_malware(NOWHERE, None)
    assert logs == [{"event": "scan.failed", "log_level": "warning", "exit_code": 7}]


async def test_without_a_command_there_is_no_scanner(environment):
    settings = worker_settings(environment)
    assert scanner_of(settings.scanning, settings.storage) is None
    told = worker_settings({**environment, "SCAN_COMMAND": "deploy/scan-clamav '/run/a b'"})
    assert told.scanning == Scanning(("deploy/scan-clamav", "/run/a b"), 60)
    assert isinstance(scanner_of(told.scanning, told.storage), Scanner)
