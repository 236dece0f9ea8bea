"""A page of another origin in a real browser, `media run` with storage behind a relay, and the files of a person."""

import asyncio
import contextlib
import functools
import os
import random
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from PIL import Image

from tests.browser.browsers import NEEDED, missing_packages, running_browser
from tests.browser.relay import Relay
from tests.clients.programs import documented
from tests.stories.running import media_run

_ROOM = {"UPLOAD_RATE_PER_MINUTE": "0", "MAX_PENDING_UPLOADS": "0"}  # all tests share one user
_for_all = functools.partial(pytest_asyncio.fixture, scope="session", loop_scope="session")


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("in place", marks=pytest.mark.xdist_group("browsers-in-place")),
        pytest.param("quarantine", marks=pytest.mark.xdist_group("browsers-quarantine")),
    ],
)
def mode(request):
    return request.param


@pytest.fixture(scope="session", params=list(NEEDED))
def browser_name(request):
    return request.param


@_for_all()
async def browser(browser_name):
    if missing := missing_packages(browser_name):
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"{' and '.join(missing)} is missing: make system-packages")
    async with running_browser(browser_name) as browser:
        yield browser


@_for_all()
async def relay():
    async with Relay().running() as relay:
        yield relay


@pytest.fixture(scope="session")
def origin():
    """Where the page is: another site than the API and storage, which are at 127.0.0.1."""
    handler = functools.partial(_Quiet, directory=Path(__file__).parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        if not self.path.startswith(("/documented.html", "/favicon.ico")):
            super().do_GET()
            return
        body = documented("A browser page").encode() if self.path.startswith("/documented") else b""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@_for_all()
async def running(mode, relay, origin):
    """In a thread: storage is tested through the relay, which this event loop runs."""
    variables = {"MINIO_PUBLIC_URL": relay.url, "CORS_ALLOWED_ORIGINS": origin, **_ROOM}
    stack = contextlib.ExitStack()
    started = media_run(mode, "--minio-port", str(relay.upstream_port), **variables)
    try:
        yield await asyncio.to_thread(stack.enter_context, started)
    finally:
        await asyncio.to_thread(stack.close)


@pytest.fixture
def address(running, origin):
    """Of the page, for an API."""

    def at(api_url):
        return f"{origin}/page.html?api={api_url}#{running.stack['tokens']['user']}"

    return at


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser, browser_name, running, address):
    """Open in a tab of its own. A red line in the console fails the test that has not provoked it."""
    async with browser.tab(is_chromium=browser_name == "chromium") as tab:
        await tab.open(address(running.stack["api_url"]))
        yield tab
        assert tab.complaints() == []


@pytest.fixture
def pictures(tmp_path):
    """PNGs of noise in a folder, unlike all others."""

    def make(count, side=60):
        return [_write_noise(tmp_path / f"photo {number + 1}.png", side) for number in range(count)]

    return make


def _write_noise(path, side):
    noise = Image.frombytes("RGB", (side, side), random.randbytes(3 * side * side))
    noise.save(path, compress_level=1)
    return path


@pytest_asyncio.fixture(loop_scope="session")
async def served(running):
    """The bytes of a media object, fetched by another client than the browser."""
    bearer = {"Authorization": f"Bearer {running.stack['tokens']['user']}"}
    options = {"base_url": running.stack["api_url"], "headers": bearer, "timeout": 30, "trust_env": False}
    async with httpx.AsyncClient(follow_redirects=True, **options) as client:

        async def fetch(media):
            assert (media["status"], media["rejection_reason"]) == ("ready", None)
            return (await client.get(f"/api/v1/media/{media['id']}/download")).content

        yield fetch
