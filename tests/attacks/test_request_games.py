"""Requests that are too large, too slow, too many or ambiguous get a refusal, and nobody else a delay."""

import asyncio
import contextlib
import itertools
import json
import os
import socket
import struct
from typing import ClassVar

import httpx
import pytest

from app.api.request_bounds import Bounds
from tests.attacks.serving import connected, request, said, said_on_and_on, serving

ASKED = json.dumps({"file_name": "a.png", "mime_type": "image/png", "file_size": 10}).encode()
UPLOAD = "/api/v1/media/upload"
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"
SMUGGLED = b"DELETE /smuggled HTTP/1.1\r\nHost: media.test\r\n\r\n"


@pytest.fixture
def authorized(bearer):
    return f"Authorization: {bearer()['Authorization']}"


async def refused(served, *pieces):
    """The one answer, after which the connection ended."""
    (answer,) = await said(served.port, *pieces)
    assert answer.header("connection") == "close"
    assert answer.header("x-content-type-options") == "nosniff"
    return answer.status, answer.code


class TestWantsToFillMemory:
    async def test_a_length_over_64_kib_is_refused_before_a_byte_of_the_body(self, served, authorized):
        head = request("POST", UPLOAD, JSON, authorized, "Content-Length: 65537")
        assert await refused(served, head) == (413, "body_too_large")

    async def test_a_long_body_is_not_read_though_nobody_has_said_who_calls(self, served):
        assert await refused(served, request("POST", UPLOAD, "Content-Length: 99999999999")) == (413, "body_too_large")

    async def test_the_client_reads_the_refusal_though_its_body_is_under_way(self, served, authorized):
        head = request("POST", UPLOAD, JSON, authorized, "Content-Length: 3000000")
        assert await refused(served, head, b"x" * 3_000_000) == (413, "body_too_large")

    async def test_a_body_of_64_kib_is_read(self, served, authorized):
        (answer,) = await said(served.port, request("POST", UPLOAD, JSON, authorized, body=ASKED.ljust(65_536)))
        assert answer.status == 201

    async def test_a_chunked_body_is_not_taken_though_nobody_has_said_who_calls(self, served):
        begin = request("POST", UPLOAD, JSON, CHUNKED, close=False)
        heard = await said_on_and_on(served.port, begin, b"1000\r\n" + b" " * 0x1000 + b"\r\n", times=60)
        assert heard.startswith(b"HTTP/1.1 401 ")

    async def test_a_chunked_body_of_a_caller_is_refused_in_words(self, served, authorized):
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        head = request("POST", UPLOAD, JSON, CHUNKED, authorized)
        assert await refused(served, head, chunk, chunk, b"1\r\n \r\n") == (413, "body_too_large")

    async def test_chunks_of_a_byte_are_counted_with_their_coding(self, served, authorized):
        head = request("POST", UPLOAD, JSON, CHUNKED, authorized)
        extended = b"1;" + b"e" * 4_000 + b"\r\n \r\n"
        assert await refused(served, head, extended * 200) == (413, "body_too_large")

    async def test_a_get_with_a_large_body_is_refused_too(self, served, authorized):
        head = request("GET", "/api/v1/media", authorized, "Content-Length: 70000")
        assert await refused(served, head) == (413, "body_too_large")

    async def test_one_header_that_never_ends_is_refused(self, served):
        assert await refused(served, b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", *[b"a" * 8_192] * 8) == (
            431,
            "headers_too_large",
        )

    @pytest.mark.parametrize(
        "headers", [[f"X-{n}: 1" for n in range(63)], ["X: " + "a" * 16_384]], ids=["many", "long"]
    )
    async def test_headers_beyond_the_bound_are_refused(self, served, headers):
        assert await refused(served, request("GET", "/health/live", *headers)) == (431, "headers_too_large")

    async def test_headers_within_the_bound_are_taken(self, served):
        headers = [f"X-{n}: {'a' * 250}" for n in range(60)]
        (answer,) = await said(served.port, request("GET", "/health/live", *headers))
        assert answer.status == 200

    @pytest.mark.parametrize("target", ["/" + "a" * 4_096, "/files/x?token=" + "a" * 4_096, "/?" + "&a=1" * 1_030])
    async def test_a_long_target_is_refused(self, served, target):
        assert await refused(served, request("GET", target)) == (414, "query_too_long")

    async def test_a_target_that_never_ends_is_refused(self, served):
        assert await refused(served, b"GET /", *[b"a" * 8_192] * 8) == (414, "query_too_long")

    async def test_a_thousand_requests_at_once_on_a_connection_are_not_kept(self, served):
        answers = await said(served.port, request(close=False) * 1_000)
        assert len(answers) < 100

    async def test_endless_line_ends_begin_no_request_and_are_not_taken_for_ever(self, served):
        assert len(await said(served.port, *[b"\r\n" * 4_096] * 16)) <= 1


