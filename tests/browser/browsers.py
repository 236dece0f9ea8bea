"""Debian's Chromium and Firefox ESR, headless, each with a new profile, and quiet but for what a page does."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

import aiohttp

from tests.browser.bidi import Browser

# Debian's packages, and the programs in them that are started.
NEEDED = {
    "chromium": {"chromium": "chromium", "chromium-driver": "chromedriver"},
    "firefox": {"firefox-esr": "firefox-esr"},
}
_PATIENCE_SECONDS = 60
_CHROMIUM_ARGUMENTS = (
    "--headless=new",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
)
# Most background traffic ends with --remote-debugging-port (remote.prefs.recommended); these are what it leaves.
_FIREFOX_PREFERENCES = {
    "app.normandy.enabled": False,
    "browser.download.alwaysOpenPanel": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.server": "",
}


def missing_packages(name):
    """What apt-get would have to install for this browser."""
    return [package for package, program in NEEDED[name].items() if shutil.which(program) is None]


@contextlib.asynccontextmanager
async def running_browser(name):
    """A session with it."""
    with tempfile.TemporaryDirectory(prefix="media-browser-", ignore_cleanup_errors=True) as folder:
        async with {"chromium": _chromium, "firefox": _firefox}[name](Path(folder)) as browser:
            yield browser


@contextlib.asynccontextmanager
async def _chromium(folder):
    """Through its driver, which makes BiDi of Chromium's own protocol."""
    options = {
        "binary": shutil.which("chromium"),
        "args": [*_CHROMIUM_ARGUMENTS, f"--user-data-dir={folder / 'profile'}"],
    }
    wanted = {"capabilities": {"alwaysMatch": {"webSocketUrl": True, "goog:chromeOptions": options}}}
    async with _process(folder, r"successfully on port (\d+)", "chromedriver", "--port=0") as port, _http() as http:
        async with http.post(f"http://127.0.0.1:{port}/session", json=wanted) as answer:
            session = (await answer.json())["value"]
        assert "capabilities" in session, session
        async with Browser.connected(http, session["capabilities"]["webSocketUrl"]) as browser:
            yield browser


@contextlib.asynccontextmanager
async def _firefox(folder):
    """It speaks BiDi itself."""
    profile = folder / "profile"
    profile.mkdir()
    preferences = (f"user_pref({json.dumps(name)}, {json.dumps(to)});" for name, to in _FIREFOX_PREFERENCES.items())
    (profile / "user.js").write_text("\n".join(preferences))
    command = ("firefox-esr", "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", profile)
    async with (
        _process(folder, r"BiDi listening on ws://127\.0\.0\.1:(\d+)", *command) as port,
        _http() as http,
        Browser.connected(http, f"ws://127.0.0.1:{port}/session") as browser,
    ):
        await browser.command("session.new", capabilities={})
        yield browser


def _http():
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_SECONDS))


@contextlib.asynccontextmanager
async def _process(folder, announcement, *command):
    """The port that it says it listens on. With it end all processes that it started: its profile is thrown away."""
    output = folder / "output.txt"
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=file,
            stderr=file,
            start_new_session=True,
            env={**os.environ, "HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"},
        )
    try:
        yield await _announced(output, announcement, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _announced(output, announcement, process):
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not (found := re.search(announcement, output.read_text(errors="replace"))):
            assert process.returncode is None, output.read_text(errors="replace")
            await asyncio.sleep(0.05)
    return int(found[1])
