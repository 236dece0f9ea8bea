"""README's first request works as it is copied, but for the port of a stack of the test's own."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


def test_the_first_request_of_the_readme_gets_an_upload(running, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: make system-packages")
    (block,) = re.findall(r"```bash\n(TOKEN=.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / ".venv").symlink_to(_ROOT / ".venv")
    (tmp_path / ".media").symlink_to(running.data_dir)
    here = block.replace("http://127.0.0.1:8000", running.stack["api_url"])

    done = subprocess.run(
        ["sh", "-e"], check=False, input=here, cwd=tmp_path, capture_output=True, text=True, timeout=30
    )

    assert done.returncode == 0, done.stdout + done.stderr
    asked = json.loads(done.stdout)
    assert (asked["status"], asked["upload"]["method"]) == ("pending", "PUT")
