"""`make faults MINUTES=30 SEED=n`: half the time in each mode, then the table. Exits with 1 if a promise was broken."""

import argparse
import asyncio
import logging
import sys

import structlog

from tests.faults.ordeal import Happened, Outcome, ordeal
from tests.faults.report import report
from tests.stack import MODES

_LONGEST_SHOWN = 50


def _tell(happened: Happened) -> None:
    print(
        f"  {happened.name}: API after {happened.api_seconds:.2f} s, worker after {happened.worker_seconds:.2f} s",
        file=sys.stderr,
        flush=True,
    )


def _run(mode: str, minutes: float, seed: int, per_second: float, backlog: int) -> Outcome:
    print(f"{mode}, seed {seed}, {minutes:g} minutes", file=sys.stderr, flush=True)
    return asyncio.run(
        ordeal(mode, seed, _tell, seconds=minutes * 60, per_second=per_second, pause=0.5, backlog=backlog)
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-second", type=float, default=50.0, help="uploads that clients begin, at most")
    parser.add_argument("--backlog", type=int, default=3000, help="uploads that wait for the workers in the end")
    parser.add_argument("--mode", choices=list(MODES), action="append", help="this mode alone")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    modes = asked.mode or list(MODES)
    outcomes = [_run(mode, asked.minutes / len(modes), asked.seed, asked.per_second, asked.backlog) for mode in modes]
    print(report(outcomes))
    violations = [violation for outcome in outcomes for violation in outcome.violations]
    for violation in violations[:_LONGEST_SHOWN]:
        print(violation, file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