class TestWantsToSmuggle:
    """What a proxy in front may read otherwise is refused, and nothing behind it is taken for a request."""

    SHAPES: ClassVar = {
        "CL and TE": ("Content-Length: 5", CHUNKED),
        "TE and CL": (CHUNKED, "Content-Length: 5"),
        "two lengths": ("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"),
        "two equal lengths": ("Content-Length: 0", "Content-Length: 0"),
        "a list of lengths": ("Content-Length: 0, 0",),
        "a length with a sign": ("Content-Length: +0",),
        "a negative length": ("Content-Length: -1",),
        "a hexadecimal length": ("Content-Length: 0x0",),
        "an empty length": ("Content-Length: ",),
        "a length with a space": ("Content-Length: 0 0",),
        "a huge length": ("Content-Length: 18446744073709551617",),
        "xchunked": ("Transfer-Encoding: xchunked",),
        "chunked, identity": ("Transfer-Encoding: chunked, identity",),
        "identity": ("Transfer-Encoding: identity",),
        "two TE": (CHUNKED, "Transfer-Encoding: identity"),
        "a space before the colon": ("Transfer-Encoding : chunked",),
        "an obsolete fold": ("X-A: b\r\n Transfer-Encoding: chunked",),
        "a fold first": (" X-A: b",),
        "a bare CR in a value": ("X-A: b\rTransfer-Encoding: chunked",),
        "a bare LF after a value": ("X-A: b\nTransfer-Encoding: chunked",),
        "NUL in a value": ("X-A: b\x00",),
        "NUL in a name": ("X\x00A: b",),
        "no colon": ("X-A",),
        "no name": (": b",),
        "two hosts": ("Host: other.test",),
    }

    @pytest.mark.parametrize("shape", SHAPES)
    async def test_an_ambiguous_head_is_refused(self, served, shape):
        raw = request("POST", "/health/live", *self.SHAPES[shape], close=False)
        assert await refused(served, raw + b"0\r\n\r\n" + SMUGGLED) in (
            (400, "invalid_request"),
            (413, "body_too_large"),
        )

    @pytest.mark.parametrize(
        "raw",
        [
            b"GET /health/live HTTP/1.1\n\n",
            b"GET /health/live HTTP/1.1\nHost: x\n\n",
            b"GET /health/live HTTP/1.1\rHost: x\r\r",
            b"GET /health/live HTTP/3.7\r\nHost: x\r\n\r\n",
            b"GET /health/live\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
            b"\x00" * 64,
            b"SSH-2.0-x\r\n",
            b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /health/live HTTP/1.1\r\n\r\n",
        ],
        ids=itertools.count(),
    )
    async def test_what_is_no_http_is_refused(self, served, raw):
        assert await refused(served, raw) == (400, "invalid_request")

    @pytest.mark.parametrize(
        "end", [b"0\n\n", b"0\r\nX: y\n\r\n", b"zz\r\n", b"-1\r\n", b"0x0\r\n\r\n", b"1\r\nab\r\n0\r\n\r\n"]
    )
    async def test_an_ambiguous_chunk_is_refused(self, served, authorized, end):
        answers = await said(
            served.port, request("POST", UPLOAD, JSON, CHUNKED, authorized, close=False) + end + SMUGGLED
        )
        assert {answer.status for answer in answers} == {400}
        assert len(answers) == 1

    async def test_trailers_are_no_headers(self, served):
        body = f"{len(ASKED):x}\r\n".encode() + ASKED + b"\r\n0\r\nAuthorization: Bearer a.b.c\r\n\r\n"
        (answer,) = await said(served.port, request("POST", UPLOAD, JSON, CHUNKED) + body)
        assert (answer.status, "there is none" in answer.body.decode()) == (401, True)

    @pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.0"])
    async def test_another_protocol_is_not_begun(self, served, protocol):
        raw = request("GET", "/health/live", "Connection: upgrade", f"Upgrade: {protocol}", close=False)
        answers = await said(served.port, raw + SMUGGLED)
        assert [answer.status for answer in answers] == [200]

    async def test_connect_is_no_tunnel(self, served):
        raw = b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n"
        assert await refused(served, raw + SMUGGLED) == (400, "invalid_request")

    async def test_a_refusal_is_never_taken_for_an_earlier_request_s_answer(self, served):
        waiting = request("GET", "/health", close=False)
        answers = await said(served.port, waiting + b"\x00garbage\r\n\r\n")
        assert all(answer.status == 200 for answer in answers)

    async def test_two_requests_at_once_get_their_own_answers_in_order(self, served):
        answers = await said(served.port, request("GET", "/nothing", close=False) + request())
        assert [answer.status for answer in answers] == [404, 200]


