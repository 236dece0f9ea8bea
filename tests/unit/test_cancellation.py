"""A loop that asks `is_cancelled` ends although its cancellation was swallowed."""

import asyncio

from app.cancellation import is_cancelled


async def test_a_swallowed_cancellation_still_ends_the_loop():
    waiting = asyncio.Event()

    async def work():
        while not is_cancelled():
            try:
                waiting.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass  # as wait_for does

    task = asyncio.create_task(work())
    await waiting.wait()
    task.cancel()
    async with asyncio.timeout(5):
        await task
