"""What does not stay up is started ever more slowly; what ran a minute is well again."""

import sys

import pytest

from app.local.child import Child, Command, stop
from app.local.supervision import Watch


@pytest.fixture
def failing(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    child = Child(Command(part="worker", arguments=command, environment={}, log=tmp_path / "worker.log"))
    yield child
    stop([child])


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def watch(failing, warnings):
    failing.start()
    failing.wait(10)
    return Watch(failing, warnings.append)


def test_pauses_double_up_to_half_a_minute(failing, watch, warnings):
    now = 0.0
    for _ in range(9):
        watch.look(now)
        now += 31
        assert watch.look(now), "it is started when its pause is over"
        failing.wait(10)

    pauses = [warning.partition("again in ")[2].partition(" s")[0] for warning in warnings]
    assert pauses == ["0.5", "1", "2", "4", "8", "16", "30", "30", "30"]
    assert "ended with exit code 3" in warnings[0]


def test_it_is_not_started_before_its_pause_is_over(watch):
    watch.look(100.0)
    assert not watch.look(100.4)
    assert watch.look(100.5)


def test_a_minute_up_makes_the_pause_short_again(failing, watch, warnings):
    watch.look(0.0)
    watch.look(1.0)
    failing.wait(10)
    watch.look(61.0)

    assert "again in 0.5 s" in warnings[-1]


def test_a_program_that_is_gone_is_tried_again(tmp_path, warnings):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    child = Child(Command(part="minio", arguments=[program], environment={}, log=tmp_path / "minio.log"))
    child.start()
    child.wait(10)
    watch = Watch(child, warnings.append)
    watch.look(0.0)
    program.unlink()

    assert not watch.look(1.0)
    assert "could not be started" in warnings[-1]
    assert "again in 1 s" in warnings[-1]
