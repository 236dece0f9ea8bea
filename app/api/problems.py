"""The only place that knows status codes: every refusal as application/problem+json (RFC 9457)."""

from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.openapi.datastructures import ResponseSpec
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE, HTTP_500_INTERNAL_SERVER_ERROR

from app.api.rate_headers import RATE_HEADERS, rate_headers
from app.errors import (
    BodyTooLarge,
    BusUnavailable,
    DatabaseUnavailable,
    HeadersTooLarge,
    IdempotencyKeyReused,
    InvalidRequest,
    InvoiceMismatch,
    InvoiceNumberTaken,
    InvoicesNotSetUp,
    KeysUnavailable,
    MediaClosed,
    MediaNotFound,
    MediaNotReady,
    MethodNotAllowed,
    NotAllowed,
    NotAuthenticated,
    NothingToSupersede,
    ParkedMessageNotFound,
    QueryTooLong,
    QuotaExceeded,
    Refusal,
    RequestRateExceeded,
    RequestTooSlow,
    RevisionChanged,
    RevisionMissing,
    RouteNotFound,
    ScannerUnavailable,
    StorageUnavailable,
    TooMany,
    TooManyPending,
    TypeNotAllowed,
    TypesetterUnavailable,
    UnsupportedBody,
    UploadNotReceived,
    UploadPeriodOver,
    UploadRateExceeded,
    UploadTooLarge,
)
from app.invoices.billing import MAX_BYTES as MAX_ORDER_BYTES
from app.telemetry import REQUESTS_REFUSED

MAX_BODY_BYTES: Final = 65_536
# A hundred uploads whose names have 255 characters, each of them escaped in JSON.
MAX_BATCH_BYTES: Final = 400_000
_INVOICES: Final = "/api/v1/media/invoices/"
_BATCH: Final = "/api/v1/media/uploads"
_LONGEST_DETAIL: Final = 1_000
_MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[dict[type[Refusal], int]] = {
    InvalidRequest: 400,
    UnsupportedBody: 415,
    BodyTooLarge: 413,
    QueryTooLong: 414,
    HeadersTooLarge: 431,
    RequestTooSlow: 408,
    RouteNotFound: 404,
    MethodNotAllowed: 405,
    NotAuthenticated: 401,
    NotAllowed: 403,
    MediaNotFound: 404,
    MediaNotReady: 409,
    MediaClosed: 409,
    RevisionMissing: 428,
    RevisionChanged: 412,
    UploadTooLarge: 413,
    TypeNotAllowed: 415,
    UploadNotReceived: 409,
    UploadPeriodOver: 409,
    IdempotencyKeyReused: 422,
    QuotaExceeded: 409,
    InvoiceMismatch: 422,
    ParkedMessageNotFound: 404,
    InvoiceNumberTaken: 409,
    NothingToSupersede: 409,
    UploadRateExceeded: 429,
    TooManyPending: 429,
    RequestRateExceeded: 429,
    DatabaseUnavailable: 503,
    StorageUnavailable: 503,
    BusUnavailable: 503,
    KeysUnavailable: 503,
    ScannerUnavailable: 503,
    TypesetterUnavailable: 503,
    InvoicesNotSetUp: 503,
}
_OF_ANY_REQUEST: Final[tuple[type[Refusal], ...]] = (
    InvalidRequest,
    BodyTooLarge,
    QueryTooLong,
    HeadersTooLarge,
    RequestTooSlow,
)
_RETRY_AFTER: Final = {"description": "seconds to wait before another try", "schema": {"type": "integer"}}
_HEADERS: Final[dict[int, dict[str, str]]] = {
    401: {"WWW-Authenticate": "Bearer"},
    503: {"Retry-After": "1"},
}
# The same for the OpenAPI document: what answers of a status carry, or may carry.
HEADERS_BY_STATUS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "302": {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}},
    "401": {"WWW-Authenticate": {"description": "RFC 6750", "required": True}},
    "429": {"Retry-After": {**_RETRY_AFTER, "required": True}, **RATE_HEADERS},
    "503": {"Retry-After": _RETRY_AFTER},
}

log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]

