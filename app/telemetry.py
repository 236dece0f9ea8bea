"""Logs: JSON lines on stderr, an event name `noun.past_verb` and fields. Libraries that log URLs are silenced.

Trace context (W3C, https://www.w3.org/TR/trace-context/) comes with a request or begins there, and travels through the
row and the outbox to the event's headers.

Metrics: every one is declared here, and README's table says them. Counted where the change of state is logged.
"""

import logging
import re
import secrets
import sys
from itertools import product
from typing import Final, get_args

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server
from prometheus_client import disable_created_metrics as _disable_created_metrics

from app.errors import Misconfigured, Refusal, Unavailable
from app.events import SUBJECTS
from app.media import Status, Trigger

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_disable_created_metrics()  # type: ignore[no-untyped-call]
METRICS: Final = CollectorRegistry()
_LATENCIES: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # a caller may wait for 20 s

UPLOADS_REQUESTED: Final = Counter(
    "media_uploads_requested_total", "Presigned PUTs handed out, again for a retry", registry=METRICS
)
UPLOADS_FINALIZED: Final = Counter(
    "media_uploads_finalized_total",
    "Uploads that were checked, by what became of them and which trigger was first",
    ["outcome", "trigger"],
    registry=METRICS,
)
INVOICES_RENDERED: Final = Counter("media_invoices_rendered_total", "Invoices made", registry=METRICS)
LINKS_ISSUED: Final = Counter("media_links_issued_total", "Presigned GETs handed out", registry=METRICS)
OBJECTS_EXPIRED: Final = Counter(
    "media_objects_expired_total", "Media objects that expired, pending and ready ones", registry=METRICS
)
OBJECTS_PURGED: Final = Counter("media_objects_purged_total", "Keys whose bytes were removed", registry=METRICS)
EVENTS_PUBLISHED: Final = Counter(
    "media_events_published_total", "Events that NATS has taken into its stream", ["event_type"], registry=METRICS
)
MESSAGES_PARKED: Final = Counter(
    "media_messages_parked_total", "Messages that could never be handled, kept in MEDIA_DEAD", registry=METRICS
)
SWEEP_PASSES: Final = Counter(
    "media_sweep_passes_total", "Looks at the pending uploads whose turn it was", registry=METRICS
)
PARTS_UNAVAILABLE: Final = Counter(
    "media_parts_unavailable_total", "Times that a worker found a part away", ["code"], registry=METRICS
)
REQUESTS_REFUSED: Final = Counter(
    "media_requests_refused_total", "Requests that the API refused, by code", ["code"], registry=METRICS
)
REQUEST_SECONDS: Final = Histogram(
    "media_request_duration_seconds",
    "How long the API took to answer, by operation and class of status",
    ["operation_id", "status_class"],
    buckets=_LATENCIES,
    registry=METRICS,
)
OUTBOX_EVENTS: Final = Gauge("media_outbox_events", "Events that wait to be published", registry=METRICS)
OUTBOX_AGE_SECONDS: Final = Gauge("media_outbox_age_seconds", "Age of the oldest of them", registry=METRICS)
PENDING_UPLOADS: Final = Gauge("media_pending_uploads", "Uploads that nothing has settled yet", registry=METRICS)

_LOG_URLS: Final = ("httpx", "httpcore", "aiohttp", "aiohttp.access", "uvicorn.access", "urllib3")


def configure_logs(level: str, *, process: str) -> None:
    """JSON lines on stderr for our own logs and everyone else's warnings."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared)
    )
    logging.basicConfig(level=max(logging.getLevelName(level), logging.INFO), handlers=[handler], force=True)
    for name in _LOG_URLS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def traceparent(received: str | None) -> str:
    """The caller's traceparent where it is one, else the beginning of a trace."""
    if received is not None and _TRACEPARENT.fullmatch(received):
        return received
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def serve_metrics(port: int | None) -> None:
    """For Prometheus, on every address, as it comes from another machine: keep the port off the public network."""
    if port is None:
        return
    ProcessCollector(registry=METRICS)
    try:
        start_http_server(port, addr="0.0.0.0", registry=METRICS)  # noqa: S104  its scraper is another machine
    except OSError as error:
        raise Misconfigured([], [f"METRICS_PORT {port} can't be listened on: {error.strerror}"]) from error


def _codes(refusal: type[Refusal]) -> list[str]:
    own = [refusal.code] if "code" in vars(refusal) else []
    return own + [code for leaf in refusal.__subclasses__() for code in _codes(leaf)]


def _begin_at_zero() -> None:
    """A series that begins with its first event hides that event from every rate."""
    for outcome, trigger in product((Status.READY, Status.REJECTED), get_args(Trigger)):
        UPLOADS_FINALIZED.labels(outcome, trigger)
    for event_type in SUBJECTS:
        EVENTS_PUBLISHED.labels(event_type)
    for code in _codes(Refusal):
        REQUESTS_REFUSED.labels(code)
    for code in _codes(Unavailable):
        PARTS_UNAVAILABLE.labels(code)


_begin_at_zero()
