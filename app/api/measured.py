"""How long each operation of the API takes, from its first look at a request to the end of its answer."""

import time
from typing import Any

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.telemetry import REQUEST_SECONDS


class Measured(ASGIMiddleware):
    """What has no operation of the API's document, such as the page of documentation, is `other`."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        began, status = time.perf_counter(), "5xx"  # of an answer that never begins

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
            await send(message)

        try:
            await next_app(scope, receive, noted)
        finally:
            REQUEST_SECONDS.labels(_operation(scope), status).observe(time.perf_counter() - began)


def _operation(scope: Any) -> str:
    name = getattr(scope["route_handler"], "operation_id", None)
    return name if isinstance(name, str) else "other"
