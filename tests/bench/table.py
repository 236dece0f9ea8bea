"""The table that is printed."""

import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as RichTable


class Table:
    """Rows in the order in which they were measured."""

    def __init__(self) -> None:
        self._table = RichTable("what", "median", "p95", "target", "", title="media service")
        for column in self._table.columns[1:]:
            column.justify = "right"

    def latency(self, what: str, seconds: Sequence[float], *, target_ms: float | None = None) -> None:
        """Median and p95 in milliseconds, and whether the median is under its target."""
        median = statistics.median(seconds) * 1000
        p95 = statistics.quantiles(seconds, n=20)[-1] * 1000
        target = "" if target_ms is None else f"< {target_ms:g} ms"
        verdict = "" if target_ms is None else "pass" if median < target_ms else "FAIL"
        self._table.add_row(what, f"{median:.1f} ms", f"{p95:.1f} ms", target, verdict)

    def rate(self, what: str, per_second: float) -> None:
        self._table.add_row(what, f"{per_second:,.0f} /s", "", "", "")

    def ratio(self, what: str, ours_us: float, theirs_us: float) -> None:
        """Our signer's time for one URL beside botocore's."""
        self._table.add_row(what, f"{ours_us:.1f} µs", "", "", "")
        self._table.add_row(f"{what}, botocore", f"{theirs_us:.1f} µs", "", "", f"{theirs_us / ours_us:.0f} times")

    def print(self, caption: str) -> None:
        self._table.caption = caption
        Console(width=100).print(self._table)
