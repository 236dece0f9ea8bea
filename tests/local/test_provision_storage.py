"""Each identity may do its one job, and each policy refuses what it must. On the real MinIO."""

import asyncio
import secrets
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from app.config import environment, provision_settings
from app.local.attached import attached_environment
from app.local.settings import provision_environment
from app.local.stack_secrets import load_secrets
from app.object_store_admin import NOTIFICATION_TARGETS, NOTIFIED_EVENTS, provision_storage

pytestmark = pytest.mark.xdist_group("local-stack")


@pytest.fixture(scope="session")
def identities(running):
    return load_secrets(running.data_dir / "secrets.json")


@pytest.fixture(scope="session")
def client(running, identities):
    def client_of(role: str):
        identity = getattr(identities, role)
        return botocore.session.get_session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=running.stack.minio_url,
            aws_access_key_id=identity.access_key,
            aws_secret_access_key=identity.secret_key,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    return client_of


@pytest.fixture
def upload(client):
    """An object where uploads land."""
    key = f"uploads/{secrets.token_hex(8)}"
    client("uploader").put_object(Bucket="media", Key=key, Body=b"bytes")
    return key


REFUSED = {
    "the uploader reads": ("uploader", "get_object", {"Key": "{key}"}),
    "the uploader lists": ("uploader", "list_objects_v2", {}),
    "the uploader removes": ("uploader", "delete_object", {"Key": "{key}"}),
    "the uploader writes elsewhere": ("uploader", "put_object", {"Key": "media/x"}),
    "the uploader writes to another bucket": ("uploader", "put_object", {"Bucket": "invoices", "Key": "uploads/x"}),
    "the uploader copies": ("uploader", "copy_object", {"Key": "uploads/x", "CopySource": "media/{key}"}),
    "the downloader writes": ("downloader", "put_object", {"Key": "{key}"}),
    "the downloader lists": ("downloader", "list_objects_v2", {}),
    "the downloader removes": ("downloader", "delete_object", {"Key": "{key}"}),
    "the worker writes where uploads land": ("worker", "put_object", {"Key": "uploads/x"}),
    "the worker makes a bucket": ("worker", "create_bucket", {"Bucket": "other"}),
    "the worker sets a policy": ("worker", "put_bucket_policy", {"Policy": "{{}}"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(client, upload, case):
    role, action, arguments = REFUSED[case]
    filled = {name: value.format(key=upload) for name, value in arguments.items()}

    with pytest.raises(ClientError) as refusal:
        getattr(client(role), action)(**{"Bucket": "media", **filled})
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_downloader_reads_what_is_served(client, upload):
    assert client("downloader").get_object(Bucket="media", Key=upload)["Body"].read() == b"bytes"


def test_the_worker_copies_hashes_looks_and_removes(client, upload):
    worker = client("worker")
    copy = {"Bucket": "media", "Key": f"media/{upload}"}
    worker.copy_object(**copy, CopySource=f"media/{upload}", MetadataDirective="REPLACE", ChecksumAlgorithm="SHA256")

    assert worker.head_object(**copy, ChecksumMode="ENABLED")["ChecksumType"] == "FULL_OBJECT"
    assert worker.get_object(**copy, Range="bytes=0-1")["Body"].read() == b"by"
    worker.delete_object(**copy)
    removed = worker.delete_objects(Bucket="media", Delete={"Objects": [{"Key": upload}]})
    assert "Errors" not in removed


def test_uploads_are_announced_twice_and_provisioning_again_changes_nothing(running, identities, client):
    settings = provision_settings(
        provision_environment(attached_environment(running.data_dir, environment()), identities)
    )

    def announced():
        return client("worker").get_bucket_notification_configuration(Bucket="media")["QueueConfigurations"]

    before = announced()
    asyncio.run(provision_storage(settings))
    assert {queue["QueueArn"] for queue in before} == set(NOTIFICATION_TARGETS)
    assert all(queue["Events"] == list(NOTIFIED_EVENTS) for queue in before)
    assert len(announced()) == len(before) == 2
    assert urlsplit(running.stack.minio_url).netloc == settings.storage.endpoint
