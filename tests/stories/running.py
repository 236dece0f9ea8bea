"""A `media run` of one's own, known by what it prints and by stack.json alone."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_ANY_PORTS = ("--port", "0", "--minio-port", "0", "--nats-port", "0", "--postgres-port", "0")
_OPTION = {"in place": "--in-place", "quarantine": "--quarantine"}
_PATIENCE_SECONDS = 45.0


@dataclass(frozen=True)
class Running:
    """A stack that answers."""

    data_dir: Path
    output: Path

    @property
    def stack(self) -> dict:
        """stack.json as it is now."""
        return json.loads((self.data_dir / "stack.json").read_bytes())


@contextlib.contextmanager
def media_run(mode: str, *options: str, **variables: str) -> Iterator[Running]:
    """Start one, on free ports and in a folder of its own; stop it in the end."""
    # Not in pytest's own folder: that is closed to other users, and PostgreSQL runs as one.
    with tempfile.TemporaryDirectory(prefix="media-story-") as folder:
        running = Running(Path(folder) / "data", Path(folder) / "output.txt")
        command = [sys.executable, "-m", "app", "run", *_ANY_PORTS, _OPTION[mode], "--data-dir", running.data_dir]
        with running.output.open("wb") as output:
            process = subprocess.Popen(
                [*command, *options], cwd=_ROOT, env={**os.environ, **variables}, stdout=output, stderr=output
            )
        try:
            _wait_until_it_answers(running, process)
            yield running
        finally:
            _end(process)


def _wait_until_it_answers(running: Running, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while "Ctrl-C stops everything." not in running.output.read_text():  # its last line
        assert process.poll() is None, running.output.read_text()
        assert time.monotonic() < deadline, running.output.read_text()
        time.sleep(0.05)


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
