"""Requests made from the OpenAPI document, and every answer held against it (https://schemathesis.readthedocs.io)."""

import os
import subprocess
import sys
from pathlib import Path

# A small part of what `make fuzz` tries, and always the same, so that a change alone makes a difference.
_EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
_SEED = os.environ.get("FUZZ_SEED", "1")
_ALL_PHASES = "examples,coverage,fuzzing,stateful"


def fuzzed(url: str, headers: dict[str, str], folder: Path, phases: str) -> subprocess.CompletedProcess[str]:
    """What it found, in words; it exits with 0 where nothing is wrong."""
    config = Path(__file__).with_name("fuzzing.toml")
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", config, "run", f"{url}/docs/openapi.json"]
    command += ["--seed", _SEED, "--phases", _ALL_PHASES if _EXAMPLES else phases, "--max-examples", _EXAMPLES or "2"]
    command += ["--generation-database", "none"]
    command += [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=3_000)
