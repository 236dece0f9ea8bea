"""InvoiceGenerated, as billing-service publishes it. Pure.

Fields that are not known here are left out: billing-service may add some before this service knows them.
"""

from typing import Any, Final

import msgspec
from msgspec import inspect

from app.errors import NeverWorks
from app.field_problems import ILLEGIBLE, in_plain_words
from app.invoices.data import InvoiceOrder

EVENT_TYPE: Final = "InvoiceGenerated"
MAX_BYTES: Final = 4 * 1024 * 1024  # of a message or a body: some thousand times an invoice

_ORDER: Final = inspect.type_info(InvoiceOrder)


def parse_invoice_generated(payload: bytes) -> InvoiceOrder:
    """What is to be rendered. Raises NeverWorks, which says what is wrong and where."""
    if len(payload) > MAX_BYTES:
        raise NeverWorks(f"{EVENT_TYPE} is larger than {MAX_BYTES} bytes")
    try:
        said = msgspec.json.decode(payload)
        if not isinstance(said, dict) or said.get("event_type") != EVENT_TYPE:
            raise NeverWorks(f"event_type is not {EVENT_TYPE}")
        return msgspec.convert(_known(said, _ORDER), InvoiceOrder)
    except ILLEGIBLE as error:
        raise NeverWorks(f"no {EVENT_TYPE}: {in_plain_words(error)}") from error


def _known(said: Any, expected: inspect.Type) -> Any:
    """Without what no field takes. A list that is too long is refused anyway, and not looked into."""
    match expected:
        case inspect.StructType() if isinstance(said, dict):
            fields = {field.encode_name: field.type for field in expected.fields}
            return {name: _known(value, fields[name]) for name, value in said.items() if name in fields}
        case inspect.VarTupleType(max_length=most) if isinstance(said, list) and len(said) <= (most or len(said)):
            return [_known(value, expected.item_type) for value in said]
        case inspect.UnionType():
            for kind in expected.types:
                said = _known(said, kind)
        case inspect.Metadata():
            return _known(said, expected.type)
    return said
