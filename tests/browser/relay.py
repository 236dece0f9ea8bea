"""A TCP relay between the page and storage that fails as networks do."""

import asyncio
import contextlib

from app.local.ports import Ports, choose_ports

# Requests without a body stay below it.
_MIDDLE_BYTES = 64 * 1024
_SLOW_SECONDS = 0.02  # for so many bytes


class Relay:
    """Passes everything on, but for uploads while it is told otherwise. Files to try it with have 1 MB and more."""

    def __init__(self):
        chosen = choose_ports(Ports())
        self.upstream_port, self._port = chosen.minio, chosen.edge
        self._fault = None
        self._met = asyncio.Event()
        self._lifted = asyncio.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}"

    @contextlib.asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self._visit, "127.0.0.1", self._port)
        try:
            yield self
        finally:
            server.close()

    @contextlib.contextmanager
    def uploads(self, fault):
        """Until the end of the block uploads are `slow`, `cut` or `stalled` in their middle, or their answers `lost`.

        A stalled one is cut in the end.
        """
        self._fault = fault
        self._met.clear()
        self._lifted.clear()
        try:
            yield
        finally:
            self._fault = None
            self._lifted.set()

    async def met(self):
        """Until an upload has run into the fault."""
        await asyncio.wait_for(self._met.wait(), 60)

    async def _visit(self, reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        connection = _Connection()
        ways = (
            asyncio.create_task(self._pass_up(connection, reader, inner_writer)),
            asyncio.create_task(self._pass_down(connection, inner_reader, writer)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            inner_writer.transport.abort()

    async def _pass_up(self, connection, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(_MIDDLE_BYTES):
                connection.sent += len(data)
                if connection.sent > _MIDDLE_BYTES and self._fault in {"cut", "stalled"}:
                    await self._fail()
                    break
                await asyncio.sleep(_SLOW_SECONDS if self._fault == "slow" else 0)
                writer.write(data)
                await writer.drain()

    async def _pass_down(self, connection, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(_MIDDLE_BYTES):
                if connection.sent > _MIDDLE_BYTES and self._fault == "lost":
                    await self._fail()
                    break
                connection.sent = 0  # the next request begins
                writer.write(data)
                await writer.drain()

    async def _fail(self):
        stalled = self._fault == "stalled"
        self._met.set()
        if stalled:
            await self._lifted.wait()


class _Connection:
    """What was sent up since storage last answered."""

    sent = 0
