"""What each process is told: frozen structs whose repr shows no secret."""

from pathlib import Path

import msgspec

from app.invoices.data import Issuer


class Identity(msgspec.Struct, frozen=True):
    """An access key of the storage. Its repr hides the secret, so that no traceback or log can show it."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Identity({self.access_key!r})"


class Storage(msgspec.Struct, frozen=True):
    """Where the bytes are: one address for us, one for clients, and the buckets."""

    endpoint: str
    secure: bool
    region: str
    worker: Identity
    bucket_media: str
    bucket_invoices: str
    bucket_incoming: str

    @property
    def url(self) -> str:
        """Storage as the service reaches it; what clients reach may be another address."""
        return f"{'https' if self.secure else 'http'}://{self.endpoint}"

    @property
    def quarantine(self) -> bool:
        """Uploads land in a bucket of their own and are copied, instead of being served from where they land."""
        return self.bucket_incoming != self.bucket_media


class Bus(msgspec.Struct, frozen=True):
    """`url` is one address, or those of all servers of a cluster, separated by commas.

    The billing stream is billing-service's own: InvoiceGenerated comes on the billing subject.
    """

    url: str
    credentials_file: str | None
    stream_replicas: int = 1
    billing_stream: str = "BILLING"
    billing_subject: str = "billing.invoice.generated"

    @property
    def servers(self) -> list[str]:
        return [server.strip() for server in self.url.split(",") if server.strip()]

    def __repr__(self) -> str:
        return "Bus(…)"


class BearerKeys(msgspec.Struct, frozen=True):
    """What bearer tokens are checked with: exactly one of the three keys is set."""

    secret: str | None
    public_key: str | None
    jwks_url: str | None
    audience: str
    issuer: str
    leeway_seconds: int = 5

    def __repr__(self) -> str:
        return f"BearerKeys(audience={self.audience!r}, issuer={self.issuer!r})"


class UploadPolicy(msgspec.Struct, frozen=True):
    """What may be asked for."""

    max_file_size_bytes: int
    allowed_types: frozenset[str]
    url_ttl_seconds: int
    max_upload_hours: int
    grace_seconds: int


class UserLimits(msgspec.Struct, frozen=True):
    """What one user may ask for; 0 is no limit."""

    uploads_per_minute: int
    pending_uploads: int
    quota_bytes: int


class Scanning(msgspec.Struct, frozen=True):
    """The program that looks for malware, as words, and how long it may take."""

    command: tuple[str, ...]
    timeout_seconds: int


class Invoicing(msgspec.Struct, frozen=True):
    """Who bills, and the folder of a template that is not the service's own."""

    issuer: Issuer
    template_dir: Path | None


class ApiSettings(msgspec.Struct, frozen=True):
    database_url: str
    storage: Storage
    storage_public_url: str
    uploader: Identity
    downloader: Identity
    bus: Bus
    media_public_url: str
    bearer: BearerKeys
    public_token_secrets: tuple[str, ...]
    public_token_ttl_seconds: int
    download_url_ttl_seconds: int
    upload_policy: UploadPolicy
    user_limits: UserLimits
    request_rate_per_minute: int
    trusted_proxies: tuple[str, ...]
    cors_allowed_origins: tuple[str, ...]
    store_self_test: str
    scanning: Scanning | None
    invoicing: Invoicing | None
    metrics_port: int | None
    log_level: str

    def __repr__(self) -> str:
        return "ApiSettings(…)"


class WorkerSettings(msgspec.Struct, frozen=True):
    database_url: str
    storage: Storage
    bus: Bus
    sweep_interval_seconds: int
    grace_seconds: int
    scanning: Scanning | None
    outbox_retention_hours: int
    invoicing: Invoicing | None
    metrics_port: int | None
    log_level: str

    def __repr__(self) -> str:
        return "WorkerSettings(…)"


class AuditSettings(msgspec.Struct, frozen=True):
    """Of `media audit` and `media invoice replay`, which need no bus: what they announce waits in the outbox."""

    database_url: str
    storage: Storage
    template_dir: Path | None
    log_level: str

    def __repr__(self) -> str:
        return "AuditSettings(…)"


class MigrateSettings(msgspec.Struct, frozen=True):
    database_url: str
    log_level: str

    def __repr__(self) -> str:
        return "MigrateSettings(…)"


class StreamsSettings(msgspec.Struct, frozen=True):
    """Of `media provision --only streams`, which runs before storage does and knows none of its secrets."""

    bus: Bus
    log_level: str


class ProvisionSettings(msgspec.Struct, frozen=True):
    storage: Storage
    root: Identity
    uploader: Identity
    downloader: Identity
    bus: Bus
    cors_allowed_origins: tuple[str, ...]
    log_level: str
