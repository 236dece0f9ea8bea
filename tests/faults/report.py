"""A run as a table, in Markdown, as docs/reliability.md shows it."""

import statistics
from collections.abc import Sequence

from tests.faults.checker import KINDS
from tests.faults.ordeal import Happened, Outcome


def report(outcomes: Sequence[Outcome]) -> str:
    """All runs side by side: what happened and how soon it was over, then what came of it."""
    return "\n".join([*_mishaps(outcomes), "", *_results(outcomes)])


def _mishaps(outcomes: Sequence[Outcome]) -> list[str]:
    by_name: dict[str, list[Happened]] = {}
    for outcome in outcomes:
        for happened in outcome.happened:
            by_name.setdefault(happened.name, []).append(happened)
    return [
        "| What happened | Times | API works again after | Worker works again after |",
        "|---|---|---|---|",
        *(
            f"| {name} | {len(found)} | {_seconds([one.api_seconds for one in found])} "
            f"| {_seconds([one.worker_seconds for one in found])} |"
            for name, found in sorted(by_name.items())
        ),
    ]


def _seconds(found: Sequence[float]) -> str:
    return f"{statistics.median(found):.2f} s, at most {max(found):.2f} s"


def _results(outcomes: Sequence[Outcome]) -> list[str]:
    lines: list[tuple[str, list[object]]] = [
        ("Seed", [outcome.seed for outcome in outcomes]),
        ("Minutes under load", [f"{outcome.seconds / 60:.1f}" for outcome in outcomes]),
        ("Mishaps", [len(outcome.happened) for outcome in outcomes]),
        ("Uploads asked for", [outcome.uploads for outcome in outcomes]),
        ("PUTs answered 200", [outcome.landed for outcome in outcomes]),
        *(
            (f"… {status}", [outcome.statuses.get(status, 0) for outcome in outcomes])
            for status in ("ready", "rejected", "deleted", "expired", "pending")
        ),
        *(
            (f"settled by {trigger}", [outcome.finalized_by.get(trigger, 0) for outcome in outcomes])
            for trigger in ("notification", "complete", "sweep")
        ),
        ("FAST notifications dropped", [outcome.dropped for outcome in outcomes]),
        ("Messages heard, of so many events", [f"{outcome.messages}, {outcome.events}" for outcome in outcomes]),
        ("Backlog drains, uploads/s", [f"{outcome.drained_per_second:.0f}" for outcome in outcomes]),
        *(
            (f"**{kind}**", [sum(found.kind == kind for found in outcome.violations) for outcome in outcomes])
            for kind in KINDS
        ),
    ]
    return [
        "| | " + " | ".join(outcome.mode for outcome in outcomes) + " |",
        "|---|" + "---|" * len(outcomes),
        *(f"| {name} | " + " | ".join(str(value) for value in values) + " |" for name, values in lines),
    ]
