"""Every environment variable of the service, once. README's settings table is held against this by a test."""

from typing import Final

import msgspec


class Variable(msgspec.Struct, frozen=True):
    """One row of the settings table.

    `roles` are the processes that read it. `default` is its value when unset; `unset` says what happens instead where
    it may stay unset. With neither it is required.
    """

    name: str
    description: str
    roles: str
    default: str | None = None
    unset: str | None = None


VARIABLES: Final = (
    Variable("DATABASE_URL", "PostgreSQL connection string", "api worker migrate audit"),
    Variable("MINIO_ENDPOINT", "Storage as the service reaches it, `host:port`", "api worker provision audit"),
    Variable("MINIO_ACCESS_KEY", "The worker identity: finalizes, removes", "api worker provision audit"),
    Variable("MINIO_SECRET_KEY", "Its secret", "api worker provision audit"),
    Variable("MINIO_BUCKET_MEDIA", "Bucket that media are served from", "api worker provision audit"),
    Variable("MINIO_BUCKET_INVOICES", "Bucket for invoices", "api worker provision audit"),
    Variable(
        "MINIO_BUCKET_INCOMING",
        "Bucket where uploads land; another one than the media bucket chooses quarantine mode",
        "api worker provision audit",
        unset="the media bucket",
    ),
    Variable("MINIO_UPLOAD_ACCESS_KEY", "The uploader identity: signs PUT URLs", "api provision"),
    Variable("MINIO_UPLOAD_SECRET_KEY", "Its secret", "api provision"),
    Variable("MINIO_DOWNLOAD_ACCESS_KEY", "The downloader identity: signs GET URLs", "api provision"),
    Variable("MINIO_DOWNLOAD_SECRET_KEY", "Its secret", "api provision"),
    Variable("MINIO_ROOT_USER", "Storage's administrator; only `media provision` gets it", "provision"),
    Variable("MINIO_ROOT_PASSWORD", "Its secret", "provision"),
    Variable(
        "MINIO_PUBLIC_URL", "Storage as clients reach it; this is what gets signed", "api", unset="`MINIO_ENDPOINT`"
    ),
    Variable("MINIO_REGION", "Region in signatures", "api worker provision audit", "us-east-1"),
    Variable("MINIO_SECURE", "`true`: reach MINIO_ENDPOINT over TLS", "api worker provision audit", "false"),
    Variable("MEDIA_PUBLIC_URL", "This API as clients reach it; links start with it", "api"),
    Variable(
        "NATS_URL",
        "NATS server, may carry user and password; all servers of a cluster, separated by commas",
        "api worker streams provision",
    ),
    Variable(
        "NATS_STREAM_REPLICAS",
        "On how many servers of a NATS cluster each stream is kept: 3 outlives the loss of one",
        "worker streams provision",
        "1",
    ),
    Variable(
        "NATS_CREDENTIALS_FILE", "NATS credentials file (JWT and seed)", "api worker streams provision", unset="none"
    ),
    Variable("JWT_SECRET", "Key of HS256 bearer tokens; one of the three JWT keys is required", "api", unset="none"),
    Variable("JWT_PUBLIC_KEY", "PEM public key of RS, PS, ES or EdDSA bearer tokens", "api", unset="none"),
    Variable("JWT_JWKS_URL", "Where the keys of RS, PS, ES or EdDSA bearer tokens are published", "api", unset="none"),
    Variable("JWT_AUDIENCE", "`aud` that bearer tokens must carry", "api"),
    Variable("JWT_ISSUER", "`iss` that bearer tokens must carry", "api"),
    Variable("JWT_LEEWAY_SECONDS", "How far auth-service's clock may be off, at most 300", "api", "5"),
    Variable("PUBLIC_TOKEN_SECRET", "Key of the temporary tokens in download URLs, not the JWT key", "api"),
    Variable(
        "PUBLIC_TOKEN_SECRET_PREVIOUS",
        "The key before it: while you rotate, tokens made with it are accepted too",
        "api",
        unset="none",
    ),
    Variable("PUBLIC_TOKEN_TTL_SECONDS", "Life of those tokens", "api", "3600"),
    Variable("UPLOAD_URL_TTL_SECONDS", "Life of a presigned PUT", "api", "600"),
    Variable(
        "MAX_UPLOAD_HOURS",
        "How long after it was asked for a pending upload's PUT can be renewed, at most 168",
        "api",
        "24",
    ),
    Variable("DOWNLOAD_URL_TTL_SECONDS", "Life of a presigned GET", "api", "300"),
    Variable("MAX_FILE_SIZE_MB", "Largest upload, in units of 1,048,576 bytes", "api", "10"),
    Variable("ALLOWED_IMAGE_TYPES", "Image types that may be uploaded", "api", "image/jpeg,image/png,image/webp"),
    Variable("ALLOWED_DOCUMENT_TYPES", "Document types that may be uploaded", "api", "application/pdf"),
    Variable("UPLOAD_RATE_PER_MINUTE", "Uploads that one user may ask for in any minute; 0: no limit", "api", "20"),
    Variable("MAX_PENDING_UPLOADS", "Uploads that one user may have open at once; 0: no limit", "api", "50"),
    Variable("USER_QUOTA_MB", "What one user's uploads may hold, in units of 1,048,576 bytes; 0: no limit", "api", "0"),
    Variable(
        "REQUEST_RATE_PER_MINUTE",
        "Requests of one caller, or of one address without a bearer, to one API process; 0: no limit",
        "api",
        "6000",
    ),
    Variable(
        "TRUSTED_PROXIES",
        "Addresses whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, separated by commas",
        "api",
        unset="none",
    ),
    Variable(
        "CORS_ALLOWED_ORIGINS",
        "Origins whose pages may call the API and storage, separated by commas; the port of a loopback one may be `*`",
        "api provision",
        unset="none",
    ),
    Variable(
        "STORE_SELF_TEST",
        "What `media api` does with the store's self-test when it starts: `strict` refuses to start if it fails, "
        "`warn` logs, `off`",
        "api",
        "warn",
    ),
    Variable(
        "SCAN_COMMAND",
        "Program that gets a short presigned GET URL on stdin and exits with 0 (clean) or 1 (infected)",
        "api worker",
        unset="none",
    ),
    Variable("SCAN_TIMEOUT_SECONDS", "How long it may take, at most 600", "api worker", "60"),
    Variable(
        "SWEEP_INTERVAL_SECONDS", "How often a worker looks for uploads whose notification never came", "worker", "10"
    ),
    Variable("UPLOAD_GRACE_SECONDS", "How long after its URL has run out an upload may end", "api worker", "900"),
    Variable(
        "OUTBOX_RETENTION_HOURS",
        "How long published events are kept, to be announced again should NATS lose its store",
        "worker",
        "24",
    ),
    Variable(
        "INVOICE_ISSUER_FILE",
        "Who bills: a JSON file as `pdf_templates/samples/issuer.json`",
        "api worker",
        unset="no invoices are made",
    ),
    Variable(
        "INVOICE_TEMPLATE_DIR",
        "Folder with an `invoice.typ` of your own (`pdf_templates/README.md`)",
        "api worker audit",
        unset="the one that comes with the service",
    ),
    Variable(
        "BILLING_STREAM",
        "Stream of NATS, billing-service's own, that has InvoiceGenerated",
        "api worker streams provision",
        "BILLING",
    ),
    Variable(
        "BILLING_SUBJECT", "Subject of InvoiceGenerated", "api worker streams provision", "billing.invoice.generated"
    ),
    Variable(
        "METRICS_PORT",
        "Port that Prometheus reads metrics from, on every address of the machine; no client may reach it",
        "api worker",
        unset="none",
    ),
    Variable("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "api worker migrate streams provision audit", "INFO"),
)
