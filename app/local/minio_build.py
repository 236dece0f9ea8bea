"""Builds MinIO from its source with Go, once per version. Two processes may try at once: one builds, the other waits.

Ctrl-C ends the build at once. If we are killed, Go ends by itself as soon as the packages under way are compiled.

The lock is inherited by the compiler, so that nobody clears away the folder of a build whose parent was killed.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.config import environment
from app.local.child import Child, Command, stop
from app.local.go_toolchain import go_on_path, install_go
from app.local.long_step import LongStep
from app.local.problem import CannotStart

_MODULE: Final = "github.com/minio/minio"
_TICK_SECONDS: Final = 0.2
_PACKAGES: Final = 1300  # less where some were compiled before


def build_minio(version: str, program: Path) -> None:
    """Build `version` and put it at `program` in one step. Raises CannotStart with the compiler's last words."""
    program.parent.mkdir(parents=True, exist_ok=True)
    with LongStep("building MinIO (once, a few minutes)") as step, _lock(program, step) as lock:
        if program.exists():
            return
        workshop = program.with_name(f"{program.name}.building")
        shutil.rmtree(workshop, ignore_errors=True)  # of a build that was killed
        workshop.mkdir()
        try:
            _compile(f"{_MODULE}@{version}", workshop, program.with_name(f"{program.name}.log"), lock, step)
            (workshop / "minio").rename(program)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)


def _compile(module: str, workshop: Path, log: Path, lock: int, step: LongStep) -> None:
    log.unlink(missing_ok=True)

    def run(arguments: list[str | Path], **variables: str) -> None:
        _run(
            Command(
                part="build",
                arguments=arguments,
                environment={**environment(), **variables},
                log=log,
                stop_signal=signal.SIGINT,  # go then ends its compilers first
                death_signal=signal.SIGINT,
                descriptors=(lock,),
                folder=workshop,  # no go.mod of the caller's folder may have a say
            ),
            step,
        )

    # Temporary files in the workshop too, as it is cleared whatever happens.
    go = go_on_path() or install_go(workshop / "go", lambda arguments: run(arguments, UV_SYSTEM_CERTS="true"))
    (workshop / "tmp").mkdir()
    settings = {"CGO_ENABLED": "0", "GOBIN": str(workshop), "GOFLAGS": "", "GOTMPDIR": str(workshop / "tmp")}
    run([go, "install", "-v", "-trimpath", "-ldflags", "-s -w", module], **settings)


def _run(command: Command, step: LongStep) -> None:
    child = Child(command)
    try:
        child.start()
        while child.is_running():
            step.tick(_progress(command.log))
            time.sleep(_TICK_SECONDS)
    finally:
        stop([child])
    if child.exit_code() != 0:
        raise CannotStart(
            f"building MinIO failed; {command.log} says:\n{_last_lines(command.log, 12)}\n"
            "Instead of building it you can set MINIO_BIN to a MinIO that you have."
        )


def _progress(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    compiled = sum(not line.startswith("go: ") for line in lines)
    return f"package {compiled} of about {_PACKAGES}: {lines[-1]}" if lines else "starting"


def _last_lines(log: Path, count: int) -> str:
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 4096))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])


@contextlib.contextmanager
def _lock(program: Path, step: LongStep) -> Iterator[int]:
    lock = os.open(program.with_name(f"{program.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _take(lock):
            step.tick("another process builds it")
            time.sleep(_TICK_SECONDS)
        yield lock
    finally:
        os.close(lock)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
