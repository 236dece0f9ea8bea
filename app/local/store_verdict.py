"""The line that `media run` prints: the mode, what the store's self-test found, and why that will do here."""

from collections.abc import Sequence
from typing import Final

from app.store_self_test import Finding, Verdict

_MODES: Final = {
    "in place": "in place: what was PUT is what is served, in the version that was checked.",
    "quarantine": "quarantine: uploads land in a bucket of their own, are copied and checked.",
}
# What the last community MinIO lacks, and no other storage should.
_OF_COMMUNITY_MINIO: Final = frozenset({"unsigned trailers", "node headers"})
_WHY_FINE: Final = {
    "in place": (
        "Community MinIO takes unsigned writes from those who know an access key id (CVE-2026-41145): fine on a "
        "laptop, as only this machine reaches it, and they change nothing that is served. --edge or --quarantine "
        "would pass."
    ),
    "quarantine": (
        "Community MinIO takes unsigned writes from those who know an access key id (CVE-2026-41145): fine, as only "
        "checked copies are served, and only this machine reaches it."
    ),
}


def verdict_line(mode: str, findings: Sequence[Finding]) -> str:
    """`findings` are empty where storage did not answer."""
    return f"{_MODES[mode]} {_found(findings)} {_meaning(mode, findings)}".rstrip()


def _found(findings: Sequence[Finding]) -> str:
    if not findings:
        return "The store's self-test: not done, as storage did not answer."
    counts = [f"{_count(findings, Verdict.PASS)} passed"]
    for verdict, word in ((Verdict.WARN, "warned of"), (Verdict.FAIL, "FAILED:")):
        parts = [finding.part for finding in findings if finding.verdict is verdict]
        if parts:
            counts.append(f"{word} {', '.join(parts)}")
    return f"The store's self-test: {', '.join(counts)}."


def _count(findings: Sequence[Finding], verdict: Verdict) -> int:
    return sum(finding.verdict is verdict for finding in findings)


def _meaning(mode: str, findings: Sequence[Finding]) -> str:
    found = {finding.part for finding in findings if finding.verdict is not Verdict.PASS}
    if findings and not found:
        return ""
    if findings and found <= _OF_COMMUNITY_MINIO:
        return _WHY_FINE[mode]
    return "`media doctor --strict` says what to do."
