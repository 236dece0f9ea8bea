"""A door before a part: shut, nobody reaches it and those inside are put out; open again, all is as before."""

import asyncio
import contextlib

from tests.story import unused_port


class Gate:
    """Forwards a port of this machine to a part while it is open."""

    def __init__(self, host, port):
        self.port = unused_port()
        self._upstream = (host, port)
        self._server = None
        self._writers = set()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    async def open(self):
        self._server = await asyncio.start_server(self._visit, "127.0.0.1", self.port)

    async def shut(self):
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _visit(self, reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection(*self._upstream)
        self._writers |= {writer, inner_writer}
        try:
            await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
        finally:
            self._writers -= {writer, inner_writer}
            writer.close()
            inner_writer.close()


async def _pass_on(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.transport.abort()


@contextlib.asynccontextmanager
async def gate_before(address):
    host, _, port = address.rpartition(":")
    gate = Gate(host, int(port))
    await gate.open()
    try:
        yield gate
    finally:
        await gate.shut()
