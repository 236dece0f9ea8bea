"""Logs: JSON lines on stderr, an event name `noun.past_verb` and fields. Libraries that log URLs are silenced.

Trace context (W3C, https://www.w3.org/TR/trace-context/) comes with a request or begins there, and travels through the
row and the outbox to the event's headers.
"""

import logging
import re
import secrets
import sys
from typing import Final

import structlog

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LOG_URLS: Final = ("httpx", "httpcore", "aiohttp", "aiohttp.access", "uvicorn.access", "urllib3")


def configure_logs(level: str, *, process: str) -> None:
    """JSON lines on stderr for our own logs and everyone else's warnings."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared)
    )
    logging.basicConfig(level=max(logging.getLevelName(level), logging.INFO), handlers=[handler], force=True)
    for name in _LOG_URLS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def traceparent(received: str | None) -> str:
    """The caller's traceparent where it is one, else the beginning of a trace."""
    if received is not None and _TRACEPARENT.fullmatch(received):
        return received
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
