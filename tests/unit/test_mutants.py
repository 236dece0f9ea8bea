"""The list of defences that `make mutants` takes away one by one has not rotted."""

import re
from pathlib import Path

import pytest

from tests.mutants.defences import MUTANTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}-{mutant.old.strip()[:40]}")
def test_the_line_stands_there_once_and_the_attack_exists(mutant):
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1
    assert mutant.old.count("\n") == mutant.new.count("\n") == 0
    path, *names = mutant.test.split("::")
    code = (ROOT / path).read_text()
    assert all(re.search(rf"^\s*(async )?(def|class) {name.partition('[')[0]}\b", code, re.MULTILINE) for name in names)


def test_there_are_at_least_twelve():
    assert len(MUTANTS) >= 12
