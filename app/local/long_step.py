"""Says that a step of minutes is alive: one moving line on a terminal, elsewhere a plain line every ten seconds.

Draws without a thread of its own, as our processes die with the thread that started them (see `child`).
"""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

_PLAIN_SECONDS: Final = 10.0


class LongStep:
    """Use with `with`, and call `tick` often."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._spinner = Spinner("dots", title)
        self._live = Live(self._spinner, console=self._console, auto_refresh=False, transient=True)
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        else:
            self._console.print(f"{self._title} …")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()
        outcome = "done" if error is None else "not done"
        self._console.print(f"{self._title}: {outcome} after {self._seconds} s")

    def tick(self, detail: str) -> None:
        """`detail` is what it does now."""
        line = f"{self._title}: {self._seconds} s, {detail}"
        if self._live.is_started:
            self._spinner.update(text=line[: self._console.width - 4])
            self._live.refresh()
        elif time.monotonic() - self._last_line >= _PLAIN_SECONDS:
            self._last_line = time.monotonic()
            self._console.print(line)

    @property
    def _seconds(self) -> int:
        return round(time.monotonic() - self._started)
