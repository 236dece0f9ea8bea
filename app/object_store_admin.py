"""MinIO as root sees it, once per deployment: buckets, one narrow identity per purpose, notifications, lifecycles.

Doing it again changes nothing, except what was changed by others: each identity ends with exactly its one policy of
minio-policies/, and the buckets that media land in and are served from with exactly the lifecycle rules below. Policies
are named after the media bucket (`media-uploader`), so that deployments can share a MinIO. CORS and the end of
unfinished multipart uploads are the whole server's: deployments that share one name the same CORS_ALLOWED_ORIGINS.
"""

import json
import tempfile
from pathlib import Path
from string import Template
from typing import Final

import aiohttp
from miniopy_async.api import Minio
from miniopy_async.commonconfig import ENABLED, Filter
from miniopy_async.credentials.providers import StaticProvider
from miniopy_async.error import S3Error
from miniopy_async.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule
from miniopy_async.minioadmin import MinioAdmin
from miniopy_async.notificationconfig import NotificationConfig, PrefixFilterRule, QueueConfig
from miniopy_async.versioningconfig import VersioningConfig

from app.config import Identity, ProvisionSettings, Storage
from app.errors import StorageUnavailable
from app.media import ORPHANS_PREFIX, UPLOADS_PREFIX

# Put and CompleteMultipartUpload, not Copy: what the worker copies is no upload.
NOTIFIED_EVENTS: Final = ("s3:ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload")
NOTIFIED_PREFIX: Final = UPLOADS_PREFIX
# As a MinIO without MINIO_SITE_REGION names its NATS targets `FAST` and `DURABLE`.
NOTIFICATION_TARGETS: Final = ("arn:minio:sqs::FAST:nats", "arn:minio:sqs::DURABLE:nats")

# MinIO takes an empty list for "*", which answers any page as if it were meant. This name never resolves (RFC 6761).
_NO_ORIGIN: Final = ("https://nobody.invalid",)
# Where a page's request was redirected from one foreign origin to another, as from the API to storage, its browser says
# `Origin: null` (https://fetch.spec.whatwg.org/#append-a-request-origin-header). A presigned URL is the authority.
_REDIRECTED: Final = "null"

_UPLOADS_DAYS: Final = 2
_ORPHANS_DAYS: Final = 30
# This MinIO refuses AbortIncompleteMultipartUpload as a rule of its own and drops it from others: it has this instead.
_UNFINISHED_UPLOADS_EXPIRE: Final = "24h"

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
            await _set_lifecycles(store, storage)
            await _set_up_server(admin, settings.cors_allowed_origins)
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


async def _set_lifecycles(store: Minio, storage: Storage) -> None:
    """Exactly these: a rule from before, when uploads landed in another bucket, would now expire what is served."""
    for bucket, rules in _lifecycles(storage).items():
        await store.set_bucket_lifecycle(bucket, LifecycleConfig(rules))


def _lifecycles(storage: Storage) -> dict[str, list[Rule]]:
    """The last nets. What lands in place is what is served: there, nothing but orphans may expire."""
    orphans = Filter(prefix=ORPHANS_PREFIX)
    rules = {
        storage.bucket_media: [
            Rule(
                ENABLED,
                rule_id="orphans",
                rule_filter=orphans,
                expiration=Expiration(days=_ORPHANS_DAYS),
                # In a bucket that keeps versions, to expire is to be covered up: these two remove what is left then.
                noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=1),
            ),
            Rule(
                ENABLED,
                rule_id="orphans-covered-up",
                rule_filter=orphans,
                expiration=Expiration(expired_object_delete_marker=True),
            ),
        ]
    }
    if storage.quarantine:
        uploads, expiration = Filter(prefix=UPLOADS_PREFIX), Expiration(days=_UPLOADS_DAYS)
        rules[storage.bucket_incoming] = [Rule(ENABLED, rule_id="uploads", rule_filter=uploads, expiration=expiration)]
    return rules


async def _set_up_server(admin: MinioAdmin, origins: tuple[str, ...]) -> None:
    """For the whole server, at once: MinIO has no CORS of a bucket's own, nor an end of unfinished uploads."""
    await admin.config_set(
        "api",
        {
            "cors_allow_origin": ",".join((*origins, _REDIRECTED) if origins else _NO_ORIGIN),
            "stale_uploads_expiry": _UNFINISHED_UPLOADS_EXPIRE,
        },
    )


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


async def wrong_lifecycles(storage: Storage) -> list[str]:
    """What is missing of the lifecycle rules, and which rule expires what is served. Raises StorageUnavailable."""
    wrong = []
    try:
        async with _session() as session:
            store = _store(storage, storage.worker, session)
            for bucket in dict.fromkeys((storage.bucket_media, storage.bucket_incoming, storage.bucket_invoices)):
                wrong += await _wrong_rules_of(bucket, store, storage)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StorageUnavailable from error
    return wrong


async def _wrong_rules_of(bucket: str, store: Minio, storage: Storage) -> list[str]:
    try:
        found = await store.get_bucket_lifecycle(bucket)
    except S3Error as error:
        # That a bucket is missing is told where buckets are.
        return [] if error.code == "NoSuchBucket" else [f"rules of {bucket} can't be read ({error.code})"]
    return _wrong_rules(bucket, found.rules if found else [], storage)


def _wrong_rules(bucket: str, found: list[Rule], storage: Storage) -> list[str]:
    enabled = [rule for rule in found if rule.status == ENABLED]
    there = {(_prefix(rule), rule.expiration.days) for rule in enabled if rule.expiration}
    wanted = {
        (_prefix(rule), rule.expiration.days)
        for rule in _lifecycles(storage).get(bucket, [])
        if rule.expiration and rule.expiration.days
    }
    missing = [f"{bucket} keeps {prefix} for ever" for prefix, _ in sorted(wanted - there)]
    may_expire = UPLOADS_PREFIX if storage.quarantine and bucket == storage.bucket_incoming else ORPHANS_PREFIX
    dangerous = [
        f"rule {rule.rule_id} of {bucket} expires {_prefix(rule) or 'everything'}"
        for rule in enabled
        if not _prefix(rule).startswith(may_expire)
    ]
    return missing + dangerous


def _prefix(rule: Rule) -> str:
    """The keys that a rule is about; "" is all of them."""
    chosen = rule.rule_filter
    both = chosen.and_operator if chosen else None
    return (both.prefix if both else chosen.prefix if chosen else None) or ""


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
