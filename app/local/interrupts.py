"""Ctrl-C: the first asks for an orderly stop, the second kills whatever is left, at once.

SIGTERM and SIGHUP (the terminal was closed) mean the same.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from app.local.child import INTERRUPTS, Child


@contextlib.contextmanager
def interrupts(children: Sequence[Child]) -> Iterator[None]:
    """In the block the first raises KeyboardInterrupt. `children` may grow meanwhile."""

    def stop_at_once(_number: int, _frame: FrameType | None) -> None:
        for child in children:
            child.kill()
        os._exit(130)

    def stop_in_order(_number: int, _frame: FrameType | None) -> None:
        _install(stop_at_once)
        raise KeyboardInterrupt

    before = _install(stop_in_order)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _install(handler: Callable[[int, FrameType | None], None]) -> dict[signal.Signals, Any]:
    return {number: signal.signal(number, handler) for number in INTERRUPTS}
