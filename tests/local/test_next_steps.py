"""The lines that `media run` prints do what they say, as printed."""

import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.xdist_group("local-stack")


def printed_lines(output: str) -> str:
    block = re.search(r"download it:\n\n(.+?)\n\n", output, re.DOTALL)
    assert block is not None, output
    return block[1]


def run_in(shell: str, lines: str, folder, **variables: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **variables}
    done = subprocess.run(
        [program, "-e"],
        check=False,
        input=lines,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_the_three_lines_upload_and_download_the_sample(running, tmp_path, shell):
    run_in(shell, printed_lines(running.output.read_text()), tmp_path)

    copy = tmp_path / "copy-of-sample.png"
    assert copy.read_bytes() == (running.data_dir / "sample.png").read_bytes()


def test_the_curl_line_asks_for_an_upload_as_the_printed_user(running, tmp_path):
    said = running.output.read_text()
    (line,) = re.findall(r"^  (curl .+)$", said, re.MULTILINE)
    exports = "\n".join(re.findall(r"^  (export .+)$", said, re.MULTILINE))
    run_in("sh", f"{exports}\n{line} --fail-with-body --silent --output answer.json", tmp_path)

    assert '"status":"pending"' in (tmp_path / "answer.json").read_text()


def test_file_chooses_another_one(running, tmp_path):
    mine = tmp_path / "it's mine.png"
    mine.write_bytes((running.data_dir / "sample.png").read_bytes())
    run_in("sh", printed_lines(running.output.read_text()), tmp_path, FILE=str(mine))

    assert (tmp_path / "copy-of-it's mine.png").read_bytes() == mine.read_bytes()


def test_every_export_is_one_of_the_tokens(running):
    exported = re.findall(r"export (\w+)_TOKEN=(\S+)", running.output.read_text())

    assert {name.lower(): token for name, token in exported} == running.stack.tokens
