"""A real clamd that knows one thing: the EICAR test file, https://www.eicar.org/download-anti-malware-testfile/."""

import asyncio
import contextlib
import shutil
import signal

import pytest

# Written backwards, so that no scanner takes this repository for infected.
EICAR = rb"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\4[PA@%P!O5X"[::-1]
STREAM_LIMIT = 1024 * 1024

_PROGRAM = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin")
needs_clamd = pytest.mark.skipif(
    not all((_PROGRAM, shutil.which("clamdscan"), shutil.which("curl"))),
    reason="clamd, clamdscan or curl is not installed",
)


class Clamd:
    """Listens on a socket in a folder of its own, while it runs."""

    def __init__(self, folder):
        self.socket = folder / "clamd.ctl"
        self._config = folder / "clamd.conf"
        self._process = None
        database = folder / "database"
        database.mkdir()
        (database / "test.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
        self._config.write_text(
            f"LocalSocket {self.socket}\nDatabaseDirectory {database}\nUser root\nForeground yes\n"
            f"StreamMaxLength {STREAM_LIMIT}\nAlertExceedsMax yes\n"
        )

    async def start(self):
        """Until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            _PROGRAM,
            f"--config-file={self._config}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(30):
            while not await self._answers():
                assert self._process.returncode is None, "clamd did not start"
                await asyncio.sleep(0.02)

    async def stop(self):
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)  # it takes its time to end
            await self._process.wait()
            self.socket.unlink(missing_ok=True)

    async def _answers(self):
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_unix_connection(self.socket)
            writer.write(b"zPING\0")
            answer = await reader.read(5)
            writer.close()
            return answer == b"PONG\0"
        return False


@contextlib.asynccontextmanager
async def running_clamd(folder):
    clamd = Clamd(folder)
    await clamd.start()
    try:
        yield clamd
    finally:
        await clamd.stop()
