"""The OpenAPI document says what the service does, in a form that other people's readers and generators take."""

import json
import unicodedata

import pytest
import yaml

from app import errors
from app.content import RejectionReason
from app.media import ContextType, Status


def found(node, path=""):
    """Every object of the document with its place."""
    if isinstance(node, dict):
        yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield from found(child, f"{path}/{name}")


def operations(document):
    return [(path, method, item) for path, methods in document["paths"].items() for method, item in methods.items()]


def values_of(schema, schemas):
    """The values of a closed set that may be null."""
    (described,) = [choice for choice in schema.get("oneOf", [schema]) if choice != {"type": "null"}]
    return set(schemas[described["$ref"].rpartition("/")[2]]["enum"] if "$ref" in described else described["enum"])


def test_yaml_readers_take_it_as_it_is(text, document):
    assert yaml.safe_load(text) == document


def test_no_text_of_it_is_what_readers_stop_at(document):
    def is_plain(character):
        code = ord(character)
        is_noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
        return unicodedata.category(character) not in {"Cc", "Cs", "Co"} and not is_noncharacter

    assert [c for c in json.dumps(document, ensure_ascii=False) if not is_plain(c)] == []


CLOSED = [
    ("MediaView", "status", set(Status)),
    ("UploadView", "status", set(Status)),
    ("MediaCount", "status", set(Status)),
    ("MediaView", "rejection_reason", set(RejectionReason)),
    ("MediaView", "context_type", set(ContextType)),
    ("MediaCount", "context_type", set(ContextType)),
    ("MediaView", "file_type", {"image", "pdf", "document", "other"}),
    ("AdminView", "finalized_by", {"notification", "complete", "sweep"}),
    ("AuditEntry", "actor_kind", {"user", "service", "admin", "link", "system"}),
    ("Health", "status", {"ok", "unavailable"}),
    ("PartHealth", "status", {"ok", "unavailable"}),
]


@pytest.mark.parametrize(("schema", "field", "values"), CLOSED)
def test_a_closed_set_is_an_enumeration(schemas, schema, field, values):
    assert values_of(schemas[schema]["properties"][field], schemas) == values


@pytest.mark.parametrize(("schema", "field"), [("Problem", "code"), ("Link", "error"), ("BatchEntry", "error")])
def test_a_code_is_one_of_the_tree_of_refusals(schemas, schema, field):
    def codes(refusal):
        below = refusal.__subclasses__()
        return {refusal.code} if not below else set().union(*map(codes, below))

    assert values_of(schemas[schema]["properties"][field], schemas) == codes(errors.Refusal) | {"internal_error"}


async def test_the_actions_of_the_audit_are_those_that_its_table_takes(schemas, rows):
    check = await rows.fetchval("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'action_is_known'")
    known = {word for word in check.split("'") if "." in word}
    assert values_of(schemas["AuditEntry"]["properties"]["action"], schemas) == known


def test_a_field_that_may_be_left_out_is_not_asked_for_by_generators(schemas):
    """openapi-typescript makes a field with `default` one that is always there: the default is said in words."""
    assert [place for place, node in found(schemas) if "default" in node] == []
    fields = schemas["UploadRequest"]
    assert fields["required"] == ["file_name", "file_size", "mime_type"]
    assert fields["properties"]["is_public"] == {"type": "boolean", "description": "false if it is left out"}


def test_a_change_asks_for_if_match_and_nothing_else_does(document):
    asked = {
        item["operationId"]: parameter["required"]
        for _, _, item in operations(document)
        for parameter in item.get("parameters", ())
        if parameter["name"] == "If-Match"
    }
    assert asked == {"changeMedia": True}


def test_no_header_is_null(document):
    assert [
        (item["operationId"], parameter["name"])
        for _, _, item in operations(document)
        for parameter in item.get("parameters", ())
        if parameter["in"] == "header" and "null" in json.dumps(parameter["schema"])
    ] == []


def test_urls_times_and_ids_have_their_format(schemas):
    ends = {"url": "uri", "_url": "uri", "_at": "date-time", "id": "uuid", "_id": "uuid"}
    others = {"AuditEntry/id", "Subscriber/vat_id"}  # a number; what a tax office gives
    for name, schema in schemas.items():
        for field, described in schema.get("properties", {}).items():
            format_ = next((ends[end] for end in ends if field == end or (end[0] == "_" and field.endswith(end))), None)
            if format_ and f"{name}/{field}" not in others:
                assert f'"format": "{format_}"' in json.dumps(described), f"{name}/{field}"


def test_bodies_have_no_other_fields_however_deep(schemas):
    for name in ("UploadRequest", "MediaChange", "LinksRequest", "InvoiceOrder", "InvoiceData", "Subscriber", "Totals"):
        assert schemas[name]["additionalProperties"] is False, name
    assert "additionalProperties" not in schemas["MediaView"]


ALWAYS = {"302": {"Location"}, "401": {"WWW-Authenticate"}, "429": {"Retry-After"}}


def test_refusals_declare_their_headers_on_every_operation(document):
    for _, _, item in operations(document):
        for status, answer in item["responses"].items():
            required = {name for name, header in answer.get("headers", {}).items() if header.get("required")}
            assert required == ALWAYS.get(status, set()), (item["operationId"], status)
            if status == "503":
                assert "Retry-After" in answer["headers"]


@pytest.mark.parametrize(
    ("operation", "status", "headers"),
    [
        ("requestUpload", "201", {"RateLimit", "RateLimit-Policy"}),
        ("requestUploads", "200", {"RateLimit", "RateLimit-Policy"}),
        ("renewUpload", "200", {"ETag"}),
        ("requestUpload", "429", {"RateLimit", "RateLimit-Policy", "Retry-After"}),
        ("getMedia", "200", {"ETag", "Preference-Applied"}),
        ("changeMedia", "200", {"ETag"}),
        ("completeUpload", "200", {"ETag"}),
        ("downloadMedia", "302", {"Location"}),
    ],
)
def test_an_answer_declares_its_headers(document, operation, status, headers):
    (item,) = [item for _, _, item in operations(document) if item["operationId"] == operation]
    assert item["responses"][status]["headers"].keys() == headers
    assert all(header["schema"] for header in item["responses"][status]["headers"].values())


@pytest.mark.parametrize(
    ("batch", "field", "entry"),
    [("UploadBatch", "uploads", "UploadRequest"), ("InvoiceBatch", "invoices", "InvoiceOrder")],
)
def test_an_entry_of_a_batch_is_what_would_be_sent_alone(schemas, batch, field, entry):
    assert schemas[batch]["properties"][field]["items"] == {"$ref": f"#/components/schemas/{entry}"}
