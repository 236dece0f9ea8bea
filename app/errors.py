"""Every refusal of the service, one tree with stable codes. Knows no HTTP status and no NATS.

Refusal
├── InvalidRequest            invalid_request
├── UnsupportedBody           unsupported_body
├── BodyTooLarge              body_too_large
├── QueryTooLong              query_too_long
├── HeadersTooLarge           headers_too_large
├── RequestTooSlow            request_too_slow
├── RouteNotFound             route_not_found
├── MethodNotAllowed          method_not_allowed
├── NotAuthenticated          not_authenticated
├── NotAllowed                not_allowed
├── MediaNotFound             media_not_found
├── MediaNotReady             media_not_ready
├── MediaClosed               media_closed
├── RevisionMissing           revision_missing
├── RevisionChanged           revision_changed
├── UploadTooLarge            upload_too_large
├── TypeNotAllowed            type_not_allowed
├── UploadNotReceived         upload_not_received
├── UploadPeriodOver          upload_period_over
├── IdempotencyKeyReused      idempotency_key_reused
├── QuotaExceeded             quota_exceeded
├── InvoiceMismatch           invoice_mismatch
├── ParkedMessageNotFound     parked_message_not_found
├── InvoiceNumberTaken        invoice_number_taken
├── NothingToSupersede        nothing_to_supersede
├── TooMany                   (says when to come again)
│   ├── UploadRateExceeded    upload_rate_exceeded
│   ├── TooManyPending        too_many_pending
│   └── RequestRateExceeded   request_rate_exceeded
└── Unavailable
    ├── DatabaseUnavailable   database_unavailable
    ├── StorageUnavailable    storage_unavailable
    ├── BusUnavailable        bus_unavailable
    ├── KeysUnavailable       keys_unavailable
    ├── ScannerUnavailable    scanner_unavailable
    ├── TypesetterUnavailable typesetter_unavailable
    └── InvoicesNotSetUp      invoices_not_set_up

`code` is what clients compare, logs carry and metrics label. A message says what was wrong and what to do.
Outcomes of a message that is not done: TryLater and NeverWorks. A process that can't start: Misconfigured.
An invoice that can't be made before someone repairs its template: TemplateBroken.
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
    """Raised when a body is not plain JSON: file bytes go to storage, never here."""

    code = "unsupported_body"

    def __init__(self, content_type: str, content_encoding: str = "") -> None:
        self.content_encoding = content_encoding
        encoded = f"The body is encoded as {content_encoding[:80]}: send the JSON as it is."
        other = (
            f"The body is {content_type[:80] or 'untyped'}, and this API takes application/json only. "
            'Ask with POST /api/v1/media/upload {"file_name": "a.jpg", "mime_type": "image/jpeg", "file_size": 2456}, '
            "then send the file's bytes to the URL in `upload` of the answer."
        )
        super().__init__(encoded if content_encoding else other)


class BodyTooLarge(Refusal):
    """Raised when a request's body exceeds what any call of this API needs."""

    code = "body_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body is larger than {limit_bytes} bytes. Files go to storage, not through this API.")


class QueryTooLong(Refusal):
    """Raised when the path and query of a request exceed what any call of this API needs."""

    code = "query_too_long"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The path and query are longer than {limit_bytes} bytes.")


class HeadersTooLarge(Refusal):
    """Raised when a request's headers exceed what any call of this API needs."""

    code = "headers_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The headers are larger than {limit_bytes} bytes.")


class RequestTooSlow(Refusal):
    """Raised when a request has not arrived whole in the time that any client needs."""

    code = "request_too_slow"

    def __init__(self, limit_seconds: float) -> None:
        super().__init__(f"The request did not arrive within {limit_seconds:g} seconds.")


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

    def __init__(self, action: str, who_may: Iterable[str]) -> None:
        super().__init__(f"This token does not allow you to {action}. Who may: {'; '.join(who_may)}.")


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


class MediaClosed(Refusal):
    """Raised when an object can't be changed or tried again any more, as it is rejected, expired or deleted."""

    code = "media_closed"

    def __init__(self, status: str) -> None:
        super().__init__(f"The media object is {status}, and this can't be done with it any more.")


class RevisionMissing(Refusal):
    """Raised when a change does not say which revision it is a change of."""

    code = "revision_missing"

    def __init__(self) -> None:
        super().__init__("Send the header If-Match with the ETag of the media object that you looked at.")


class RevisionChanged(Refusal):
    """Raised when someone else changed the object since the caller looked at it."""

    code = "revision_changed"

    def __init__(self) -> None:
        super().__init__("The media object has changed since. Look at it again, and send the ETag of that answer.")


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


