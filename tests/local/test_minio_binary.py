"""Where MinIO's program comes from, without building it."""

import pytest

from app.local.minio_binary import VERSION, find_minio
from app.local.problem import CannotStart


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A machine with nothing on PATH and an empty cache."""
    monkeypatch.delenv("MINIO_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def program(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_minio_bin_comes_first(bare, monkeypatch):
    program(bare / "bin" / "minio")
    monkeypatch.setenv("MINIO_BIN", str(program(bare / "mine")))
    assert find_minio() == bare / "mine"


def test_a_minio_bin_that_is_no_program_is_refused(bare, monkeypatch):
    monkeypatch.setenv("MINIO_BIN", str(bare / "none"))
    with pytest.raises(CannotStart, match="MINIO_BIN"):
        find_minio()


@pytest.mark.parametrize("name", ["minio", "silo"])
def test_then_comes_path(bare, name):
    on_path = program(bare / "bin" / name)
    assert find_minio() == on_path


def test_then_comes_what_was_built_before(bare):
    built = program(bare / "cache" / "media-service" / f"minio-{VERSION}")
    assert find_minio() == built
