"""Every refusal of the service, one tree with stable codes. Knows no HTTP status and no NATS.

Refusal
├── InvalidRequest            invalid_request
├── UnsupportedBody           unsupported_body
├── BodyTooLarge              body_too_large
├── RouteNotFound             route_not_found
├── MethodNotAllowed          method_not_allowed
├── NotAuthenticated          not_authenticated
├── NotAllowed                not_allowed
├── MediaNotFound             media_not_found
├── MediaNotReady             media_not_ready
├── UploadTooLarge            upload_too_large
├── TypeNotAllowed            type_not_allowed
├── UploadNotReceived         upload_not_received
├── IdempotencyKeyReused      idempotency_key_reused
└── Unavailable
    ├── DatabaseUnavailable   database_unavailable
    ├── StorageUnavailable    storage_unavailable
    └── BusUnavailable        bus_unavailable

`code` is what clients compare, logs carry and metrics label. A message says what was wrong and what to do.
Outcomes of a message that is not done: TryLater and NeverWorks. A process that can't start: Misconfigured.
"""

from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID


class Refusal(Exception):
    """A request that is answered with a reason instead of a result."""

    code: ClassVar[str]


class InvalidRequest(Refusal):
    """Raised when a field, header or parameter can't be what the caller meant."""

    code = "invalid_request"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)


class UnsupportedBody(Refusal):
    """Raised when a body is not JSON: file bytes go to storage, never here."""

    code = "unsupported_body"

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"The body is {content_type[:80] or 'untyped'}, and this API takes application/json only. "
            'Ask with POST /api/v1/media/upload {"file_name": "a.jpg", "mime_type": "image/jpeg", "file_size": 2456}, '
            "then send the file's bytes to the URL in `upload` of the answer."
        )


class BodyTooLarge(Refusal):
    """Raised when a request's body exceeds what any call of this API needs."""

    code = "body_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body is larger than {limit_bytes} bytes. Files go to storage, not through this API.")


class RouteNotFound(Refusal):
    """Raised when no endpoint has this path."""

    code = "route_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such endpoint. /docs lists them all.")


class MethodNotAllowed(Refusal):
    """Raised when an endpoint does not take this method."""

    code = "method_not_allowed"

    def __init__(self, method: str) -> None:
        super().__init__(f"This endpoint does not take {method[:16]}. /docs lists what it takes.")


class NotAuthenticated(Refusal):
    """Raised when a bearer or temporary token is missing or fails a check."""

    code = "not_authenticated"

    def __init__(self, check: str) -> None:
        super().__init__(f"The token is not accepted: {check}.")


class NotAllowed(Refusal):
    """Raised when the principal may see the object, but not do this."""

    code = "not_allowed"

    def __init__(self, action: str) -> None:
        super().__init__(f"This token does not allow you to {action}.")


class MediaNotFound(Refusal):
    """Raised when no media object with this id is visible to the principal."""

    code = "media_not_found"

    def __init__(self, media_id: UUID) -> None:
        super().__init__(f"There is no media object {media_id} that you may see.")


class MediaNotReady(Refusal):
    """Raised when an object can't be downloaded, as it is pending, rejected or expired."""

    code = "media_not_ready"

    def __init__(self, status: str) -> None:
        super().__init__(f"The media object is {status}. Only a ready one can be downloaded.")


class UploadTooLarge(Refusal):
    """Raised when the declared size exceeds the upload policy."""

    code = "upload_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"file_size exceeds the limit of {limit_bytes} bytes.")


class TypeNotAllowed(Refusal):
    """Raised when the declared type is not in the upload policy."""

    code = "type_not_allowed"

    def __init__(self, allowed: Iterable[str]) -> None:
        super().__init__(f"mime_type is not allowed. Allowed: {', '.join(sorted(allowed))}.")


class UploadNotReceived(Refusal):
    """Raised when a client says that its upload is complete, but storage has no object."""

    code = "upload_not_received"

    def __init__(self) -> None:
        super().__init__("Storage has not received this upload. PUT the bytes to the URL of `upload` first.")


class IdempotencyKeyReused(Refusal):
    """Raised when an Idempotency-Key comes again with another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request. Use a new key for a new upload.")


class Unavailable(Refusal):
    """Raised when a part that the service stands on does not answer."""


class DatabaseUnavailable(Unavailable):
    """Raised when PostgreSQL does not answer."""

    code = "database_unavailable"

    def __init__(self) -> None:
        super().__init__("The database does not answer. Try again shortly.")


class StorageUnavailable(Unavailable):
    """Raised when MinIO does not answer."""

    code = "storage_unavailable"

    def __init__(self) -> None:
        super().__init__("Storage does not answer. Try again shortly.")


class BusUnavailable(Unavailable):
    """Raised when NATS does not answer."""

    code = "bus_unavailable"

    def __init__(self) -> None:
        super().__init__("The event bus does not answer. Try again shortly.")


class TryLater(Exception):
    """A message can't be handled now: deliver it again after a delay."""

    def __init__(self, reason: str, delay_seconds: float) -> None:
        super().__init__(reason)
        self.delay_seconds = delay_seconds


class NeverWorks(Exception):
    """A message can never be handled: park it with the reason."""


class Misconfigured(Exception):
    """A process can't start: says every missing and wrong setting in one sentence."""

    def __init__(self, missing: list[str], wrong: list[str]) -> None:
        parts = [f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"] if missing else []
        super().__init__(f"Settings can't be used: {'; '.join(parts + wrong)}.")
