"""What a reader can copy or rely on in README is what the code says."""

import itertools
import json
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from app import events
from app.access import Action, Standing, verdict
from app.api.app import create_app
from app.api.problems import STATUS
from app.config import VARIABLES, api_settings
from app.content import EQUIVALENTS, RejectionReason
from app.media import MediaObject, Status
from app.telemetry import METRICS
from tests.stack import announced_stack

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)


@pytest.fixture
def mode():
    return "in place"


def table(heading, first_column):
    """The rows of the table under a heading, as lists of cells."""
    lines = README.split(f"\n## {heading}\n")[1].split("\n## ")[0].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first_column} "))
    cells = itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in cells]


def samples(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def photo():
    """The media object of README's samples."""
    blank = dict.fromkeys(MediaObject.__struct_fields__)
    return MediaObject(
        **blank
        | {
            "id": uuid.UUID("110e8400-e29b-41d4-a716-446655440000"),
            "context_type": "ticket_photo",
            "context_id": uuid.UUID("bb0e8400-e29b-41d4-a716-446655440000"),
            "file_type": "image",
            "mime_type": "image/jpeg",
            "file_size": 245_678,
            "uploaded_by": uuid.UUID("990e8400-e29b-41d4-a716-446655440000"),
        }
    )


def test_the_settings_table_is_the_code():
    def default(variable):
        if variable.default is not None:
            return f"`{variable.default}`"
        return variable.unset or "required"

    assert table("Settings", "Variable") == [
        [f"`{variable.name}`", variable.description, ", ".join(variable.roles.split()), default(variable)]
        for variable in VARIABLES
    ]


def test_the_table_of_refusals_is_the_code():
    assert [row[:2] for row in table("The API", "Code")] == [
        [f"`{refusal.code}`", str(status)] for refusal, status in STATUS.items()
    ]


def test_the_table_of_metrics_is_the_code():
    told = {
        cells[0].strip("`"): [cells[1], cells[2], re.findall(r"`(\w+)`", cells[3])]
        for cells in table("Metrics", "Metric")
    }
    declared = {
        name: [metric.type, metric.documentation, list(collector._labelnames)]
        for name, collector in METRICS._names_to_collectors.items()
        for metric in collector.collect()
        if name == metric.name + ("_total" if metric.type == "counter" else "")
    }
    assert told == {name: declared[name] for name in declared if name.startswith("media_")}


def test_the_table_of_access_is_the_code_row_by_row():
    told = [row[1:] for row in table("Access", "Who")]
    assert [row[0] for row in table("Access", "Who")] == [str(standing) for standing in Standing]
    assert told == [[str(verdict(standing, action)) for action in Action] for standing in Standing]
    (head,) = [line for line in README.splitlines() if line.startswith("| Who |")]
    assert [cell.strip() for cell in head.strip("|").split("|")][1:] == [str(action) for action in Action]


def test_the_table_of_calls_is_the_api():
    schema = create_app(
        api_settings(announced_stack().environment("in place", "postgresql://nowhere/x"))
    ).openapi_schema.to_schema()
    offered = {f"{method.upper()} {path}" for path, item in schema["paths"].items() for method in item}
    told = re.findall(
        r"`(?:(GET|POST|PATCH|DELETE) )?(/[^`?]*)`", "\n".join(row[0] for row in table("The API", "Call"))
    )
    assert {f"{method or 'GET'} {path}" for method, path in told} == offered


def test_the_table_of_steps_names_every_module_and_query():
    rows = table("Where things are", "Step")
    named = {cell.strip("`") for row in rows for cell in row[1:3] if cell}
    present = {*ROOT.glob("app/flow/[a-z]*.py"), *ROOT.glob("sql/queries/*.sql")}
    assert named == {str(path.relative_to(ROOT)) for path in present}


@pytest.mark.parametrize(
    ("number", "entry"),
    [(1, events.media_uploaded(photo(), NOW)), (2, events.media_rejected(photo(), NOW, "type_mismatch"))],
)
def test_the_samples_of_events_are_what_is_published(number, entry):
    shown, published = json.loads(samples("json")[number]), json.loads(entry.payload)
    assert list(shown) == list(published)
    assert shown | {"event_id": published["event_id"]} == published


async def test_the_sample_request_gets_an_answer_of_the_sample_s_shape(api, bearer):
    head, body = samples("http")[0].split("\n\n", 1)
    method, path = head.split("\n")[0].split()
    answer = (await api.request(method, path, json=json.loads(body), headers=bearer())).json()
    shown = json.loads(samples("json")[0])
    assert (list(answer), list(answer["upload"])) == (list(shown), list(shown["upload"]))
    assert answer["upload"]["headers"] == shown["upload"]["headers"]


async def test_the_diagram_of_states_is_what_the_database_allows(rows):
    told = set(re.findall(r"(\w+) --> (\w+)", README))
    allowed = set()
    for old, new in itertools.permutations(Status, 2):
        try:
            await rows.execute("BEGIN")
            media_id = await rows.fetchval(_INSERT, uuid.uuid4().hex, old)
            await rows.execute(_UPDATE, media_id, new)
            allowed.add((old, new))
        except asyncpg.CheckViolationError:
            pass
        finally:
            await rows.execute("ROLLBACK")
    assert {(str(old), str(new)) for old, new in allowed} == told


def test_every_reason_and_equivalent_is_told():
    assert all(f"`{reason}`" in README for reason in RejectionReason)
    assert all(f"`{declared}`" in README for declared in set().union(*EQUIVALENTS.values()))


_INSERT = """
    INSERT INTO media.media_objects (
        file_name, original_file_name, file_type, mime_type, file_size, bucket_name, storage_path, incoming_bucket,
        incoming_path, upload_expires_at, sweep_at, status, rejection_reason, etag, finalized_at
    )
    VALUES (
        'a', 'a', 'image', 'image/png', 1, 'media', $1, 'media', $1, now(), now(), $2::varchar,
        CASE WHEN $2 = 'rejected' THEN 'size_mismatch' END, 'etag', now()
    )
    RETURNING id
"""
_UPDATE = """
    UPDATE media.media_objects
    SET status = $2::varchar, rejection_reason = CASE WHEN $2 = 'rejected' THEN 'size_mismatch' END
    WHERE id = $1
"""
