"""media doctor: each thing that can be wrong is made wrong, and is said with what to do about it."""

import contextlib
import time

import aiohttp
import pytest
from miniopy_async.commonconfig import DISABLED, ENABLED, Filter
from miniopy_async.credentials.providers import StaticProvider
from miniopy_async.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule
from miniopy_async.minioadmin import MinioAdmin
from miniopy_async.notificationconfig import NotificationConfig
from miniopy_async.versioningconfig import SUSPENDED, VersioningConfig

from app.config import Bus, Identity, api_settings, provision_settings
from app.doctor import examine
from app.local.child import stop
from app.local.data_folder import open_data_folder
from app.local.nats_server import nats_server, nats_url, wait_for_nats
from app.local.ports import Ports, choose_ports
from app.local.settings import IN_PLACE, Addresses, provision_environment, service_environment
from app.local.stack_secrets import load_or_make_secrets
from app.object_store_admin import provision_storage

NOWHERE = "127.0.0.1:9"


async def complaints(environment):
    """What is wrong, part by part; each complaint says what to do."""
    found = [finding async for finding in examine(api_settings(environment))]
    assert all(finding.ok == (not finding.advice) for finding in found)
    return {finding.part: finding.says for finding in found if not finding.ok}


def addresses_of(parts):
    return Addresses(
        database_url=parts.database_url,
        nats_url=parts.nats_url,
        minio_endpoint=parts.minio_endpoint,
        api_url="http://media.test",
    )


async def test_nothing_is_wrong_with_what_was_just_provisioned(environment):
    assert await complaints(environment) == {}


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"DATABASE_URL": f"postgresql://media@{NOWHERE}/media"}, "database"),
        ({"MINIO_ENDPOINT": NOWHERE, "MINIO_PUBLIC_URL": "http://{minio}"}, "storage"),
        ({"MINIO_PUBLIC_URL": f"http://{NOWHERE}"}, "storage address"),
        ({"NATS_URL": f"nats://{NOWHERE}"}, "event bus"),
    ],
)
async def test_a_part_that_is_away_is_unreachable(environment, stack, changes, part):
    changes = {name: value.format(minio=stack.minio_endpoint) for name, value in changes.items()}
    found = await complaints(environment | changes)
    assert list(found) == [part]
    assert found[part].startswith("unreachable")


@pytest.mark.parametrize("role", ["MINIO", "MINIO_UPLOAD", "MINIO_DOWNLOAD"])
async def test_wrong_credentials_are_named(environment, role):
    found = await complaints(environment | {f"{role}_SECRET_KEY": "not this one"})
    assert "wrong credentials (SignatureDoesNotMatch)" in found.values()
    found = await complaints(environment | {f"{role}_ACCESS_KEY": "nobody"})
    assert "wrong credentials (InvalidAccessKeyId)" in found.values()


async def test_a_wrong_database_password_is_told(environment):
    found = await complaints(environment | {"DATABASE_URL": environment["DATABASE_URL"].replace(":", ":x", 2)})
    assert "database" in found


async def test_a_database_without_the_schema_is_told(environment, stack):
    found = await complaints(environment | {"DATABASE_URL": stack.database_url.rpartition("/")[0] + "/template1"})
    assert found["database"].startswith("migrations missing: 0001_media_objects, ")


async def test_a_missing_bucket_is_told(environment, administrator):
    await administrator.remove_bucket(environment["MINIO_BUCKET_INVOICES"])
    assert await complaints(environment) == {f"bucket {environment['MINIO_BUCKET_INVOICES']}": "missing"}


async def test_a_bucket_that_keeps_no_versions_is_told_in_place(stack, environment, administrator):
    in_place = environment | {"MINIO_BUCKET_INCOMING": environment["MINIO_BUCKET_MEDIA"]}
    await provision_storage(provision_settings(provision_environment(in_place, stack.secrets)))
    assert await complaints(in_place) == {}
    await administrator.set_bucket_versioning(in_place["MINIO_BUCKET_MEDIA"], VersioningConfig(SUSPENDED))
    assert list(await complaints(in_place)) == ["versions"]


