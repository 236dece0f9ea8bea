"""`media upload` takes a file of any allowed type from anywhere, whatever it is called."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stories.verbs import KINDS

_MEDIA = Path(sys.executable).with_name("media")
_IN_PLACE = pytest.param("in place", marks=pytest.mark.xdist_group("stories-in-place"))


@pytest.mark.parametrize("mode", [_IN_PLACE], indirect=True)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("HOLIDAY.JPG", "jpeg"),
        ("old.jfif", "jpeg"),
        ("-o.webp", "webp"),
        ("a\\b [c].pdf", "pdf"),
        ("data:\udcff.png", "png"),
    ],
)
def test_any_name_is_taken(running, tmp_path, name, kind):
    content = KINDS[kind][2](size=5_000)
    file = tmp_path / name
    file.write_bytes(content)

    done = subprocess.run(
        [_MEDIA, "upload", "--data-dir", running.data_dir, "--", os.fsencode(name)],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0].endswith(" ready")
