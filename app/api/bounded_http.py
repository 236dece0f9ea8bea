"""HTTP/1.1 as uvicorn speaks it, bounded: what is too large, too slow or no HTTP is refused before the app hears of it.

The parser has no limits of its own. What it takes no notice of is counted here: every byte of a head, every byte of a
body, every second until they are complete. A refusal is an application/problem+json as all others are; after it the
connection ends, as what follows on it may be anything.
"""

import asyncio
from enum import Enum, auto
from typing import Any, ClassVar, Final

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.problems import as_problem, longest_body
from app.api.raw_answer import raw_answer
from app.api.request_bounds import Bounds
from app.api.response_headers import cors_headers
from app.errors import BodyTooLarge, HeadersTooLarge, InvalidRequest, QueryTooLong, Refusal, RequestTooSlow
from app.telemetry import REQUESTS_REFUSED

# What is handed to the parser at once: it keeps an unfinished header as long as it goes on.
_PIECE_BYTES: Final = 4_096
# A body sent byte by byte comes with six bytes of chunked coding for each.
_CODING: Final = 8

log = structlog.get_logger()


class _Phase(Enum):
    HEAD = auto()
    BODY = auto()
    COMPLETE = auto()


class _BodyOf:
    """Parser callbacks for a body alone: it goes to the connection, and the head does not."""

    def __init__(self, connection: "BoundedHttp") -> None:
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete


