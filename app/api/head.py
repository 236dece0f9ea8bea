"""HEAD, answered wherever GET is: the same status and headers without a body (RFC 9110 §9.3.2)."""

from typing import Any

from litestar.types import ASGIApp, Message, Receive, Send


def answering_head(app: ASGIApp) -> ASGIApp:
    """The app, which gets GET for HEAD. The server goes on seeing HEAD, and expects no body."""

    async def answer(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        as_get: Any = {**scope, "method": "GET"}
        await app(as_get, receive, without_body)

    return answer
