"""The audit of the bytes as `media audit` runs it, in this process; and a store to damage."""

import contextlib
import io

from miniopy_async.deleteobjects import DeleteObject

from app.config import audit_settings
from app.media import ObjectAddress
from app.storage_audit import AuditPlan, Progress, buckets_of, open_audit


class Found(list):
    """What one audit reported, and its tally."""

    tally = None

    @property
    def kinds(self):
        return sorted(each.discrepancy.__struct_config__.tag for each in self)

    def of(self, kind):
        return [each.discrepancy for each in self if each.discrepancy.__struct_config__.tag == kind]


async def audit(environment, **plan):
    """All pages of one audit."""
    settings = audit_settings(environment)
    progress = Progress(buckets_of(settings))
    found = Found()
    async with open_audit(settings, AuditPlan(**plan), progress) as opened:
        await opened.expected()
        async for page in opened.pages():
            found += page
    found.tally = progress.tally
    return found


async def everything_in(administrator, environment):
    """Every version in the deployment's buckets: (bucket, key, is it a delete marker)."""
    buckets = sorted({environment[f"MINIO_BUCKET_{kind}"] for kind in ("MEDIA", "INVOICES", "INCOMING")})
    return [
        (bucket, found.object_name, found.is_delete_marker)
        for bucket in buckets
        async for found in administrator.list_objects(bucket, recursive=True, include_version=True)
    ]


async def row_of(rows, asked):
    return await rows.fetchrow("SELECT * FROM media.media_objects WHERE id = $1", asked["id"])


def address_of(row):
    return ObjectAddress(row["bucket_name"], row["storage_path"])


async def lose(administrator, row):
    """Remove the bytes that a row is served from, as no part of the service would."""
    version = DeleteObject(row["storage_path"], row["version_id"])
    assert await administrator.remove_objects(row["bucket_name"], [version]) == []


async def replace(administrator, row, data):
    """Other bytes where a row is served from, under its very version and ETag: only their hash can tell."""
    await lose(administrator, row)
    forged = {
        "x-minio-source-replication-request": "true",
        "x-minio-source-etag": row["etag"],
        "x-minio-source-mtime": "2026-11-20T10:00:00.000Z",
        "content-type": row["mime_type"],
    }
    query = {"versionId": row["version_id"]} if row["version_id"] else {}
    await administrator._execute(
        "PUT", row["bucket_name"], row["storage_path"], body=data, headers=forged, query_params=query
    )


async def read(administrator, address):
    response = await administrator.get_object(address.bucket, address.key)
    async with response:
        return await response.read()


@contextlib.asynccontextmanager
async def nothing_changes(administrator, environment):
    before = await everything_in(administrator, environment)
    yield
    assert await everything_in(administrator, environment) == before


async def put_bytes(administrator, bucket, key, data=b"nobody's"):
    await administrator.put_object(bucket, key, io.BytesIO(data), len(data), content_type="image/png")
    return ObjectAddress(bucket, key)
