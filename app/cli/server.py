"""The HTTP server of `media api`: SIGTERM ends it in order and with exit code 0, a second one ends it now."""

import os
import socket
from types import FrameType

import structlog
import uvicorn

from app.flow.find_media import Changes

log = structlog.get_logger()


class Server(uvicorn.Server):
    """uvicorn's, which would die of the signal once it has ended, and only wait on when there is another."""

    def __init__(self, config: uvicorn.Config, changes: Changes) -> None:
        super().__init__(config)
        self._changes = changes

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  uvicorn's signature
        if self.should_exit:
            os._exit(1)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("api.stopping")
        self._changes.end_waiting()
        await super().shutdown(sockets)
