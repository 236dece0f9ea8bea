"""media doctor: each thing that can be wrong is made wrong, and is said with what to do about it."""

import time

import pytest
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
    addresses = Addresses(
        database_url=own_minio.database_url,
        nats_url=own_minio.nats_url,
        minio_endpoint=own_minio.minio_endpoint,
        api_url="http://media.test",
    )
    service = service_environment({}, addresses, own_minio.secrets, IN_PLACE)
    assert (await complaints(service))["CORS"].startswith("pages of any origin may call storage")
    for origins in ("https://www.example.com,http://localhost:8000", "", "https://www.example.com"):
        configured = service | {"CORS_ALLOWED_ORIGINS": origins}
        await provision_storage(provision_settings(provision_environment(configured, own_minio.secrets)))
        assert "CORS" not in await complaints(configured)
        for origin in ("https://www.example.com", "http://localhost:8000", "https://evil.invalid", "null"):
            answer = await storage.get(f"http://{own_minio.minio_endpoint}/media/x", headers={"origin": origin})
            allowed = answer.headers.get("access-control-allow-origin")
            assert allowed == (origin if origin in origins.split(",") else None)


async def test_a_configured_page_that_storage_does_not_know_is_told(environment):
    found = await complaints(environment | {"CORS_ALLOWED_ORIGINS": "http://media.test,https://www.example.com"})
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
    assert found == {"event bus": "streams missing: MINIO_EVENTS, MEDIA, MEDIA_DEAD"}


def test_no_finding_can_show_a_secret():
    assert "hidden" not in repr(Identity("key", "hidden"))
    assert "hidden" not in repr(Bus("nats://media:hidden@host", None))
