"""The line of `media run` about its store says what was found, and calls fine only what is."""

import pytest

from app.local.store_verdict import verdict_line
from app.store_self_test.finding import failed, passed, warned

LACKING = ("unsigned trailers", "node headers")


@pytest.mark.parametrize(("mode", "finding"), [("in place", failed), ("quarantine", warned)])
def test_what_community_minio_lacks_is_fine_on_a_laptop(mode, finding):
    line = verdict_line(mode, [passed("copies", ""), *(finding(part, "", "…") for part in LACKING)])
    assert line.startswith(f"{mode}: ")
    assert "1 passed, " in line
    assert ", ".join(LACKING) in line
    assert "only this machine reaches it" in line
    assert "\n" not in line


def test_a_pass_needs_no_excuse():
    assert verdict_line("in place", [passed("copies", "")]).endswith("The store's self-test: 1 passed.")


@pytest.mark.parametrize("findings", [[failed("copies", "", "…"), failed("node headers", "", "…")], []])
def test_whatever_else_is_not_called_fine(findings):
    line = verdict_line("in place", findings)
    assert "fine" not in line
    assert line.endswith("`media doctor --strict` says what to do.")
