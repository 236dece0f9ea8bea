"""A deployment of each test's own, to break. Whatever a test does, the self-test leaves nothing in its buckets."""

import tempfile
from pathlib import Path

import pytest

from app.local.parts import run_parts
from tests.deployment import deploy


@pytest.fixture
def mode():
    return "quarantine"


@pytest.fixture
async def environment(stack, mode, database_url, administrator):
    made = await deploy(stack, mode, database_url)
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
def own_minio():
    """A storage that nobody provisioned."""
    with tempfile.TemporaryDirectory(prefix="media-own-") as folder, run_parts(Path(folder) / "data") as parts:
        yield parts
