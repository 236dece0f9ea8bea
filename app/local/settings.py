"""What the stack tells its processes: the caller's environment, overlaid with what the stack decides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from app.local.ports import LOOPBACK
from app.local.stack_secrets import StackSecrets

# Another name than the API's: clients that keep Authorization while the host stays the same drop it on the way.
STORAGE_HOST: Final = "localhost"
JWT_AUDIENCE: Final = "media"
JWT_ISSUER: Final = "local-stack"
SAMPLE_ISSUER: Final = Path(__file__).parents[2] / "pdf_templates" / "samples" / "issuer.json"
# A front-end developer's page, on whatever port its server chose.
_PAGES_OF_THIS_MACHINE: Final = "http://localhost:*,http://127.0.0.1:*,https://localhost:*,https://127.0.0.1:*"
# The stack signs with JWT_SECRET and knows NATS by password, and its processes share one machine's ports: these would
# contradict it.
_CONTRADICTING: Final = frozenset(
    {
        "JWT_PUBLIC_KEY",
        "JWT_JWKS_URL",
        "NATS_CREDENTIALS_FILE",
        "NATS_STREAM_REPLICAS",
        "MINIO_ROOT_USER",
        "MINIO_ROOT_PASSWORD",
        "METRICS_PORT",
        "BILLING_STREAM",
        "BILLING_SUBJECT",
    }
)


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the parts are."""

    database_url: str
    nats_url: str
    minio_endpoint: str
    api_url: str
    edge_url: str | None = None  # where clients reach storage, if that is not storage itself


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """Quarantine mode if `incoming` is another one than `media`."""

    media: str = "media"
    invoices: str = "invoices"
    incoming: str = "media"

    @property
    def mode(self) -> str:
        return "in place" if self.incoming == self.media else "quarantine"


IN_PLACE: Final = Buckets()
QUARANTINE: Final = Buckets(incoming="incoming")


def service_environment(
    inherited: Mapping[str, str], addresses: Addresses, secrets: StackSecrets, buckets: Buckets
) -> dict[str, str]:
    """For API and workers: all but the storage's root identity."""
    kept = {name: value for name, value in inherited.items() if name not in _CONTRADICTING}
    return {
        # Unless told otherwise: `media run` tests the store itself, once, and pages of this machine may call it.
        "STORE_SELF_TEST": "off",
        "CORS_ALLOWED_ORIGINS": _PAGES_OF_THIS_MACHINE,
        "INVOICE_ISSUER_FILE": str(SAMPLE_ISSUER),
        "MINIO_PUBLIC_URL": f"http://{addresses.minio_endpoint.replace(LOOPBACK, STORAGE_HOST)}",
        **kept,
        **({"MINIO_PUBLIC_URL": addresses.edge_url} if addresses.edge_url else {}),
        "DATABASE_URL": addresses.database_url,
        "NATS_URL": addresses.nats_url,
        "MEDIA_PUBLIC_URL": addresses.api_url,
        "MINIO_ENDPOINT": addresses.minio_endpoint,
        "MINIO_SECURE": "false",
        "MINIO_REGION": "us-east-1",
        "MINIO_ACCESS_KEY": secrets.worker.access_key,
        "MINIO_SECRET_KEY": secrets.worker.secret_key,
        "MINIO_UPLOAD_ACCESS_KEY": secrets.uploader.access_key,
        "MINIO_UPLOAD_SECRET_KEY": secrets.uploader.secret_key,
        "MINIO_DOWNLOAD_ACCESS_KEY": secrets.downloader.access_key,
        "MINIO_DOWNLOAD_SECRET_KEY": secrets.downloader.secret_key,
        "MINIO_BUCKET_MEDIA": buckets.media,
        "MINIO_BUCKET_INVOICES": buckets.invoices,
        "MINIO_BUCKET_INCOMING": buckets.incoming,
        "JWT_SECRET": secrets.jwt_secret,
        "JWT_AUDIENCE": JWT_AUDIENCE,
        "JWT_ISSUER": JWT_ISSUER,
        "PUBLIC_TOKEN_SECRET": secrets.public_token_secret,
    }


def provision_environment(service: Mapping[str, str], secrets: StackSecrets) -> dict[str, str]:
    """For provisioning alone: with the storage's root identity."""
    return {**service, "MINIO_ROOT_USER": secrets.root.access_key, "MINIO_ROOT_PASSWORD": secrets.root.secret_key}
