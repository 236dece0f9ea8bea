"""Files that only their owner may read, and that nobody ever sees half-written."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` in one step, mode 0600."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600, exist_ok=False)
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
