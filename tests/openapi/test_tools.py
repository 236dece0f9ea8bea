"""Other people's validators pass the document, and their generators make clients of it that compile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from tests.npm import needs_npm, npm_run

_HERE = Path(__file__).parent

# One process at a time, as the first that needs npm's packages installs them.
pytestmark = [pytest.mark.xdist_group("npm"), pytest.mark.timeout(600)]


def test_openapi_spec_validator_passes_it(document):
    validate(document)


def test_redocly_passes_it(file):
    needs_npm()
    done = npm_run("redocly", "lint", "--format=json", f"--config={_HERE / 'redocly.yaml'}", file)
    assert done.returncode == 0, done.stdout
    assert '"problems": []' in done.stdout, done.stdout


def test_spectral_passes_it(file):
    needs_npm()
    done = npm_run("spectral", "lint", f"--ruleset={_HERE / 'spectral.yaml'}", "--fail-severity=hint", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_openapi_python_client_makes_a_client_that_type_checks(file, tmp_path):
    made, config = tmp_path / "media_client", tmp_path / "config.json"
    config.write_text('{"post_hooks": []}')  # its formatting by ruff 0.15 gives __exit__ types that are none of httpx
    options = ["--meta", "none", "--config", config, "--fail-on-warning"]
    _run("openapi-python-client", "generate", "--path", file, "--output-path", made, *options, cwd=tmp_path)
    _run(sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", made, cwd=tmp_path)


def test_openapi_typescript_makes_types_that_compile(file, tmp_path):
    needs_npm()
    made = tmp_path / "schema.d.ts"
    done = npm_run("openapi-typescript", file, "--output", made)
    assert done.returncode == 0, done.stderr
    done = npm_run("tsc", "--strict", "--noEmit", made)
    assert done.returncode == 0, done.stdout


def _run(*command, cwd):
    """A program of this virtual environment, with no configuration of this repository's."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
