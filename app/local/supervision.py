"""Starts a part that died again: loudly, and ever more slowly while it does not stay up."""

import signal
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, NoReturn

from app.local.child import Child

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0
_STEADY_SECONDS: Final = 60.0  # what ran this long is well again
_LOOK_SECONDS: Final = 0.1

Say = Callable[[str], None]


def keep_running(children: Iterable[Child], changed: Callable[[], None], warn: Say) -> NoReturn:
    """For ever. Calls `changed` after a part was started again."""
    watches = [Watch(child, warn) for child in children]
    while True:
        started_again = [watch for watch in watches if watch.look(time.monotonic())]
        if started_again:
            changed()
        time.sleep(_LOOK_SECONDS)


class Watch:
    """One part, its pause before the next start, and the time of that start if it is down."""

    def __init__(self, child: Child, warn: Say) -> None:
        self._child = child
        self._warn = warn
        self._up_since = time.monotonic()
        self._start_at: float | None = None
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def look(self, now: float) -> bool:
        """True if the part was started again."""
        if self._start_at is not None:
            return now >= self._start_at and self._start(now)
        if not self._child.is_running():
            self._plan_start(now, _how_it_ended(self._child))
        return False

    def _plan_start(self, now: float, reason: str) -> None:
        if now - self._up_since >= _STEADY_SECONDS:
            self._pause_seconds = _FIRST_PAUSE_SECONDS
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._warn(
            f"{at} {self._child.part} {reason}. It is started again in {self._pause_seconds:g} s. "
            f"Log: {self._child.command.log}"
        )
        self._start_at = now + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, _LONGEST_PAUSE_SECONDS)

    def _start(self, now: float) -> bool:
        self._up_since = now
        try:
            self._child.start()
        except OSError as error:
            self._plan_start(now, f"could not be started: {error}")
            return False
        self._start_at = None
        return True


def _how_it_ended(child: Child) -> str:
    code = child.exit_code()
    if code is not None and code < 0:
        return f"(process {child.pid}) was ended by {signal.Signals(-code).name}, exit code {code}"
    return f"(process {child.pid}) ended with exit code {code}"
