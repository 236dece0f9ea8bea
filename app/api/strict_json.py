"""JSON bodies, decoded strictly into the struct that the handler declares: "10" is no number, and 1 is not true."""

from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import InternalServerException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from app.errors import InvalidRequest, UnsupportedBody
from app.field_problems import ILLEGIBLE, in_plain_words


class StrictRequest(Request[Any, Any, Any]):
    """Litestar's own decoding is lenient, as it also serves query strings."""

    async def body(self) -> bytes:
        """Raises InvalidRequest where the client goes before it is complete: Litestar would call that a bug of ours."""
        try:
            return await super().body()
        except InternalServerException as error:
            raise InvalidRequest("The body did not arrive whole.") from error

    async def json(self) -> Any:
        """The body as the handler's `data` type."""
        assert isinstance(self.route_handler, HTTPRouteHandler)
        field = self.route_handler.parsed_data_field
        assert field is not None
        return decoded(await self.body(), field.annotation)


def decoded(body: bytes, kind: Any) -> Any:
    """A body as a value of `kind`. Raises InvalidRequest that says what is wrong and where."""
    try:
        return msgspec.json.decode(body, type=kind)
    except ILLEGIBLE as error:
        raise InvalidRequest(f"The body is not what this endpoint takes: {in_plain_words(error)}.") from error


async def json_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard: refuse any other body unread. Raises UnsupportedBody. Async, as Litestar gives others a thread."""
    content_type = connection.headers.get("content-type", "")
    encoding = connection.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedBody(content_type, encoding)
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedBody(content_type)
