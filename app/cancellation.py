"""Whether the running task was asked to end: for loops that never return otherwise.

Until Python 3.12 `asyncio.wait_for`, which client libraries use, swallows a cancellation that comes at the moment when
what it waits for is done (https://github.com/python/cpython/issues/86296). The task still counts it.
"""

import asyncio


def is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