class TestWantsToHoldConnections:
    """Slow clients, at a protocol that is as impatient as a test."""

    @pytest.fixture
    def mode(self):
        return "in place"

    @pytest.fixture
    async def impatient(self, environment):
        times = dict.fromkeys(("head_seconds", "body_seconds", "taking_seconds", "lingering_seconds"), 0.3)
        async with serving(environment, **times) as server:
            yield server

    @pytest.fixture
    async def crowded(self, environment):
        async with serving(environment, connections=20) as server:
            yield server

    @pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
    async def test_a_head_that_does_not_end_is_refused(self, impatient, begun):
        assert await refused(impatient, begun) == (408, "request_too_slow")

    async def test_a_head_in_drops_is_refused(self, impatient):
        heard = await said_on_and_on(impatient.port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"x", times=500)
        assert b"request_too_slow" in heard

    @pytest.mark.parametrize("framing", ["Content-Length: 10", CHUNKED])
    async def test_a_body_that_does_not_end_is_refused(self, impatient, authorized, framing):
        raw = request("POST", UPLOAD, JSON, authorized, framing, close=False)
        assert await refused(impatient, raw, b"5\r\n{") == (408, "request_too_slow")

    @pytest.mark.parametrize("sent", [b"", b"\r\n", b"\r\n\r\n\r\n"])
    async def test_a_connection_that_asks_nothing_is_closed(self, impatient, sent):
        assert await said(impatient.port, sent) == []

    async def test_line_ends_after_an_answer_keep_no_connection(self, impatient):
        answers = await said(impatient.port, request(close=False), b"\r\n")
        assert [answer.status for answer in answers] == [200]

    async def test_an_idle_connection_is_closed(self, impatient):
        answers = await said(impatient.port, request(close=False))
        assert [answer.status for answer in answers] == [200]

    async def test_a_body_that_is_never_sent_keeps_no_answered_connection(self, impatient):
        answers = await said(impatient.port, request("POST", UPLOAD, JSON, "Content-Length: 99", close=False))
        assert answers[0].status == 401
        assert len(answers) == 1

    async def test_answers_that_nobody_takes_are_dropped(self, impatient):
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.connect(("127.0.0.1", impatient.port))
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            asset = request("GET", "/docs/assets/swagger-ui-bundle.js", close=False)
            await loop.sock_sendall(client, asset * 4)
            async with asyncio.timeout(5):
                while not impatient.server_state.connections:  # nothing tells that it has begun
                    await asyncio.sleep(0.01)
                while impatient.server_state.connections:  # nor that it has ended
                    await asyncio.sleep(0.01)

    async def test_more_connections_than_the_bound_are_closed_and_others_are_served(self, crowded):
        async with contextlib.AsyncExitStack() as opened:
            for _ in range(19):
                await opened.enter_async_context(connected(crowded.port))
            (answer,) = await said(crowded.port, request())
            assert answer.status == 200
            await opened.enter_async_context(connected(crowded.port))
            async with asyncio.timeout(5):
                for _ in range(10):
                    reader, _ = await opened.enter_async_context(connected(crowded.port))
                    with contextlib.suppress(ConnectionError):
                        assert await reader.read() == b""

    async def test_a_patient_request_is_not_held_against_its_client(self, impatient, bearer):
        user = bearer()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{impatient.port}", trust_env=False) as client:
            asked = (
                await client.post(UPLOAD, content=ASKED, headers=user | {"Content-Type": "application/json"})
            ).json()
            answer = await client.get(f"/api/v1/media/{asked['id']}", headers=user | {"Prefer": "wait=1"})
            assert answer.json()["status"] == "pending"
            assert (await client.get("/health/live")).status_code == 200

    async def test_who_resets_in_the_middle_of_a_body_leaves_no_error(self, impatient, authorized, failures):
        with socket.socket() as client:
            client.connect(("127.0.0.1", impatient.port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(request("POST", UPLOAD, JSON, authorized, "Content-Length: 99"))
            async with asyncio.timeout(5):
                while not impatient.server_state.tasks:  # nothing tells that it has begun
                    await asyncio.sleep(0)
        (answer,) = await said(impatient.port, request())
        assert (answer.status, failures) == (200, [])


def test_the_bound_of_connections_leaves_files_for_everything_else():
    files = os.sysconf("SC_OPEN_MAX")
    assert 64 <= Bounds().connections <= max(64, files - 64)


class TestWantsItsPageToLearnWhy:
    """A refusal of the connection itself, which a page reads as any other: else it sees a network error."""

    PAGE = "Origin: http://localhost:3000"
    REFUSALS: ClassVar = {
        413: request("POST", UPLOAD, PAGE, "Content-Length: 99999999"),
        414: request("GET", "/api/v1/media?x=" + "a" * 5_000, PAGE),
        431: request("GET", "/api/v1/media", f"X-Long: {'a' * 17_000}", PAGE),
        400: request("GET", "/api/v1/media", "Host: another.test", PAGE),
    }

    @pytest.mark.parametrize("status", REFUSALS)
    async def test_an_allowed_page_may_read_it(self, served, status):
        (answer,) = await said(served.port, self.REFUSALS[status])
        assert (answer.status, answer.header("access-control-allow-origin")) == (status, "http://localhost:3000")
        assert "Retry-After" in answer.header("access-control-expose-headers")
        assert answer.header("vary") == "Origin"

    @pytest.mark.parametrize("status", REFUSALS)
    async def test_another_one_may_not(self, served, status):
        foreign = self.REFUSALS[status].replace(b"http://localhost:3000", b"http://evil.example")
        (answer,) = await said(served.port, foreign)
        assert (answer.status, answer.header("access-control-allow-origin")) == (status, None)
        assert answer.header("vary") == "Origin"


async def test_a_head_that_is_refused_gets_no_body(served):
    async with connected(served.port) as (reader, writer):
        writer.write(request("HEAD", "/api/v1/media?x=" + "a" * 5_000))
        heard = await reader.read()
    assert heard.startswith(b"HTTP/1.1 414 ")
    assert heard.endswith(b"\r\n\r\n")


class TestOffersAnotherProtocol:
    """Java's HttpClient offers HTTP/2 with each request (`Upgrade: h2c`): it is answered in HTTP/1.1, body and all."""

    OFFER: ClassVar = ("Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA")

    def offering(self, *headers, body=b""):
        said = request("POST", UPLOAD, JSON, *self.OFFER, *headers, body=body)
        return said.replace(b"Connection: close", b"Connection: Upgrade, HTTP2-Settings")

    async def test_its_body_is_read(self, served, authorized):
        whole = self.offering(authorized, body=ASKED)
        cut = len(whole) - len(ASKED)
        for pieces in ([whole], [whole[:cut], whole[cut:]], [whole[: cut + 5], whole[cut + 5 :]]):
            (answer,) = await said(served.port, *pieces)
            assert (answer.status, answer.header("connection")) == (201, "close")

    async def test_its_body_in_chunks_is_read(self, served, authorized):
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(ASKED), ASKED)
        (answer,) = await said(served.port, self.offering(authorized, CHUNKED) + chunked)
        assert answer.status == 201

    async def test_a_request_without_a_body_is_answered(self, served, authorized):
        plain = request("GET", "/api/v1/media", authorized, *self.OFFER)
        (answer,) = await said(served.port, plain.replace(b"Connection: close", b"Connection: Upgrade, HTTP2-Settings"))
        assert answer.status == 200

    async def test_what_follows_the_body_is_no_request(self, served, authorized):
        answers = await said(served.port, self.offering(authorized, body=ASKED) + SMUGGLED)
        assert [answer.status for answer in answers] == [201]

    async def test_a_body_over_64_kib_is_refused(self, served, authorized):
        assert await refused(served, self.offering(authorized, body=b"x" * 70_000)) == (413, "body_too_large")
        begin = self.offering(authorized, CHUNKED)
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        assert await refused(served, begin, chunk, chunk, b"1\r\n \r\n") == (413, "body_too_large")

    async def test_a_body_that_is_not_chunked_right_is_refused(self, served, authorized):
        assert await refused(served, self.offering(authorized, CHUNKED), b"zz\r\n") == (400, "invalid_request")
