"""A deployment of each test's own, to break. Whatever a test does, the self-test leaves nothing in its buckets."""

import secrets
import tempfile
from pathlib import Path

import pytest

from app.config import provision_settings
from app.local.parts import run_parts
from app.local.settings import provision_environment
from app.object_store_admin import provision_storage
from tests.story import client_of


@pytest.fixture
def mode():
    return "quarantine"


@pytest.fixture
async def environment(stack, mode, database_url, administrator):
    name = secrets.token_hex(4)
    buckets = {f"MINIO_BUCKET_{kind}": f"{kind.lower()}-{name}" for kind in ("MEDIA", "INVOICES", "INCOMING")}
    if mode == "in place":
        buckets["MINIO_BUCKET_INCOMING"] = buckets["MINIO_BUCKET_MEDIA"]
    keys = {f"MINIO{role}_ACCESS_KEY": f"{role.lower()}-{name}" for role in ("", "_UPLOAD", "_DOWNLOAD")}
    made = stack.environment(mode, database_url) | buckets | keys
    await provision_storage(provision_settings(provision_environment(made, stack.secrets)))
    yield made
    assert await left_in(administrator, made) == []


async def left_in(administrator, environment):
    """Every version of every object in the deployment's buckets."""
    buckets = {environment[f"MINIO_BUCKET_{kind}"] for kind in ("MEDIA", "INVOICES", "INCOMING")}
    there = {bucket.name for bucket in await administrator.list_buckets()}
    return [
        (bucket, found.object_name)
        for bucket in buckets & there
        async for found in administrator.list_objects(bucket, recursive=True, include_version=True)
    ]


@pytest.fixture
async def administrator(stack):
    async with client_of(stack, stack.root) as client:
        yield client


@pytest.fixture
def own_minio():
    """A storage that nobody provisioned."""
    with tempfile.TemporaryDirectory(prefix="media-own-") as folder, run_parts(Path(folder) / "data") as parts:
        yield parts
