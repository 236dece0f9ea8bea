"""One process that we start, and that never outlives us.

On Linux the kernel signals it when its parent dies, even by kill -9 (PR_SET_PDEATHSIG). That signal is bound to the
*thread* that started the process: start children from a thread that lives as long as they shall. Other systems have
nothing like it; there only an orderly end, which stops every child, leaves none behind.

A child has a session of its own: a Ctrl-C in the terminal reaches us, and we decide in which order children stop.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from app.local.problem import CannotStart

_PR_SET_PDEATHSIG: Final = 1
_PRCTL: Final = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.02


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """How a process is started, asked to stop, and ended should we die. `user`: whom it runs as, if not as us."""

    part: str
    arguments: Sequence[str | Path]
    environment: Mapping[str, str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    user: str | None = None
    descriptors: tuple[int, ...] = ()
    folder: Path | None = None


class Child:
    """A command's running process, or its last one. `start` again after it ended."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def part(self) -> str:
        return self.command.part

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.part} was not started"
        return self._process.pid

    def start(self) -> None:
        """Raises OSError if the program can't be executed."""
        command = self.command
        with command.log.open("ab") as log, _interrupts_held():
            self._process = subprocess.Popen(  # noqa: S603  the commands are ours
                command.arguments,
                env=dict(command.environment),
                cwd=command.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=command.descriptors,
                start_new_session=True,
                preexec_fn=_dies_with(os.getpid(), command.death_signal),  # noqa: PLW1509  no thread of ours forks
                user=command.user,
                group=command.user,
                extra_groups=None if command.user is None else [],
            )

    def exit_code(self) -> int | None:
        """None while it runs. Negative: the signal that ended it."""
        return None if self._process is None else self._process.poll()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ask_to_stop(self) -> None:
        if self.is_running():
            os.kill(self.pid, self.command.stop_signal)

    def kill(self) -> None:
        """At once, with whatever it started."""
        if self.is_running():
            os.killpg(self.pid, signal.SIGKILL)

    def wait(self, timeout_seconds: float) -> None:
        """Until it ended. Raises TimeoutError."""
        if self._process is not None:
            try:
                self._process.wait(timeout_seconds)
            except subprocess.TimeoutExpired as error:
                raise TimeoutError from error


def stop(children: Iterable[Child]) -> None:
    """Ask all of them, wait for each, and kill what has not ended after 10 seconds."""
    children = tuple(children)
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + _STOP_SECONDS
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            child.kill()
            child.wait(_STOP_SECONDS)


def wait_until(child: Child, ready: Callable[[], bool], *, timeout_seconds: float = 60.0) -> None:
    """Until `ready()`. Raises CannotStart with the end of its log if it ends before, or takes too long."""
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        require_running([child])
        if time.monotonic() > deadline:
            raise CannotStart(
                f"{child.part} was not ready within {timeout_seconds:.0f} s. {_last_words(child.command.log)}"
            )
        time.sleep(_POLL_SECONDS)


def require_running(children: Iterable[Child]) -> None:
    """Raises CannotStart with the end of the log of the first one that ended."""
    for child in children:
        if not child.is_running():
            raise CannotStart(
                f"{child.part} ended with exit code {child.exit_code()}. {_last_words(child.command.log)}"
            )


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-12:]
    return "\n  ".join([f"Its log, {log}, ends with:", *lines])


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """No Ctrl-C between the fork and our knowing of the process, which would make it an orphan."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _dies_with(parent: int, death_signal: int) -> Callable[[], None]:
    def in_the_child() -> None:
        if _PRCTL is not None:
            _PRCTL(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:  # it died before the kernel knew of our wish
            os._exit(1)
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)

    return in_the_child
