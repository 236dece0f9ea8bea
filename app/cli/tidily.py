"""Runs a coroutine that tidies up when it is cancelled, and cancels it before a signal ends us."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_tidily(work: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, which knows of Ctrl-C alone. SIGTERM ends us with 143, as it would have."""
    try:
        return asyncio.run(_until_sigterm(work))
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)


async def _until_sigterm(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
