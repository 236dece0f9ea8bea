"""The folder that holds everything of one local stack: data, logs, secrets. One stack at a time uses it.

The lock is inherited by every process of the stack, so it is free only when the last of them is gone, even if
`media run` was killed: a new stack never meets the old one's processes.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from app.local.problem import CannotStart

_PATIENCE_SECONDS: Final = 10.0  # a killed stack's processes end within this time


class DataFolder(msgspec.Struct, frozen=True):
    path: Path
    lock: int

    @property
    def secrets_file(self) -> Path:
        return self.path / "secrets.json"

    @property
    def stack_file(self) -> Path:
        return self.path / "stack.json"

    @property
    def sample(self) -> Path:
        """A picture to try the service with."""
        return self.path / "sample.png"

    def log(self, part: str) -> Path:
        return self.path / "logs" / f"{part}.log"


@contextlib.contextmanager
def open_data_folder(path: Path) -> Iterator[DataFolder]:
    """Make the folder if need be and hold it. Raises CannotStart if another stack has it."""
    path = path.expanduser().resolve()
    path.mkdir(parents=True, exist_ok=True)
    (path / "logs").mkdir(mode=0o700, exist_ok=True)
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _hold(lock, path)
        yield DataFolder(path, lock)
    finally:
        os.close(lock)


def _hold(lock: int, path: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 20, 0).decode() or "unknown"
            if _is_running(owner) or time.monotonic() > deadline:
                raise CannotStart(
                    f"{path} is used by another stack (process {owner}). Stop that one, or choose another --data-dir."
                ) from None
            time.sleep(0.1)
        else:
            os.truncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            return


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, ValueError):
        return False
    return True
