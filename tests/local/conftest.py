"""Real `media run` processes, on free ports, with data folders of their own."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
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
        command = [MEDIA, "run", "--data-dir", data_dir, *options]
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

    def end(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)


@contextlib.contextmanager
def folder_for_data(name: str) -> Iterator[Path]:
    # Not in pytest's own folder: every pytest that starts closes that to all but us, and PostgreSQL is another user.
    with tempfile.TemporaryDirectory(prefix="media-run-") as folder:
        yield Path(folder) / name


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with folder_for_data("data") as folder:
        yield folder


@pytest.fixture
def start_media_run(data_dir, tmp_path) -> Iterator[Callable[..., MediaRun]]:
    """Starts in `data_dir`, or in another folder, as often as called."""
    with contextlib.ExitStack() as runs:

        def start(*options: str, folder: Path = data_dir) -> MediaRun:
            run = MediaRun(folder, tmp_path / f"output-{secrets.token_hex(4)}.txt", *(options or ANY_PORTS))
            runs.callback(run.end)
            return run

        yield start


@pytest.fixture(scope="session")
def running(tmp_path_factory) -> Iterator[MediaRun]:
    """One stack for every test that leaves it as it was. Its folder's name would trip up a careless shell line."""
    with folder_for_data("media's data") as folder:
        run = MediaRun(folder, tmp_path_factory.mktemp("run") / "output.txt", *ANY_PORTS, "--worker-processes", "2")
        try:
            run.until_it_answers()
            yield run
        finally:
            run.end()