@pytest.mark.parametrize("mode", ["in place", "quarantine"], indirect=True)
async def test_missing_lifecycle_rules_are_told(environment, administrator, mode):
    media, incoming = environment["MINIO_BUCKET_MEDIA"], environment["MINIO_BUCKET_INCOMING"]
    await administrator.delete_bucket_lifecycle(media)
    assert await complaints(environment) == {"lifecycle": f"{media} keeps orphans/ for ever"}
    if mode == "quarantine":
        await administrator.delete_bucket_lifecycle(incoming)
        found = await complaints(environment)
        assert found == {"lifecycle": f"{media} keeps orphans/ for ever; {incoming} keeps uploads/ for ever"}


@pytest.mark.parametrize("mode", ["in place", "quarantine"], indirect=True)
@pytest.mark.parametrize("kind", ["MEDIA", "INVOICES"])
@pytest.mark.parametrize("prefix", ["", "uploads/", "media/", "orphan"])
async def test_a_rule_that_expires_what_is_served_is_told(environment, administrator, kind, prefix):
    bucket = environment[f"MINIO_BUCKET_{kind}"]
    found = await administrator.get_bucket_lifecycle(bucket)
    kept = found.rules if found else []
    for what in (
        {"expiration": Expiration(days=2)},
        {"noncurrent_version_expiration": NoncurrentVersionExpiration(noncurrent_days=2)},
    ):
        rule = Rule(ENABLED, rule_id="mine", rule_filter=Filter(prefix=prefix), **what)
        await administrator.set_bucket_lifecycle(bucket, LifecycleConfig([*kept, rule]))
        told = await complaints(environment)
        assert told == {"lifecycle": f"rule mine of {bucket} expires {prefix or 'everything'}"}
    off = Rule(DISABLED, rule_id="mine", rule_filter=Filter(prefix=prefix), expiration=Expiration(days=2))
    await administrator.set_bucket_lifecycle(bucket, LifecycleConfig([*kept, off]))
    assert await complaints(environment) == {}


@pytest.mark.parametrize("mode", ["quarantine"], indirect=True)
async def test_a_change_of_mode_leaves_no_rule_that_expires_what_is_served(stack, environment, administrator):
    incoming = environment["MINIO_BUCKET_INCOMING"]
    assert await expiring(administrator, incoming) == {("uploads/", 2)}
    assert await expiring(administrator, environment["MINIO_BUCKET_MEDIA"]) == {("orphans/", 30)}
    in_place = environment | {"MINIO_BUCKET_MEDIA": incoming}
    assert f"rule uploads of {incoming} expires uploads/" in (await complaints(in_place))["lifecycle"]
    await provision_storage(provision_settings(provision_environment(in_place, stack.secrets)))
    assert await expiring(administrator, incoming) == {("orphans/", 30)}
    assert await complaints(in_place) == {}


async def test_unfinished_multipart_uploads_end_after_a_day(own_minio):
    """This MinIO takes no lifecycle rule for them: a setting of the whole server ends them."""
    for expiry in ("90m", "24h"):
        async with administering(own_minio) as admin:
            await admin.config_set("api", {"stale_uploads_expiry": expiry, "gzip_objects": "on"})
            service = service_environment({}, addresses_of(own_minio), own_minio.secrets, IN_PLACE)
            await provision_storage(provision_settings(provision_environment(service, own_minio.secrets)))
            told = await admin.config_get("api")
            assert "stale_uploads_expiry=24h" in told
            assert "gzip_objects=on" in told, "what else was set stays"


async def expiring(administrator, bucket):
    """Which prefixes expire after how many days."""
    found = await administrator.get_bucket_lifecycle(bucket)
    return {
        (rule.rule_filter.prefix, rule.expiration.days)
        for rule in found.rules
        if rule.expiration and rule.expiration.days
    }


@contextlib.asynccontextmanager
async def administering(parts):
    async with aiohttp.ClientSession() as session:
        root = StaticProvider(parts.secrets.root.access_key, parts.secrets.root.secret_key)
        yield MinioAdmin(parts.minio_endpoint, root, region="us-east-1", secure=False, session=session)


