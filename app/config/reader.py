"""Reads variables one by one and says at the end, in one sentence, all that is missing or wrong."""

import logging
import re
import shlex
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from app.config.structs import (
    BearerKeys,
    Bus,
    Identity,
    Invoicing,
    Scanning,
    Storage,
    UploadPolicy,
    UserLimits,
)
from app.config.variables import VARIABLES
from app.errors import InvoiceMismatch, Misconfigured
from app.field_problems import ILLEGIBLE, in_plain_words
from app.invoices.arithmetic import check_issuer
from app.invoices.data import Issuer
from app.media_types import canonical_media_type

_VARIABLES: Final = {variable.name: variable for variable in VARIABLES}
# What NATS takes as a name, and as a subject without a wildcard (https://docs.nats.io/nats-concepts/subjects).
_STREAM_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_SUBJECT: Final = re.compile(r"[^\s.*>$]+(\.[^\s.*>]+)*")
_ANY_LOCAL_PORT: Final = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\]):\*")
_MIN_KEY_BYTES: Final = 32  # RFC 7518 §3.2: an HS256 key is at least as long as its hash


class Reader:
    """Reads what one role needs. A missing or wrong variable yields a placeholder until `finish` raises."""

    def __init__(self, environment: Mapping[str, str], role: str) -> None:
        self._environment = environment
        self._role = role
        self._missing: list[str] = []
        self._wrong: list[str] = []

    def finish(self) -> None:
        """Raise Misconfigured if anything was missing or wrong."""
        if self._missing or self._wrong:
            raise Misconfigured(self._missing, self._wrong)

    def optional(self, name: str) -> str | None:
        if self._role not in _VARIABLES[name].roles.split():
            raise AssertionError(f"{name} is not declared for {self._role}")
        return self._environment.get(name, "").strip() or None

    def text(self, name: str) -> str:
        value = self.optional(name) or _VARIABLES[name].default
        if value is None:
            self._missing.append(name)
        return value or ""

    def matching(self, name: str, pattern: re.Pattern[str], otherwise: str) -> str:
        value = self.text(name)
        if not pattern.fullmatch(value):
            self._wrong.append(f"{name} is {otherwise}")
        return value

    def key(self, name: str) -> str:
        value = self.text(name)
        if value and len(value.encode()) < _MIN_KEY_BYTES:
            self._wrong.append(f"{name} is shorter than {_MIN_KEY_BYTES} bytes")
        return value

    def public_token_keys(self) -> tuple[str, ...]:
        """The current key, then the one before it. None is the bearer tokens': each would pass for the other."""
        current, previous = "PUBLIC_TOKEN_SECRET", "PUBLIC_TOKEN_SECRET_PREVIOUS"
        keys = (self.key(current), self.key(previous)) if self.optional(previous) else (self.key(current),)
        if self.optional("JWT_SECRET") in keys:
            self._wrong.append(f"{current} or {previous} is the same as JWT_SECRET")
        return keys

    def whole_number(self, name: str, *, at_least: int = 1, at_most: int = 2**31 - 1) -> int:
        value = self.text(name)
        if value.isascii() and value.isdigit() and at_least <= int(value) <= at_most:
            return int(value)
        self._wrong.append(f"{name} is not a whole number from {at_least} to {at_most}")
        return at_least

    def port(self, name: str) -> int | None:
        return None if self.optional(name) is None else self.whole_number(name, at_most=65_535)

    def switch(self, name: str) -> bool:
        value = self.text(name).lower()
        if value not in ("true", "false"):
            self._wrong.append(f"{name} is neither true nor false")
        return value == "true"

    def url(self, name: str) -> str:
        value = self.text(name)
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query):
            self._wrong.append(f"{name} is not an http or https URL")
        return value

    def choice(self, name: str, *choices: str) -> str:
        value = self.text(name).lower()
        if value not in choices:
            self._wrong.append(f"{name} is none of {', '.join(choices)}")
        return value

    def listed(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in (self.optional(name) or "").split(",") if part.strip())

    def networks(self, name: str) -> tuple[str, ...]:
        """Addresses and networks, each named: believing everyone would let everyone choose an address."""
        networks = self.listed(name)
        for network in networks:
            try:
                ip_network(network)
            except ValueError:
                self._wrong.append(f"{name} holds {network!r}, which is no address such as 10.0.0.5 or 10.0.0.0/8")
        return networks

    def origins(self, name: str) -> tuple[str, ...]:
        """Origins (RFC 6454), each named: a pattern would let in pages of strangers.

        But for pages of this very machine, whose port may be any: `http://localhost:*`.
        """
        origins = self.listed(name)
        for origin in origins:
            if not (_ANY_LOCAL_PORT.fullmatch(origin) or _is_origin(origin)):
                self._wrong.append(f"{name} holds {origin!r}, which is no origin such as https://www.example.com")
        return origins

    def types(self, name: str) -> frozenset[str]:
        return frozenset(canonical_media_type(part) for part in self.text(name).split(",") if part.strip())

    def log_level(self) -> str:
        value = self.text("LOG_LEVEL").upper()
        if value not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            self._wrong.append("LOG_LEVEL is none of DEBUG, INFO, WARNING, ERROR")
            return logging.getLevelName(logging.INFO)
        return value

    def identity(self, prefix: str) -> Identity:
        return Identity(self.text(f"{prefix}_ACCESS_KEY"), self.text(f"{prefix}_SECRET_KEY"))

    def storage(self) -> Storage:
        endpoint = self.text("MINIO_ENDPOINT")
        if "/" in endpoint:
            self._wrong.append("MINIO_ENDPOINT is not host:port")
        bucket_media = self.text("MINIO_BUCKET_MEDIA")
        return Storage(
            endpoint=endpoint,
            secure=self.switch("MINIO_SECURE"),
            region=self.text("MINIO_REGION"),
            worker=self.identity("MINIO"),
            bucket_media=bucket_media,
            bucket_invoices=self.text("MINIO_BUCKET_INVOICES"),
            bucket_incoming=self.optional("MINIO_BUCKET_INCOMING") or bucket_media,
        )

    def storage_public_url(self) -> str:
        """Clients' address of the storage: scheme and host alone, as a signature covers no path prefix."""
        if self.optional("MINIO_PUBLIC_URL") is None:
            scheme = "https" if self.switch("MINIO_SECURE") else "http"
            return f"{scheme}://{self._environment.get('MINIO_ENDPOINT', '')}"
        value = self.url("MINIO_PUBLIC_URL").rstrip("/")
        if urlsplit(value).path:
            self._wrong.append("MINIO_PUBLIC_URL has a path, and storage is signed without one")
        return value

    def bus(self) -> Bus:
        """The API makes no streams, and is not told how."""
        makes_streams = self._role in _VARIABLES["NATS_STREAM_REPLICAS"].roles.split()
        return Bus(
            url=self.text("NATS_URL"),
            credentials_file=self.optional("NATS_CREDENTIALS_FILE"),
            stream_replicas=self.whole_number("NATS_STREAM_REPLICAS", at_most=5) if makes_streams else 1,
            billing_stream=self.matching("BILLING_STREAM", _STREAM_NAME, "no name of a stream"),
            billing_subject=self.matching("BILLING_SUBJECT", _SUBJECT, "no subject, or has a wildcard"),
        )

    def bearer(self) -> BearerKeys:
        names = ("JWT_SECRET", "JWT_PUBLIC_KEY", "JWT_JWKS_URL")
        given = [name for name in names if self.optional(name)]
        if not given:
            self._missing.append("one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL")
        if len(given) > 1:
            self._wrong.append(f"{' and '.join(given)} exclude one another")
        return BearerKeys(
            secret=self.key("JWT_SECRET") if "JWT_SECRET" in given else None,
            public_key=self.optional("JWT_PUBLIC_KEY"),
            jwks_url=self.url("JWT_JWKS_URL") if "JWT_JWKS_URL" in given else None,
            audience=self.text("JWT_AUDIENCE"),
            issuer=self.text("JWT_ISSUER"),
            leeway_seconds=self.whole_number("JWT_LEEWAY_SECONDS", at_least=0, at_most=300),
        )

    def upload_policy(self) -> UploadPolicy:
        return UploadPolicy(
            max_file_size_bytes=self.whole_number("MAX_FILE_SIZE_MB", at_most=5 * 1024 * 1024) * 1024 * 1024,
            allowed_types=self.types("ALLOWED_IMAGE_TYPES") | self.types("ALLOWED_DOCUMENT_TYPES"),
            url_ttl_seconds=self.whole_number("UPLOAD_URL_TTL_SECONDS", at_most=7 * 86_400),
            max_upload_hours=self.whole_number("MAX_UPLOAD_HOURS", at_most=7 * 24),
            grace_seconds=self.whole_number("UPLOAD_GRACE_SECONDS"),
        )

    def user_limits(self) -> UserLimits:
        return UserLimits(
            uploads_per_minute=self.whole_number("UPLOAD_RATE_PER_MINUTE", at_least=0, at_most=10_000),
            pending_uploads=self.whole_number("MAX_PENDING_UPLOADS", at_least=0),
            quota_bytes=self.whole_number("USER_QUOTA_MB", at_least=0) * 1024 * 1024,
        )

    def scanning(self) -> Scanning | None:
        # A copy that is being checked stays for an hour: copying, waiting and scanning must end before.
        seconds = self.whole_number("SCAN_TIMEOUT_SECONDS", at_most=600)
        try:
            command = tuple(shlex.split(self.optional("SCAN_COMMAND") or ""))
        except ValueError:
            self._wrong.append("SCAN_COMMAND has a quote that does not end")
            return None
        return Scanning(command, seconds) if command else None

    def invoicing(self) -> Invoicing | None:
        template_dir = self.template_dir()
        path = self.optional("INVOICE_ISSUER_FILE")
        if path is None:
            return None
        try:
            issuer = msgspec.json.decode(Path(path).read_bytes(), type=Issuer)
            check_issuer(issuer)
        except OSError as error:
            self._wrong.append(f"INVOICE_ISSUER_FILE can't be read ({error.strerror})")
        except ILLEGIBLE as error:
            self._wrong.append(f"INVOICE_ISSUER_FILE holds no issuer: {in_plain_words(error)}")
        except InvoiceMismatch as error:
            self._wrong.append(f"INVOICE_ISSUER_FILE contradicts itself: {error}")
        else:
            return Invoicing(issuer, template_dir)
        return None

    def template_dir(self) -> Path | None:
        name = self.optional("INVOICE_TEMPLATE_DIR")
        if name is not None and not (Path(name) / "invoice.typ").is_file():
            self._wrong.append("INVOICE_TEMPLATE_DIR has no invoice.typ")
        return None if name is None else Path(name)


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return "*" not in text and parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" == text
