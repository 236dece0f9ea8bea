"""Query strings: a parameter comes once. Unknown ones are ignored, as mail programs and campaigns add theirs."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from app.errors import InvalidRequest


async def each_parameter_once(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard: of two values each reader takes another one. Raises InvalidRequest. Async: others would get a thread."""
    parameters = handler.parsed_fn_signature.parameters
    known = {name for name, field in parameters.items() if isinstance(field.kwarg_definition, QueryParameter)}
    seen = set()
    for name, _value in connection.query_params.multi_items():
        if name in seen and name in known:
            raise InvalidRequest(f"The query parameter {name[:40]} comes more than once.")
        seen.add(name)
