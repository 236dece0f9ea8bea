"""The only place that knows status codes: every refusal as application/problem+json (RFC 9457)."""

from typing import Any, Final

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

from app.errors import (
    BodyTooLarge,
    BusUnavailable,
    DatabaseUnavailable,
    IdempotencyKeyReused,
    InvalidRequest,
    MediaNotFound,
    MediaNotReady,
    MethodNotAllowed,
    NotAllowed,
    NotAuthenticated,
    Refusal,
    RouteNotFound,
    StorageUnavailable,
    TypeNotAllowed,
    UnsupportedBody,
    UploadNotReceived,
    UploadTooLarge,
)

MAX_BODY_BYTES: Final = 65_536
_LONGEST_DETAIL: Final = 1_000
_MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[dict[type[Refusal], int]] = {
    InvalidRequest: 400,
    UnsupportedBody: 415,
    BodyTooLarge: 413,
    RouteNotFound: 404,
    MethodNotAllowed: 405,
    NotAuthenticated: 401,
    NotAllowed: 403,
    MediaNotFound: 404,
    MediaNotReady: 409,
    UploadTooLarge: 413,
    TypeNotAllowed: 415,
    UploadNotReceived: 409,
    IdempotencyKeyReused: 422,
    DatabaseUnavailable: 503,
    StorageUnavailable: 503,
    BusUnavailable: 503,
}
_HEADERS: Final[dict[int, dict[str, str]]] = {
    401: {"WWW-Authenticate": "Bearer"},
    503: {"Retry-After": "1"},
}

log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457: `code` is stable and is what programs compare; `detail` is for people and may change."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def documented(*refusals: type[Refusal]) -> dict[int, ResponseSpec]:
    """What a handler may answer besides its result, for its `responses`: those that every handler may, and these."""
    every: tuple[type[Refusal], ...] = (InvalidRequest, DatabaseUnavailable, *refusals)
    by_status: dict[int, list[str]] = {}
    for refusal in every:
        by_status.setdefault(STATUS[refusal], []).append(refusal.code)
    return {
        status: ResponseSpec(Problem, description=" or ".join(codes), media_type=_MEDIA_TYPE, generate_examples=False)
        for status, codes in by_status.items()
    }


def problem_response(code: str, status: int, detail: str) -> Response[Problem]:
    problem = Problem(f"/docs#{code}", code.replace("_", " ").capitalize(), status, detail, code)
    return Response(problem, status_code=status, media_type=_MEDIA_TYPE, headers=_HEADERS.get(status))


def refused(request: AnyRequest, refusal: Refusal) -> Response[Problem]:
    status = STATUS[type(refusal)]
    log.info("request.refused", code=refusal.code, status=status, route=_route(request))
    return problem_response(refusal.code, status, str(refusal))


def refused_by_framework(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    """What Litestar refuses before a handler runs, in our words."""
    if error.status_code >= HTTP_500_INTERNAL_SERVER_ERROR:
        return failed(request, error)
    response = refused(request, _as_refusal(request, error))
    response.headers.update({name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"})
    return response


def failed(request: AnyRequest, error: Exception) -> Response[Problem]:
    """A bug: logged with its traceback; the caller learns nothing of it."""
    log.error("request.failed", route=_route(request), exc_info=error)
    return problem_response(
        "internal_error", HTTP_500_INTERNAL_SERVER_ERROR, "Something went wrong here. It is logged."
    )


def _as_refusal(request: AnyRequest, error: HTTPException) -> Refusal:
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowed(request.method)
    if isinstance(error, NotFoundException):
        return RouteNotFound()
    if error.status_code == HTTP_413_REQUEST_ENTITY_TOO_LARGE:
        return BodyTooLarge(MAX_BODY_BYTES)
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
