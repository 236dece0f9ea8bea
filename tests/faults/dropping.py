"""A wire between MinIO's notification target and NATS on which some bucket notifications are lost.

What is lost goes to a subject that no stream takes: NATS says so to the target at once, as it would while its stream is
gone. A FAST target forgets the notification then; a DURABLE one keeps it and tries again every 3 s.
"""

import asyncio
import contextlib
import random

from app.events import NOTIFICATION_SUBJECT

_NOWHERE = b"minio.nowhere"
_LONGEST_LINE = 1 << 20


class DroppingWire:
    """Listens on `port`. `lost` is the share of the notifications that go nowhere; it may change at any time."""

    def __init__(self, rng: random.Random, lost: float = 0.0) -> None:
        self.lost = lost
        self.passed = self.dropped = 0
        self._rng = rng

    @contextlib.asynccontextmanager
    async def listening(self, nats_port: int):
        async def connected(reader, writer):
            with contextlib.suppress(OSError):  # NATS is away
                await self._carry(reader, writer, nats_port)
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=_LONGEST_LINE)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _carry(self, reader, writer, nats_port):
        nats_reader, nats_writer = await asyncio.open_connection("127.0.0.1", nats_port, limit=_LONGEST_LINE)
        ways = {
            asyncio.create_task(_copy(nats_reader, writer)),
            asyncio.create_task(self._publish(reader, nats_writer)),
        }
        _, rest = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in rest:
            way.cancel()
        await asyncio.wait(ways)
        nats_writer.close()

    async def _publish(self, reader, writer):
        """The client protocol of NATS: a line, and after PUB and HPUB as many bytes as it says."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                words = line.split()
                if words and words[0] in (b"PUB", b"HPUB"):
                    writer.write(self._addressed(words) + await reader.readexactly(int(words[-1]) + 2))
                else:
                    writer.write(line)
                await writer.drain()

    def _addressed(self, words):
        if words[1] == NOTIFICATION_SUBJECT.encode():
            if self._rng.random() < self.lost:
                self.dropped += 1
                words[1] = _NOWHERE
            else:
                self.passed += 1
        return b" ".join(words) + b"\r\n"


async def _copy(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
