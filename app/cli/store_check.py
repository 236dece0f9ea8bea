"""What `media api` does with the store's self-test when it starts: STORE_SELF_TEST."""

import asyncio
import socket
import sys
import time
from typing import Final

import structlog
import uvicorn

from app.cli.server import Server
from app.cli.tidily import run_tidily
from app.config import ApiSettings
from app.errors import StorageUnavailable
from app.flow.find_media import Changes
from app.store_self_test import Finding, Verdict, self_test

_PATIENCE_SECONDS: Final = 60.0  # storage may be starting when we do
_PAUSE_SECONDS: Final = 1.0
_CLEANING_SECONDS: Final = 2.0
_COUNTED: Final = {"passed": Verdict.PASS, "warned": Verdict.WARN, "failed": Verdict.FAIL}

log = structlog.get_logger()


def checking_server(config: uvicorn.Config, settings: ApiSettings, changes: Changes) -> Server:
    """A server that knows its storage before it serves, or gets to know it then. Exits with 1 if it may not serve."""
    if settings.store_self_test == "warn":
        return _Checking(config, settings, changes)
    if not run_tidily(check_store(settings)):
        log.error("api.not_started", reason="STORE_SELF_TEST is strict, and the store's self-test did not pass")
        sys.exit(1)
    return Server(config, changes)


class _Checking(Server):
    """Examines storage in the background once it serves. Whatever that finds, it goes on serving."""

    def __init__(self, config: uvicorn.Config, settings: ApiSettings, changes: Changes) -> None:
        super().__init__(config, changes)
        self._settings = settings
        self._check: asyncio.Task[bool] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._check = asyncio.create_task(check_store(self._settings))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._check is not None:
            self._check.cancel()
            await asyncio.wait([self._check], timeout=_CLEANING_SECONDS)  # it removes what it wrote
        await super().shutdown(sockets)


async def check_store(settings: ApiSettings) -> bool:
    """Log every finding that is not a pass, and a summary. True if nothing failed."""
    try:
        findings = await _found(settings)
    except StorageUnavailable as error:
        log.warning("store.unreachable", seconds=_PATIENCE_SECONDS, reason=type(error.__cause__).__name__)
        return False
    except Exception:  # a bug of ours must not end a server that serves
        log.exception("store.self_test_failed")
        return False
    for finding in findings:
        if finding.verdict is not Verdict.PASS:
            log.warning("store.check_failed" if not finding.ok else "store.check_warned", **_fields(finding))
    counts = {name: sum(finding.verdict is verdict for finding in findings) for name, verdict in _COUNTED.items()}
    log.info("store.self_tested", **counts)
    return counts["failed"] == 0


def _fields(finding: Finding) -> dict[str, str]:
    return {"part": finding.part, "says": finding.says, "advice": finding.advice}


async def _found(settings: ApiSettings) -> list[Finding]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return await self_test(settings)
        except StorageUnavailable:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)
