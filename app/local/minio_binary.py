"""MinIO's program: $MINIO_BIN, else `minio` or `silo` on PATH, else built once from source and cached."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.config import environment
from app.local.minio_build import build_minio
from app.local.problem import CannotStart

# The last community source. Its release tag can't be resolved on every module proxy, this version can.
VERSION: Final = "v0.0.0-20260212201848-7aac2a2c5b7c"


def find_minio() -> Path:
    """Builds it if there is none, which takes minutes. Raises CannotStart."""
    variables = environment()
    return _named(variables) or _on_path(variables) or _cached(variables)


def _named(variables: Mapping[str, str]) -> Path | None:
    named = variables.get("MINIO_BIN")
    if not named:
        return None
    program = Path(named).expanduser().resolve()
    if not (program.is_file() and os.access(program, os.X_OK)):
        raise CannotStart(f"MINIO_BIN is {named}, which is no program that can be executed.")
    return program


def _on_path(variables: Mapping[str, str]) -> Path | None:
    found = (shutil.which(name, path=variables.get("PATH")) for name in ("minio", "silo"))
    return next((Path(program) for program in found if program), None)


def _cached(variables: Mapping[str, str]) -> Path:
    cache = Path(variables.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "media-service"
    program = cache / f"minio-{VERSION}"
    if not program.exists():
        build_minio(VERSION, program)
    return program