async def test_missing_notifications_are_told(environment, administrator):
    await administrator.set_bucket_notification(environment["MINIO_BUCKET_INCOMING"], NotificationConfig())
    found = await complaints(environment)
    assert list(found) == ["notifications"]
    assert "FAST" in found["notifications"]
    assert "DURABLE" in found["notifications"]


async def test_a_clock_that_is_off_is_told(environment, monkeypatch):
    now = time.time
    monkeypatch.setattr("app.store_self_test.address.time.time", lambda: now() + 60)
    assert list(await complaints(environment)) == ["clock"]


async def test_provisioning_lets_configured_pages_call_storage_and_no_others(own_minio, storage):
    """Its default answers any page as if it were meant, and "no origin" is not what MinIO takes an empty list for."""
    service = service_environment({}, addresses_of(own_minio), own_minio.secrets, IN_PLACE)
    assert (await complaints(service))["CORS"].startswith("pages of any origin may call storage")
    for origins in ("https://www.example.com,http://localhost:8000", "", "https://www.example.com"):
        configured = service | {"CORS_ALLOWED_ORIGINS": origins}
        await provision_storage(provision_settings(provision_environment(configured, own_minio.secrets)))
        assert "CORS" not in await complaints(configured)
        for origin in ("https://www.example.com", "http://localhost:8000", "https://evil.invalid", "null"):
            answer = await storage.get(f"http://{own_minio.minio_endpoint}/media/x", headers={"origin": origin})
            allowed = answer.headers.get("access-control-allow-origin")
            redirected = (
                "*" if origins and origin == "null" else None
            )  # what a page from the API's redirect is to storage
            assert allowed == (origin if origin in origins.split(",") else redirected)


async def test_storage_that_does_not_answer_a_redirected_page_is_told(own_minio):
    """As it was provisioned by the release before."""
    service = service_environment({}, addresses_of(own_minio), own_minio.secrets, IN_PLACE)
    configured = service | {"CORS_ALLOWED_ORIGINS": "https://www.example.com"}
    await provision_storage(provision_settings(provision_environment(configured, own_minio.secrets)))
    async with administering(own_minio) as admin:
        await admin.config_set("api", {"cors_allow_origin": "https://www.example.com"})
    assert (await complaints(configured))["CORS"].startswith("pages can't read what the API redirects them to")


async def test_a_page_on_any_port_of_this_machine_may_call_storage_where_that_is_configured(own_minio, storage):
    service = service_environment({}, addresses_of(own_minio), own_minio.secrets, IN_PLACE)
    configured = service | {"CORS_ALLOWED_ORIGINS": "http://localhost:*"}
    await provision_storage(provision_settings(provision_environment(configured, own_minio.secrets)))
    assert "CORS" not in await complaints(configured)
    for origin, allowed in (("http://localhost:5173", True), ("http://localhost.invalid:5173", False)):
        answer = await storage.get(f"http://{own_minio.minio_endpoint}/media/x", headers={"origin": origin})
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)


async def test_a_configured_page_that_storage_does_not_know_is_told(environment):
    found = await complaints(environment | {"CORS_ALLOWED_ORIGINS": "http://localhost:*,https://www.example.com"})
    assert found == {"CORS": "pages of https://www.example.com can't call storage"}


async def test_missing_streams_are_told(environment, tmp_path):
    with open_data_folder(tmp_path) as folder:
        ports, made = choose_ports(Ports()), load_or_make_secrets(folder.secrets_file)
        nats = nats_server(folder, ports, made)
        nats.start()
        try:
            wait_for_nats(nats, ports.nats)
            found = await complaints(environment | {"NATS_URL": nats_url(ports.nats, made.nats_password)})
        finally:
            stop([nats])
    assert found == {"event bus": "streams missing: MEDIA_GIVEN_UP, MINIO_EVENTS, MEDIA_DEAD, MEDIA"}


def test_no_finding_can_show_a_secret():
    assert "hidden" not in repr(Identity("key", "hidden"))
    assert "hidden" not in repr(Bus("nats://media:hidden@host", None))
