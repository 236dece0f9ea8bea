"""MinIO as root sees it, once per deployment: buckets, one narrow identity per purpose, notifications.

Doing it again changes nothing, except what was changed by others: each identity ends with exactly its one policy of
minio-policies/. Policies are named after the media bucket (`media-uploader`), so that deployments can share a MinIO.
CORS alone is the whole server's: deployments that share one name the same CORS_ALLOWED_ORIGINS.
"""

import json
import tempfile
from pathlib import Path
from string import Template
from typing import Final

import aiohttp
from miniopy_async.api import Minio
from miniopy_async.commonconfig import ENABLED
from miniopy_async.credentials.providers import StaticProvider
from miniopy_async.error import S3Error
from miniopy_async.minioadmin import MinioAdmin
from miniopy_async.notificationconfig import NotificationConfig, PrefixFilterRule, QueueConfig
from miniopy_async.versioningconfig import VersioningConfig

from app.config import Identity, ProvisionSettings, Storage
from app.errors import StorageUnavailable

# Put and CompleteMultipartUpload, not Copy: what the worker copies is no upload.
NOTIFIED_EVENTS: Final = ("s3:ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload")
NOTIFIED_PREFIX: Final = "uploads/"
# As a MinIO without MINIO_SITE_REGION names its NATS targets `FAST` and `DURABLE`.
NOTIFICATION_TARGETS: Final = ("arn:minio:sqs::FAST:nats", "arn:minio:sqs::DURABLE:nats")

# MinIO takes an empty list for "*", which answers any page as if it were meant. This name never resolves (RFC 6761).
_NO_ORIGIN: Final = ("https://nobody.invalid",)

_POLICIES: Final = Path(__file__).parent.parent / "minio-policies"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)


async def provision_storage(settings: ProvisionSettings) -> None:
    """Make buckets, identities, notifications and CORS as `settings` say.

    Raises StorageUnavailable if MinIO does not answer, S3Error or MinioAdminException if it refuses.
    """
    storage = settings.storage
    try:
        async with _session() as session:
            store = _store(storage, settings.root, session)
            admin = MinioAdmin(
                storage.endpoint,
                StaticProvider(settings.root.access_key, settings.root.secret_key),
                region=storage.region,
                secure=storage.secure,
                session=session,
            )
            await _make_buckets(store, storage)
            await _keep_versions(store, storage)
            await _make_identities(admin, settings)
            await _announce_uploads(store, storage.bucket_incoming)
            await _let_pages_call(admin, settings.cors_allowed_origins)
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise StorageUnavailable from error


def filled_policy(role: str, storage: Storage) -> str:
    """minio-policies/<role>.json with the buckets' names in it."""
    policy = Template((_POLICIES / f"{role}.json").read_text()).substitute(
        MINIO_BUCKET_MEDIA=storage.bucket_media,
        MINIO_BUCKET_INVOICES=storage.bucket_invoices,
        MINIO_BUCKET_INCOMING=storage.bucket_incoming,
    )
    return json.dumps(json.loads(policy))


async def _make_buckets(store: Minio, storage: Storage) -> None:
    for bucket in sorted({storage.bucket_media, storage.bucket_invoices, storage.bucket_incoming}):
        try:
            await store.make_bucket(bucket)
        except S3Error as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise


async def _keep_versions(store: Minio, storage: Storage) -> None:
    """In place, links name the version that was checked: whatever is written to its key later, it is not served."""
    if not storage.quarantine:
        await store.set_bucket_versioning(storage.bucket_media, VersioningConfig(ENABLED))


async def _make_identities(admin: MinioAdmin, settings: ProvisionSettings) -> None:
    await _make_identity(admin, "worker", settings.storage.worker, settings.storage)
    await _make_identity(admin, "uploader", settings.uploader, settings.storage)
    await _make_identity(admin, "downloader", settings.downloader, settings.storage)


async def _make_identity(admin: MinioAdmin, role: str, identity: Identity, storage: Storage) -> None:
    policy = f"{storage.bucket_media}-{role}"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:  # the client takes a policy by path only
        file.write(filled_policy(role, storage))
        file.flush()
        await admin.policy_add(policy, file.name)
    await admin.user_add(identity.access_key, identity.secret_key)
    await admin.policy_set(policy, user=identity.access_key)


async def _announce_uploads(store: Minio, bucket: str) -> None:
    queues = [
        QueueConfig(target, list(NOTIFIED_EVENTS), prefix_filter_rule=PrefixFilterRule(NOTIFIED_PREFIX))
        for target in NOTIFICATION_TARGETS
    ]
    await store.set_bucket_notification(bucket, NotificationConfig(queue_config_list=queues))


async def _let_pages_call(admin: MinioAdmin, origins: tuple[str, ...]) -> None:
    """For the whole server, at once: MinIO has no CORS of a bucket's own."""
    await admin.config_set("api", {"cors_allow_origin": ",".join(origins or _NO_ORIGIN)})


async def refusal_of(storage: Storage, identity: Identity, bucket: str) -> str | None:
    """The S3 error code with which storage refuses this identity a look into this bucket; None if it does not.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. Raises StorageUnavailable.
    """
    try:
        async with _session() as session:
            async for _ in _store(storage, identity, session).list_objects(bucket):
                break
    except S3Error as error:
        return str(error.code)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StorageUnavailable from error
    return None


async def missing_targets(storage: Storage) -> list[str]:
    """The notification targets that the incoming bucket does not announce its uploads to. Raises StorageUnavailable."""
    try:
        async with _session() as session:
            store = _store(storage, storage.worker, session)
            configured = await store.get_bucket_notification(storage.bucket_incoming)
    except (S3Error, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StorageUnavailable from error
    announced = {queue.queue for queue in configured.queue_config_list or ()}
    return [target for target in NOTIFICATION_TARGETS if target not in announced]


async def keeps_versions(storage: Storage, bucket: str) -> bool:
    """Whether links into this bucket can name the version that was checked. Raises StorageUnavailable."""
    try:
        async with _session() as session:
            found = await _store(storage, storage.worker, session).get_bucket_versioning(bucket)
    except (S3Error, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StorageUnavailable from error
    return bool(found.status == ENABLED)


def _session() -> aiohttp.ClientSession:
    # A plain session: miniopy's own asks five times before it tells of a failure.
    return aiohttp.ClientSession(timeout=_TIMEOUT)


def _store(storage: Storage, identity: Identity, session: aiohttp.ClientSession) -> Minio:
    return Minio(
        storage.endpoint,
        identity.access_key,
        identity.secret_key,
        secure=storage.secure,
        region=storage.region,
        session=session,
    )
