"""Settings: read once from a mapping, complete or refused in one sentence.

Sole reader of the environment. A process asks for the settings of its role; everything that is missing or wrong is
said together, and nothing secret has a default.
"""

import os
from collections.abc import Mapping

from app.config.reader import Reader
from app.config.structs import (
    ApiSettings,
    AuditSettings,
    BearerKeys,
    Bus,
    Identity,
    Invoicing,
    MigrateSettings,
    ProvisionSettings,
    Scanning,
    Storage,
    StreamsSettings,
    UploadPolicy,
    UserLimits,
    WorkerSettings,
)
from app.config.variables import VARIABLES

__all__ = [
    "VARIABLES",
    "ApiSettings",
    "AuditSettings",
    "BearerKeys",
    "Bus",
    "Identity",
    "Invoicing",
    "MigrateSettings",
    "ProvisionSettings",
    "Scanning",
    "Storage",
    "StreamsSettings",
    "UploadPolicy",
    "UserLimits",
    "WorkerSettings",
    "api_settings",
    "audit_settings",
    "environment",
    "migrate_settings",
    "provision_settings",
    "streams_settings",
    "worker_settings",
]


def api_settings(environment: Mapping[str, str] = os.environ) -> ApiSettings:
    """Settings of `media api`. Raises Misconfigured with everything that is missing or wrong."""
    read = Reader(environment, "api")
    settings = ApiSettings(
        database_url=read.text("DATABASE_URL"),
        storage=read.storage(),
        storage_public_url=read.storage_public_url(),
        uploader=read.identity("MINIO_UPLOAD"),
        downloader=read.identity("MINIO_DOWNLOAD"),
        bus=read.bus(),
        media_public_url=read.url("MEDIA_PUBLIC_URL").rstrip("/"),
        bearer=read.bearer(),
        public_token_secrets=read.public_token_keys(),
        public_token_ttl_seconds=read.whole_number("PUBLIC_TOKEN_TTL_SECONDS"),
        download_url_ttl_seconds=read.whole_number("DOWNLOAD_URL_TTL_SECONDS", at_most=7 * 86_400),
        upload_policy=read.upload_policy(),
        user_limits=read.user_limits(),
        request_rate_per_minute=read.whole_number("REQUEST_RATE_PER_MINUTE", at_least=0),
        trusted_proxies=read.networks("TRUSTED_PROXIES"),
        cors_allowed_origins=read.origins("CORS_ALLOWED_ORIGINS"),
        store_self_test=read.choice("STORE_SELF_TEST", "off", "warn", "strict"),
        scanning=read.scanning(),
        invoicing=read.invoicing(),
        metrics_port=read.port("METRICS_PORT"),
        log_level=read.log_level(),
    )
    read.finish()
    return settings


def worker_settings(environment: Mapping[str, str] = os.environ) -> WorkerSettings:
    """Settings of `media worker`. Raises Misconfigured with everything that is missing or wrong."""
    read = Reader(environment, "worker")
    settings = WorkerSettings(
        database_url=read.text("DATABASE_URL"),
        storage=read.storage(),
        bus=read.bus(),
        sweep_interval_seconds=read.whole_number("SWEEP_INTERVAL_SECONDS"),
        grace_seconds=read.whole_number("UPLOAD_GRACE_SECONDS"),
        scanning=read.scanning(),
        outbox_retention_hours=read.whole_number("OUTBOX_RETENTION_HOURS"),
        invoicing=read.invoicing(),
        metrics_port=read.port("METRICS_PORT"),
        log_level=read.log_level(),
    )
    read.finish()
    return settings


def audit_settings(environment: Mapping[str, str] = os.environ) -> AuditSettings:
    """Settings of `media audit` and `media invoice`. Raises Misconfigured with everything that is missing or wrong."""
    read = Reader(environment, "audit")
    settings = AuditSettings(
        database_url=read.text("DATABASE_URL"),
        storage=read.storage(),
        template_dir=read.template_dir(),
        log_level=read.log_level(),
    )
    read.finish()
    return settings


def migrate_settings(environment: Mapping[str, str] = os.environ) -> MigrateSettings:
    """Settings of `media migrate`. Raises Misconfigured with everything that is missing or wrong."""
    read = Reader(environment, "migrate")
    settings = MigrateSettings(database_url=read.text("DATABASE_URL"), log_level=read.log_level())
    read.finish()
    return settings


def streams_settings(environment: Mapping[str, str] = os.environ) -> StreamsSettings:
    """Settings of `media provision --only streams`. Raises Misconfigured with everything that is missing or wrong."""
    read = Reader(environment, "streams")
    settings = StreamsSettings(bus=read.bus(), log_level=read.log_level())
    read.finish()
    return settings


def provision_settings(environment: Mapping[str, str] = os.environ) -> ProvisionSettings:
    """Settings of `media provision`, the only process that holds the storage's root credentials."""
    read = Reader(environment, "provision")
    settings = ProvisionSettings(
        storage=read.storage(),
        root=Identity(read.text("MINIO_ROOT_USER"), read.text("MINIO_ROOT_PASSWORD")),
        uploader=read.identity("MINIO_UPLOAD"),
        downloader=read.identity("MINIO_DOWNLOAD"),
        bus=read.bus(),
        cors_allowed_origins=read.origins("CORS_ALLOWED_ORIGINS"),
        log_level=read.log_level(),
    )
    read.finish()
    return settings


def environment() -> dict[str, str]:
    """A copy of the process's environment, for the processes that `media run` starts."""
    return dict(os.environ)
