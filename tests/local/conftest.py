"""Real `media run` processes, on free ports, with data folders of their own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from app.local.stack_file import StackFile

MEDIA = Path(sys.executable).with_name("media")
ANY_PORTS = ("--port", "0", "--minio-port", "0", "--nats-port", "0", "--postgres-port", "0")


class MediaRun:
    """A `media run` and everything it starts."""

    def __init__(self, data_dir: Path, output: Path, *options: str) -> None:
        self.data_dir = data_dir
        self.output = output
        command = [MEDIA, "run", "--data-dir", data_dir, *(options or ANY_PORTS)]
        with output.open("wb") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=output.parent)
        self._own = psutil.Process(self.process.pid)

    @property
    def stack(self) -> StackFile:
        return msgspec.json.decode((self.data_dir / "stack.json").read_bytes(), type=StackFile)

    def until(self, condition: Callable[[], object], *, timeout_seconds: float = 30) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)

    def until_it_answers(self) -> None:
        self.until((self.data_dir / "stack.json").exists)
        # The text comes after the file.
        self.until(lambda: "Ctrl-C stops everything." in self.output.read_text())

    def processes(self) -> list[psutil.Process]:
        """All that it started, down to PostgreSQL's own children."""
        return self._own.children(recursive=True)

    def signal(self, number: signal.Signals) -> int:
        """Send it, and give the exit code."""
        os.kill(self.process.pid, number)
        return self.process.wait(20)


@pytest.fixture(scope="session")
def start_media_run(tmp_path_factory) -> Iterator[Callable[..., MediaRun]]:
    with contextlib.ExitStack() as stop:

        def start(data_dir: Path, *options: str) -> MediaRun:
            run = MediaRun(data_dir, tmp_path_factory.mktemp("run") / "output.txt", *options)
            stop.callback(end, run)
            return run

        yield start


def end(run: MediaRun) -> None:
    if run.process.poll() is None:
        run.signal(signal.SIGTERM)


@pytest.fixture(scope="session")
def running(start_media_run, tmp_path_factory) -> MediaRun:
    """One stack for every test that leaves it as it was."""
    run = start_media_run(tmp_path_factory.mktemp("stack") / "media data", *ANY_PORTS, "--worker-processes", "2")
    run.until_it_answers()
    return run
