"""The OpenAPI document, finished: Litestar derives it from the handlers, and this adds what it can't derive. Pure.

Clients are generated from it, so it says what holds on the wire: that a body has no other fields, which headers an
answer carries, which header a change asks for. A value that may be null has one form.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

Json = dict[str, Any]

# What says something of a value itself; beside `oneOf` it would say it of null too.
_OF_THE_VALUE: Final = (
    "pattern",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)
_NULL: Final = {"type": "null"}


def each_as(entry: type[msgspec.Struct], *, min_length: int, max_length: int) -> msgspec.Meta:
    """Of a list whose entries a handler decodes one by one: what each of them is in the document."""
    items = {"$ref": f"#/components/schemas/{entry.__name__}"}
    return msgspec.Meta(min_length=min_length, max_length=max_length, extra_json_schema={"extra": {"items": items}})


def finished(document: Json, headers_by_status: dict[str, dict[str, Json]]) -> Json:
    """The document that Litestar made, completed in place."""
    schemas = document["components"]["schemas"]
    for schema in list(_schemas(document)):
        _simplify(schema)
    for operation in [found for path in document["paths"].values() for found in path.values()]:
        _close_bodies(operation, schemas)
        _declare_headers(operation["responses"], headers_by_status)
        for parameter in operation.get("parameters", ()):
            _declare_parameter(parameter, operation["responses"])
    for schema in schemas.values():
        for described in schema.get("properties", {}).values():
            _describe_default(described)
    return document


def _schemas(node: Any) -> Iterator[Json]:
    """Everything in it that may be a schema, the innermost first."""
    if isinstance(node, dict):
        for value in node.values():
            yield from _schemas(value)
        yield node
    elif isinstance(node, list):
        for value in node:
            yield from _schemas(value)


def _simplify(schema: Json) -> None:
    """One way to say it: no choice of one, no choice of anything, and null apart from the values."""
    if isinstance(schema.get("type"), list) and None in schema.get("enum", ()):
        values = [value for value in schema.pop("enum") if value is not None]
        schema["oneOf"] = [{"type": "string", "enum": values}, dict(_NULL)]
        del schema["type"]
    if "oneOf" not in schema:
        return
    choices = [choice for choice in schema.pop("oneOf") if choice]
    values = [choice for choice in choices if choice != _NULL]
    if len(values) == 1 and "$ref" not in values[0]:
        values[0] |= {name: schema.pop(name) for name in _OF_THE_VALUE if name in schema}
    if len(choices) == 1:
        schema |= choices[0]
    else:
        schema["oneOf"] = choices


def _close_bodies(operation: Json, schemas: Json) -> None:
    """Bodies have no fields but those that are named, however deep: msgspec refuses others."""
    open_ends = list(_references(operation.get("requestBody", {})))
    seen = set()
    while open_ends:
        name = open_ends.pop()
        if name in seen:
            continue
        seen.add(name)
        if schemas[name]["type"] == "object":
            schemas[name]["additionalProperties"] = False
        open_ends += _references(schemas[name])


def _references(node: Any) -> Iterator[str]:
    return (found["$ref"].rpartition("/")[2] for found in _schemas(node) if "$ref" in found)


def _declare_headers(responses: Json, headers_by_status: dict[str, dict[str, Json]]) -> None:
    for status, response in responses.items():
        headers = {**response.get("headers", {}), **headers_by_status.get(status, {})}
        response["headers"] = {name: {"schema": {"type": "string"}, **header} for name, header in headers.items()}


def _declare_parameter(parameter: Json, responses: Json) -> None:
    """A header is never null; a query may say so. If-Match is asked for where its absence is refused (RFC 6585 §3)."""
    schema = parameter["schema"]
    if parameter["in"] == "header" and _NULL in schema.get("oneOf", ()):
        (value,) = [choice for choice in schema.pop("oneOf") if choice != _NULL]
        schema |= value
    if parameter["name"] == "If-Match":
        parameter["required"] = "428" in responses


def _describe_default(schema: Json) -> None:
    """In words: openapi-typescript makes a field that has a default one that requests must send."""
    if "default" not in schema:
        return
    default = schema.pop("default")
    said = "empty" if default == [] else str(default).lower() if isinstance(default, bool) else default
    schema["description"] = "; ".join(filter(None, [schema.get("description"), f"{said} if it is left out"]))
