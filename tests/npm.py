"""What tests use of npm: tests/clients/package-lock.json, installed with `npm ci` beside it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parent / "clients"
_NODE_MODULES = CLIENTS / "node_modules"
_OLDEST_NODE = (20, 19)  # what @redocly/cli needs


def needs_npm():
    """Skips, and says why, where the packages are not there and can't be had."""
    if problem := npm_problem():
        pytest.skip(problem)


def npm_problem():
    """Why nothing of npm can be run, once it was tried to install; None if all is there."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node or npm is not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(map(int, version.lstrip("v").split(".")[:2])) < _OLDEST_NODE:
        return f"node is {version}, and {_OLDEST_NODE[0]}.{_OLDEST_NODE[1]} or newer is needed"
    return None if _is_installed() else _install()


def npm_run(tool, *arguments, cwd=CLIENTS, **options):
    """Run a program of an installed package."""
    command = [_NODE_MODULES / ".bin" / tool, *arguments]
    environment = os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, **options)


def _is_installed():
    """Npm leaves a copy of the lock file behind once it is done."""
    done = _NODE_MODULES / ".package-lock.json"
    return done.exists() and done.stat().st_mtime >= (CLIENTS / "package-lock.json").stat().st_mtime


def _install():
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=CLIENTS, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"npm ci failed: {done.stderr.strip()[-500:]}"