class BoundedHttp(HttpToolsProtocol):
    """A connection. Those beyond `connections` are closed without a word: there is no cheaper way to say it."""

    bounds: ClassVar[Bounds] = Bounds()
    origins: ClassVar[tuple[str, ...]] = ()

    _phase = _Phase.HEAD
    _timed: _Phase | None = None
    _timer: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _begun = False
    _refused = False
    # Said once the head is complete: it tells which page asks, and may read the refusal.
    _wrong: Refusal | None = None
    _received = 0
    _headers_bytes = 0
    _body_bytes = 0

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._refused = True
            transport.abort()
            return
        self._keep_time()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self._timer, self._taking):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        was_complete = self._phase is _Phase.COMPLETE
        for start in range(0, len(data), _PIECE_BYTES):
            if not self._refused:
                self._parse(data[start : start + _PIECE_BYTES])
        if was_complete and self._phase is _Phase.COMPLETE:
            self._enter(_Phase.HEAD)  # line ends between requests, which begin none
        if not self._refused:
            self._keep_time()

    def _parse(self, piece: bytes) -> None:
        self._received += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._refused:
                self.cycle.keep_alive = False  # what follows the request may be in the other protocol
                self._parse_body(piece[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(InvalidRequest("This is not an HTTP/1.1 request."))
            return
        if self._phase is _Phase.HEAD and self._received > self._longest_head:
            self._refuse(self._wrong or HeadersTooLarge(self.bounds.headers_bytes))
        if self._phase is _Phase.BODY and self._received > self._longest_body * _CODING:
            self._refuse(BodyTooLarge(self._longest_body))

    def _parse_body(self, rest: bytes) -> None:
        """The body of a request that offers another protocol, as Java's HttpClient does with each (`Upgrade: h2c`).

        The parser takes such a request for complete with its head. Another one is told of the body alone.
        """
        framing = [header for header in self.headers if header[0] in (b"content-length", b"transfer-encoding")]
        lines = [b"POST / HTTP/1.1", *(b"%s: %s" % header for header in framing), b"", b""]
        self.parser = httptools.HttpRequestParser(_BodyOf(self))
        self._parse(b"\r\n".join(lines))
        self._received = 0
        self._parse(rest)

    @property
    def _longest_head(self) -> int:
        """With everything that is not counted exactly: spaces, line ends, and the piece that it began or ended in."""
        return self.bounds.target_bytes + self.bounds.headers_bytes + 2 * _PIECE_BYTES

    @property
    def _longest_body(self) -> int:
        return longest_body(self.url.decode("latin-1"))

    # What the parser says

    def on_message_begin(self) -> None:
        if self._refused:
            return
        super().on_message_begin()
        self._enter(_Phase.HEAD)
        self._begun, self._headers_bytes, self._body_bytes, self._wrong = True, 0, 0, None

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.bounds.target_bytes:
            self._wrong = self._wrong or QueryTooLong(self.bounds.target_bytes)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._refused or self._phase is not _Phase.HEAD:
            return  # a trailer: it could change what a proxy has said of the request
        self._headers_bytes += len(name) + len(value)
        if self._headers_bytes > self.bounds.headers_bytes or len(self.headers) >= self.bounds.headers:
            self._wrong = self._wrong or HeadersTooLarge(self.bounds.headers_bytes)
        if self._wrong is None or (name.lower() == b"origin" and self._origin is None):
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        refusal = self._wrong or self._wrong_with_the_head()
        if refusal is not None:
            self._refuse(refusal)
            return
        super().on_headers_complete()
        self._enter(_Phase.BODY)

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self._longest_body:
            self._refuse(BodyTooLarge(self._longest_body))
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused or self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._enter(_Phase.COMPLETE)

    def _wrong_with_the_head(self) -> Refusal | None:
        sizes = [int(value) for name, value in self.headers if name == b"content-length"]
        if any(size > self._longest_body for size in sizes):
            return BodyTooLarge(self._longest_body)
        if sum(name == b"host" for name, _ in self.headers) != 1:  # RFC 9112 §3.2
            return InvalidRequest("A request has one Host header.")
        if len(self.pipeline) >= self.bounds.pipelined:
            return InvalidRequest("Too many requests wait for their answers on this connection.")
        return None

    # Time

    def _enter(self, phase: _Phase) -> None:
        if phase is not self._phase:
            self._phase, self._received, self._timed = phase, 0, None
        if phase is _Phase.COMPLETE:
            self._begun = False

    def _keep_time(self) -> None:
        """One timer for the phase, from when it began. Most requests come in one piece and need none."""
        if self._timed is self._phase:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timed = None, self._phase
        if self._phase is not _Phase.COMPLETE:
            self._timer = self.loop.call_later(self._seconds, self._overdue)

    @property
    def _seconds(self) -> float:
        return self.bounds.head_seconds if self._phase is _Phase.HEAD else self.bounds.body_seconds

    def _overdue(self) -> None:
        self._timer = self._timed = None
        if self._phase is _Phase.HEAD and self._answering:
            self._keep_time()  # the next request may wait for the answer to this one
        elif self._phase is _Phase.HEAD and not self._begun:
            self.transport.close()
        else:
            self._refuse(RequestTooSlow(self._seconds))

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()  # what the client has not taken by now it never will

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_taking()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._expect_taking()

    def _expect_taking(self) -> None:
        if self._taking is None:
            self._taking = self.loop.call_later(self.bounds.taking_seconds, self._not_taken)

    def _not_taken(self) -> None:
        self._taking = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    # Refusing

    def _refuse(self, refusal: Refusal) -> None:
        """Say it and end the connection; only end it where this would be taken for the answer to another request."""
        if self._refused:
            return
        self._refused = True
        if self._timer is not None:
            self._timer.cancel()
        problem = as_problem(refusal)
        REQUESTS_REFUSED.labels(problem.code).inc()
        log.info("request.refused", code=problem.code, status=problem.status, route="unread")
        may_say_it = not self._answering
        if self._phase is _Phase.BODY:
            may_say_it = not self.pipeline and not self.cycle.response_started
            self.cycle.disconnected = True  # for its handler the client has gone
            self.cycle.message_event.set()
        if may_say_it:
            told = [*self.server_state.default_headers, *cors_headers(self._origin, self.origins)]
            self.transport.write(raw_answer(problem, told, is_head=self._is_head))
        self._end(linger=may_say_it)

    @property
    def _is_head(self) -> bool:
        return self._begun and self.parser.get_method() == b"HEAD"

    @property
    def _origin(self) -> bytes | None:
        return dict(self.headers or ()).get(b"origin")

    def _end(self, *, linger: bool) -> None:
        """Closing with bytes unread resets the connection, and with it what the client should read: so read a while."""
        if not (linger and self.transport.can_write_eof()):
            self.transport.close()
            return
        self.flow.resume_reading()
        self.transport.write_eof()
        self._timer = self.loop.call_later(self.bounds.lingering_seconds, self.transport.abort)


def server_options(trusted_proxies: tuple[str, ...], origins: tuple[str, ...]) -> dict[str, Any]:
    """What uvicorn is told besides: whom to believe of a client's address, and that this is HTTP/1.1 alone.

    Pages of `origins` may read what a connection refuses.
    """
    return {
        "http": type("Http", (BoundedHttp,), {"origins": origins}),
        "ws": "none",
        "proxy_headers": bool(trusted_proxies),
        "forwarded_allow_ips": list(trusted_proxies),
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "timeout_keep_alive": 30,
    }
