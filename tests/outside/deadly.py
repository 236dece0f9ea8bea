"""A process that consumes a stream, and dies at each message as native code can make it: nothing is settled."""

import asyncio
import os
import signal
import sys

from app import event_bus, lanes
from app.config import Bus


async def die(_payload):
    os.kill(os.getpid(), signal.SIGKILL)


async def consume(url, stream, durable, deliveries):
    lanes._MAX_DELIVERIES = int(deliveries)
    async with event_bus.connect(Bus(url=url, credentials_file=None)) as connected:
        await connected.consume(stream, durable, die, concurrency=4)


asyncio.run(consume(*sys.argv[1:]))
