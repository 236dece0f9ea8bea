"""`make mutants`: take each defence away, one at a time, in a copy of the tree, and see an attack succeed.

A defence that can go without any test failing is none. Exits with 1 and says which.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.defences import MUTANTS, Mutant

_ROOT = Path(__file__).parents[2]
_AT_ONCE = 2
_PATIENCE_SECONDS = 180
_TESTS_FAILED = 1  # https://docs.pytest.org/en/stable/reference/exit-codes.html


def main() -> None:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        survivors = [mutant for mutant, killed in zip(MUTANTS, pool.map(_killed, MUTANTS), strict=True) if not killed]
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} defences are missed when they are gone")
    sys.exit(1 if survivors else 0)


def _killed(mutant: Mutant) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="media-mutant-") as folder:
        tree = Path(folder) / "tree"
        for tracked in ("app", "sql", "tests", "deploy", "minio-policies", "pdf_templates", "docs"):
            shutil.copytree(_ROOT / tracked, tree / tracked, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md", "compose.yaml"):
            shutil.copy(_ROOT / file, tree / file)
        _mutate(tree / mutant.file, mutant)
        command = [sys.executable, "-m", "pytest", mutant.test, "-q", "-x", "-n0", "-p", "no:cacheprovider"]
        ran = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    killed = ran.returncode == _TESTS_FAILED
    fate = "missed" if killed else "SURVIVED"
    print(f"{fate}  {time.monotonic() - began:4.0f} s  {mutant.file}: {mutant.old.strip()}", flush=True)
    if not killed:
        print(ran.stdout[-2_000:], ran.stderr[-2_000:])
    return killed


def _mutate(file: Path, mutant: Mutant) -> None:
    file.write_text(file.read_text().replace(mutant.old, mutant.new))


main()
