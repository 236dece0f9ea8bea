"""The three lines that `media run` prints, with files from somewhere else."""

import re
import subprocess

import pytest

from tests.stories.verbs import KINDS, sample


@pytest.mark.parametrize("kind", KINDS)
def test_the_three_lines_take_a_file_of_any_allowed_type(running, tmp_path, kind):
    file = sample(kind)
    (tmp_path / "elsewhere").mkdir()
    source = tmp_path / "elsewhere" / file.name
    source.write_bytes(file.content)
    printed = re.search(r"download it:\n\n(.+?)\n\n", running.output.read_text(), re.DOTALL)
    assert printed is not None

    done = subprocess.run(
        ["sh", "-e"],
        check=False,
        input=printed[1],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "FILE": str(source)},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ready" in done.stdout
    assert (tmp_path / f"copy-of-{file.name}").read_bytes() == file.content
