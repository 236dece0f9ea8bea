"""`media run --edge` puts the real edge where clients reach storage, and says what to do where HAProxy is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.local import edge
from app.local.edge import find_haproxy
from app.local.problem import CannotStart
from tests.local.conftest import ANY_PORTS

MEDIA = Path(sys.executable).with_name("media")


@pytest.mark.xdist_group("local-stack")
def test_with_an_edge_the_store_passes_its_self_test_and_clients_go_through_it(start_media_run, data_dir, tmp_path):
    try:
        find_haproxy()
    except CannotStart as problem:
        pytest.skip(str(problem))
    run = start_media_run(*ANY_PORTS, "--edge-port", "0", "--edge")
    run.until_it_answers()
    said = run.output.read_text()
    assert "The store's self-test: " in said
    assert "FAILED" not in said
    assert run.stack.edge_url not in (None, run.stack.minio_url)
    assert run.stack.pids.edge in {process.pid for process in run.processes()}
    copy = tmp_path / "copy.png"
    media("upload", data_dir / "sample.png", "--data-dir", data_dir)
    asked = media("upload", "--no-wait", data_dir / "sample.png", "--data-dir", data_dir).strip()
    media("wait", asked, "--data-dir", data_dir)
    media("download", asked, "--data-dir", data_dir, "--output", copy)
    assert copy.read_bytes() == (data_dir / "sample.png").read_bytes()
    log = (data_dir / "logs" / "edge.log").read_text()
    assert '"method":"PUT","status":200' in log
    assert '"method":"GET","status":200' in log
    assert "pass  unsigned trailers" in media("doctor", "--strict", "--data-dir", data_dir)


def media(*arguments):
    done = subprocess.run([MEDIA, *arguments], capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_without_haproxy_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(edge, "_SYSTEM_FOLDERS", str(tmp_path))
    with pytest.raises(CannotStart, match="apt-get install haproxy"):
        find_haproxy()


@pytest.mark.xdist_group("local-stack")
def test_without_an_edge_the_line_says_what_the_store_lacks_and_why_that_is_fine_here(running):
    (line,) = [line for line in running.output.read_text().splitlines() if line.startswith("  mode ")]
    assert "in place" in line
    assert "FAILED: unsigned trailers, node headers" in line
    assert "fine on a laptop, as only this machine reaches it" in line
