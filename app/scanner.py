"""The malware scanner: a program of the operator's that is handed a short presigned GET URL and says clean or infected.

The bytes go from storage to that program. The URL stands on its standard input, as anyone on the machine may read its
arguments; it sees nothing of our environment, and nothing that it prints is read or logged.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import structlog

from app.config import Scanning, Storage
from app.errors import ScannerUnavailable
from app.media import ObjectAddress
from app.presign import Signer
from app.signing import signer_of

_CLEAN: Final = 0
_INFECTED: Final = 1
_SCANS_AT_ONCE: Final = 4
_ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

log = structlog.get_logger()


class Scanner:
    """Runs the program, a few at once in this process. A scan may be done twice, or be killed: it changes nothing."""

    def __init__(self, scanning: Scanning, signer: Signer) -> None:
        self._command = scanning.command
        self._timeout_seconds = scanning.timeout_seconds
        self._signer = signer
        self._slots = asyncio.Semaphore(_SCANS_AT_ONCE)

    async def finds_malware(self, address: ObjectAddress, version_id: str | None) -> bool:
        """Whether this object, in this version if it has any, is infected. Raises ScannerUnavailable without a verdict.

        Takes at most twice the time-out: once to wait for the scans before it, once for its own.
        """
        async with self._slot():
            exit_code = await self._run(address, version_id)
        if exit_code not in (_CLEAN, _INFECTED):
            log.warning("scan.failed", exit_code=exit_code)
            raise ScannerUnavailable
        return exit_code == _INFECTED

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._slots.acquire()
        except TimeoutError as busy:
            log.warning("scan.not_begun", waited_seconds=self._timeout_seconds)
            raise ScannerUnavailable from busy
        try:
            yield
        finally:
            self._slots.release()

    async def _run(self, address: ObjectAddress, version_id: str | None) -> int | None:
        try:
            program = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=_ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            log.warning("scan.not_begun", reason=type(error).__name__)
            raise ScannerUnavailable from error
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await program.communicate(f"{self._url(address, version_id)}\n".encode())
        except TimeoutError as late:
            log.warning("scan.timed_out", after_seconds=self._timeout_seconds)
            raise ScannerUnavailable from late
        finally:
            await _end(program)
        return program.returncode

    def _url(self, address: ObjectAddress, version_id: str | None) -> str:
        return self._signer.presign(
            "GET",
            address.bucket,
            address.key,
            now=datetime.now(UTC),
            expires_seconds=self._timeout_seconds,
            query={} if version_id is None else {"versionId": version_id},
        )


def scanner_of(scanning: Scanning | None, storage: Storage) -> Scanner | None:
    """The scanner that the settings name, which reads storage as the worker identity. None: nothing is scanned."""
    if scanning is None:
        return None
    return Scanner(scanning, signer_of(storage, storage.worker, storage.url))


async def _end(program: asyncio.subprocess.Process) -> None:
    """Kill what still runs, with all that it started: it may be a shell, and the shell's children read the bytes."""
    if program.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        await program.wait()