class UploadPeriodOver(Refusal):
    """Raised when a pending upload is to be renewed, but was asked for too long ago."""

    code = "upload_period_over"

    def __init__(self, hours: int) -> None:
        super().__init__(f"An upload can be renewed for {hours} hours after it was asked for. Ask for a new one.")


class IdempotencyKeyReused(Refusal):
    """Raised when an Idempotency-Key comes again with another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request. Use a new key for a new upload.")


class QuotaExceeded(Refusal):
    """Raised when an upload would make its user hold more than the quota."""

    code = "quota_exceeded"

    def __init__(self, quota_bytes: int) -> None:
        super().__init__(
            f"Your uploads would hold more than {quota_bytes} bytes. Delete some, or wait until open ones end."
        )


class InvoiceMismatch(Refusal):
    """Raised when the data of an invoice does not agree with itself."""

    code = "invoice_mismatch"

    def __init__(self, field: str, expected: str, given: str | None, why: str) -> None:
        super().__init__(f"{field} is {given or 'not given'}, expected {expected}: {why}.")


class ParkedMessageNotFound(Refusal):
    """Raised when no parked message has this number."""

    code = "parked_message_not_found"

    def __init__(self, sequence: int) -> None:
        super().__init__(f"There is no parked message {sequence}: it was replayed, or never was.")


class InvoiceNumberTaken(Refusal):
    """Raised when an invoice number was rendered with other data, or its latest version is another one than named."""

    code = "invoice_number_taken"

    def __init__(self, invoice_number: str, latest: UUID | None) -> None:
        advice = f' To replace it, send "supersedes": "{latest}", its latest version.' if latest else ""
        super().__init__(f"Invoice {invoice_number} exists with other data, and an invoice never changes.{advice}")


class NothingToSupersede(Refusal):
    """Raised when an order names what it supersedes, but the number has no invoice yet."""

    code = "nothing_to_supersede"

    def __init__(self, invoice_number: str) -> None:
        super().__init__(f"There is no invoice {invoice_number} yet: leave `supersedes` out.")


class TooMany(Refusal):
    """Raised when a caller asks too much at once. It may come again after `retry_after_seconds`."""

    retry_after_seconds: int


class UploadRateExceeded(TooMany):
    """Raised when a user has asked for as many uploads in the last minute as one may."""

    code = "upload_rate_exceeded"

    def __init__(self, limit: int, retry_after_seconds: int) -> None:
        super().__init__(f"You may ask for {limit} uploads a minute. Come again in {retry_after_seconds} s.")
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds


class TooManyPending(TooMany):
    """Raised when a user has as many open uploads as one may."""

    code = "too_many_pending"
    retry_after_seconds = 30

    def __init__(self, limit: int) -> None:
        super().__init__(f"You have {limit} open uploads, and may have no more. Send their bytes, or delete them.")


class RequestRateExceeded(TooMany):
    """Raised when a caller, or an address without a bearer, sends more requests than any client needs."""

    code = "request_rate_exceeded"

    def __init__(self, limit: int, retry_after_seconds: int) -> None:
        super().__init__(f"You may send {limit} requests a minute. Come again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Refusal):
    """Raised when a part that the service stands on does not answer."""


class DatabaseUnavailable(Unavailable):
    """Raised when PostgreSQL does not answer."""

    code = "database_unavailable"

    def __init__(self, *, outcome_is_unknown: bool = False) -> None:
        doubt = " What was asked for may have been done: the same Idempotency-Key makes it safe to ask again."
        super().__init__(f"The database does not answer. Try again shortly.{doubt if outcome_is_unknown else ''}")


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


class KeysUnavailable(Unavailable):
    """Raised when the keys of bearer tokens can't be fetched, and none that are known are fresh."""

    code = "keys_unavailable"

    def __init__(self) -> None:
        super().__init__("The keys that tokens are checked with can't be fetched. Try again shortly.")


class ScannerUnavailable(Unavailable):
    """Raised when the scanner gives no verdict."""

    code = "scanner_unavailable"

    def __init__(self) -> None:
        super().__init__("The upload can't be scanned now. Try again shortly.")


class TypesetterUnavailable(Unavailable):
    """Raised when a PDF can't be made now: too many wait, or making it took too long or too much memory."""

    code = "typesetter_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The PDF can't be made now: {reason}. Try again shortly.")
        self.reason = reason


class InvoicesNotSetUp(Unavailable):
    """Raised when an invoice is ordered from a service that does not know who bills."""

    code = "invoices_not_set_up"

    def __init__(self) -> None:
        super().__init__("This service makes no invoices: INVOICE_ISSUER_FILE is not set.")


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


class TemplateBroken(Exception):
    """An invoice's template is not what Typst takes: says where, and what Typst says. Not the fault of any data."""
