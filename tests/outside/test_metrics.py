"""What is counted, and the port that it is read from."""

import re
from typing import get_args

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import telemetry
from app.api.problems import STATUS
from app.errors import Misconfigured
from app.events import SUBJECTS
from app.media import Trigger
from tests.story import ask, complete, link_to, make_ready, pass_time, put, unique_png, unused_port

pytestmark = pytest.mark.parametrize("mode", ["in place"], indirect=True)  # it counts alike in both


def value(name, **labels):
    return telemetry.METRICS.get_sample_value(name, labels)


@pytest.fixture
def counted():
    """How much a series has grown since the test began."""
    before = {}

    def grown(name, **labels):
        key = (name, *sorted(labels.items()))
        if key not in before:
            before[key] = value(name, **labels) or 0
        return (value(name, **labels) or 0) - before[key]

    return grown


async def test_every_metric_is_on_the_port_and_the_port_is_its_own(mode):
    port = unused_port()
    telemetry.serve_metrics(port)
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {metric.name for metric in telemetry.METRICS.collect()} <= families
    assert "_created" not in answer.text
    with pytest.raises(Misconfigured, match=f"METRICS_PORT {port}"):
        telemetry.serve_metrics(port)


async def test_without_a_port_nothing_listens_and_the_public_port_has_no_metrics(api, mode):
    telemetry.serve_metrics(None)
    assert (await api.get("/metrics")).status_code in {401, 404}


def test_names_are_of_one_prefix_and_in_base_units(mode):
    for metric in telemetry.METRICS.collect():
        if not metric.name.startswith("process_"):
            assert re.fullmatch(r"media_[a-z_]+", metric.name)
            assert not metric.name.endswith(("_ms", "_kb", "_minutes"))


def test_every_series_of_a_closed_set_begins_at_zero(mode):
    for trigger in get_args(Trigger):
        for outcome in ("ready", "rejected"):
            assert value("media_uploads_finalized_total", outcome=outcome, trigger=trigger) is not None
    assert all(value("media_events_published_total", event_type=kind) is not None for kind in SUBJECTS)
    assert all(value("media_requests_refused_total", code=refusal.code) is not None for refusal in STATUS)


async def test_an_upload_is_counted_once_for_who_won_it(api, storage, user, idle_worker, rows, counted):
    def grown():
        return {
            (outcome, trigger): counted("media_uploads_finalized_total", outcome=outcome, trigger=trigger)
            for outcome in ("ready", "rejected")
            for trigger in get_args(Trigger)
        }

    grown()
    counted("media_uploads_requested_total")
    data = unique_png()
    asked = await make_ready(api, storage, user, data)
    await complete(api, user, asked["id"])
    swept = await ask(api, user, data)
    await put(storage, swept, data)
    await pass_time(rows, swept["id"], 20)
    await idle_worker.sweep()
    false = await ask(api, user, b"no picture")
    await put(storage, false, b"no picture")
    await complete(api, user, false["id"])
    assert {who: times for who, times in grown().items() if times} == {
        ("ready", "complete"): 1,
        ("ready", "sweep"): 1,
        ("rejected", "complete"): 1,
    }
    assert counted("media_uploads_requested_total") == 3


async def test_links_refusals_and_answers_are_counted(api, storage, user, counted):
    answered = {"operation_id": "getMedia", "status_class": "4xx"}
    counted("media_links_issued_total")
    counted("media_requests_refused_total", code="media_not_found")
    counted("media_request_duration_seconds_count", **answered)
    asked = await make_ready(api, storage, user, unique_png())
    await link_to(api, user, asked["id"])
    await api.get("/api/v1/media/0198c0de-0000-7000-8000-000000000000", headers=user)
    assert counted("media_links_issued_total") == 1
    assert counted("media_requests_refused_total", code="media_not_found") == 1
    assert counted("media_request_duration_seconds_count", **answered) == 1


async def test_what_the_worker_does_is_counted(api, storage, user, idle_worker, rows, counted):
    event = {"event_type": "MediaUploaded"}
    for name in ("media_sweep_passes_total", "media_objects_purged_total", "media_objects_expired_total"):
        counted(name)
    counted("media_events_published_total", **event)
    asked = await make_ready(api, storage, user, unique_png())
    await ask(api, user, unique_png())
    await rows.execute("UPDATE media.outbox SET created_at = now() - interval '1 minute'")
    await idle_worker.measure()
    assert (value("media_outbox_events"), value("media_pending_uploads")) == (1, 1)
    assert 60 <= value("media_outbox_age_seconds") < 70
    await idle_worker.relay()
    await idle_worker.measure()
    assert (value("media_outbox_events"), value("media_outbox_age_seconds")) == (0, 0)
    await rows.execute("UPDATE media.media_objects SET expires_at = now() WHERE id = $1", asked["id"])
    await idle_worker.expire()
    await idle_worker.purge()
    await idle_worker.sweep()
    assert counted("media_events_published_total", **event) == 1
    assert counted("media_objects_expired_total") == 1
    assert counted("media_objects_purged_total") == 1
    assert counted("media_sweep_passes_total") == 1