_BUG: Final = "internal_error"
# What a refusal is compared by: the codes of the tree in errors.py, each of which has a status here.
Code = Annotated[
    str, msgspec.Meta(extra_json_schema={"extra": {"enum": sorted({_BUG, *(refusal.code for refusal in STATUS)})}})
]


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457: `code` is stable and is what programs compare; `detail` is for people and may change."""

    type: str
    title: str
    status: int
    detail: str
    code: Code


def longest_body(path: str) -> int:
    """How many bytes a body may have: orders of invoices and batches of uploads are longer than all else."""
    if path.startswith(_INVOICES):
        return MAX_ORDER_BYTES
    return MAX_BATCH_BYTES if path == _BATCH else MAX_BODY_BYTES


def documented(*refusals: type[Refusal]) -> dict[int, ResponseSpec]:
    """What a handler may answer besides its result, for its `responses`: what every call may, and these."""
    return documented_probe(RequestRateExceeded, DatabaseUnavailable, KeysUnavailable, *refusals)


def documented_probe(*refusals: type[Refusal]) -> dict[int, ResponseSpec]:
    """What a handler may answer that asks for nobody's token: what every request may be answered, and these."""
    by_status: dict[int, list[str]] = {}
    for refusal in dict.fromkeys((*_OF_ANY_REQUEST, *refusals)):
        by_status.setdefault(STATUS[refusal], []).append(refusal.code)
    return {
        status: ResponseSpec(Problem, description=" or ".join(codes), media_type=_MEDIA_TYPE, generate_examples=False)
        for status, codes in by_status.items()
    }


def as_problem(refusal: Refusal) -> Problem:
    """The body that says it."""
    return _problem(refusal.code, STATUS[type(refusal)], str(refusal)[:_LONGEST_DETAIL])


def _problem(code: str, status: int, detail: str) -> Problem:
    return Problem(f"/docs#{code}", code.replace("_", " ").capitalize(), status, detail, code)


def _response(problem: Problem) -> Response[Problem]:
    return Response(
        problem, status_code=problem.status, media_type=_MEDIA_TYPE, headers=dict(_HEADERS.get(problem.status, {}))
    )


def refused(request: AnyRequest, refusal: Refusal) -> Response[Problem]:
    problem = as_problem(refusal)
    REQUESTS_REFUSED.labels(problem.code).inc()
    log.info("request.refused", code=problem.code, status=problem.status, route=_route(request))
    response = _response(problem)
    if isinstance(refusal, UnsupportedBody) and refusal.content_encoding:
        response.headers["Accept-Encoding"] = "identity"  # RFC 9110 §15.5.16
    if isinstance(refusal, TooMany):
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    if isinstance(refusal, UploadRateExceeded):
        response.headers.update(rate_headers(refusal.limit, 0, refusal.retry_after_seconds))
    return response


def refused_by_framework(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    """What Litestar refuses before a handler runs, in our words."""
    if error.status_code >= HTTP_500_INTERNAL_SERVER_ERROR:
        return failed(request, error)
    response = refused(request, _as_refusal(request, error))
    for name, value in (error.headers or {}).items():
        if name.lower() == "allow":
            response.headers["Allow"] = f"{value}, HEAD" if "GET" in value.split(", ") else value
    return response


def failed(request: AnyRequest, error: Exception) -> Response[Problem]:
    """A bug: logged with its traceback; the caller learns nothing of it."""
    log.error("request.failed", route=_route(request), exc_info=error)
    return _response(_problem(_BUG, HTTP_500_INTERNAL_SERVER_ERROR, "Something went wrong here. It is logged."))


def _as_refusal(request: AnyRequest, error: HTTPException) -> Refusal:
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowed(request.method)
    if isinstance(error, NotFoundException):
        return RouteNotFound()
    if error.status_code == HTTP_413_REQUEST_ENTITY_TOO_LARGE:
        return BodyTooLarge(longest_body(request.url.path))
    return InvalidRequest(_explain(error))


def _explain(error: HTTPException) -> str:
    if not (isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra):
        return error.detail[:_LONGEST_DETAIL]
    wrong = [(str(item.get("key", "value")), str(item.get("message"))) for item in error.extra]
    if ("data", "'data'") in wrong:
        return "The body is empty, and this endpoint takes JSON."
    return "; ".join(f"{key}: {message}" for key, message in wrong)[:_LONGEST_DETAIL]


def _route(request: AnyRequest) -> str:
    """The route's template: a path may hold what a caller should not have put there."""
    template = request.scope.get("path_template")
    return template if isinstance(template, str) else "unknown"
