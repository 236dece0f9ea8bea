"""`make clients`: every client uploads a file to the service and downloads it again, in both modes; one table.

Exits with 1 unless all could. What is not installed is said, and counts as a failure where CI is set.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import samples
from tests.clients.programs import PROGRAMS, Program
from tests.npm import npm_problem
from tests.stories.running import media_run

_MODES = ("in place", "quarantine")
_PATIENCE_SECONDS = 300  # Go compiles its standard library first


def main() -> None:
    npm = npm_problem()
    cells = {mode: _all_in(mode, npm) for mode in _MODES}
    widest = max(len(program.client) for program in PROGRAMS)
    print("\n" + "  ".join(["client".ljust(widest), *(mode.ljust(12) for mode in _MODES)]))
    for program in PROGRAMS:
        row = [_shown(cells[mode][program.client]).ljust(12) for mode in _MODES]
        print("  ".join([program.client.ljust(widest), *row]))
    outcomes = [outcome for mode in _MODES for outcome in cells[mode].values()]
    for outcome in dict.fromkeys(outcome for outcome in outcomes if outcome != "ok"):
        print(f"\n{outcome}")
    failed = sum(not _is_fine(outcome) for outcome in outcomes)
    print(f"\n{len(outcomes) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def _all_in(mode: str, npm: str | None) -> dict[str, str]:
    with media_run(mode, UPLOAD_RATE_PER_MINUTE="0") as running:
        found = {}
        for program in PROGRAMS:
            found[program.client] = _outcome(program, running.stack, npm)
            print(f"{mode}: {program.client}: {_shown(found[program.client])}", flush=True)
        return found


def _outcome(program: Program, stack: dict, npm: str | None) -> str:
    """`ok`, or why not."""
    if program.missing:
        return f"not run: {program.client} takes {', '.join(program.missing)}: make system-packages"
    if npm is not None and "npm" in program.needs:
        return f"not run: {npm}"
    with tempfile.TemporaryDirectory(prefix="media-client-") as folder:
        return _run(program, stack, Path(folder))


def _run(program: Program, stack: dict, folder: Path) -> str:
    file, out = folder / "photo.png", folder / "copy.png"
    file.write_bytes(samples.png(8, 8, size=150_000))
    if program.file:
        (folder / program.file).write_text(program.source())
    told = {"API": stack["api_url"], "TOKEN": stack["tokens"]["user"], "FILE": str(file), "OUT": str(out)}
    done = subprocess.run(
        program.command,
        cwd=folder,
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        return f"{program.client}: {(done.stderr + done.stdout).strip()[-1_500:]}"
    return "ok" if out.read_bytes() == file.read_bytes() else f"{program.client}: other bytes came back"


def _shown(outcome: str) -> str:
    return outcome if outcome == "ok" else outcome.partition(":")[0] if outcome.startswith("not run") else "FAILED"


def _is_fine(outcome: str) -> bool:
    return outcome == "ok" or (outcome.startswith("not run") and "CI" not in os.environ)


main()
