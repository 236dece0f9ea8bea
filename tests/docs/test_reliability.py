"""docs/reliability.md shows a run of what `make faults` does now, and one in which nothing was broken."""

import re
from pathlib import Path

from tests.faults.checker import KINDS
from tests.faults.mishaps import mishaps
from tests.stack import MODES

_ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (Path(__file__).parents[2] / "docs" / "reliability.md").read_text().splitlines()
    if line.startswith("|")
]


def test_everything_that_can_happen_is_in_the_table():
    happened = {row[0] for row in _ROWS if len(row) == 4 and re.fullmatch(r"\d+", row[1])}
    assert happened == {name for mode in MODES for name in mishaps(mode)}


def test_nothing_was_broken():
    assert [row for row in _ROWS if row[0].strip("*") in KINDS] == [[f"**{kind}**", "0", "0"] for kind in KINDS]
