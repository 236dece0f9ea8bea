"""What one look at an outside part showed: a verdict, what it means, and what to do about it."""

from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """The word in front of a finding."""

    PASS = "pass"  # noqa: S105  no password
    WARN = "warn"
    FAIL = "FAIL"


class Finding(msgspec.Struct, frozen=True):
    """`advice` is empty where nothing is to be done."""

    part: str
    verdict: Verdict
    says: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether the service can rely on it; a warning says what it must not rely on."""
        return self.verdict is not Verdict.FAIL


def passed(part: str, says: str) -> Finding:
    return Finding(part, Verdict.PASS, says)


def warned(part: str, says: str, advice: str) -> Finding:
    return Finding(part, Verdict.WARN, says, advice)


def failed(part: str, says: str, advice: str) -> Finding:
    return Finding(part, Verdict.FAIL, says, advice)
