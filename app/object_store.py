"""MinIO as the worker identity sees it: look at an object, copy it, remove it. Importer of miniopy_async, with
object_store_admin.py, which provisions.

Bytes never pass through here, except the first few KiB that `look` reads. Whatever keeps storage from answering becomes
StorageUnavailable; an object that isn't there is None or nothing to remove.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final
from urllib.parse import quote

import aiohttp
import msgspec
from miniopy_async.api import Minio
from miniopy_async.deleteobjects import DeleteObject
from miniopy_async.error import MinioException, S3Error
from miniopy_async.versioningconfig import OFF
from multidict import CIMultiDict

from app.config import Identity, Storage
from app.errors import StorageUnavailable
from app.media import ObjectAddress

_GONE: Final = ("NoSuchKey", "NoSuchVersion")
_EMPTY: Final = "InvalidRange"  # what a ranged GET of an object without bytes answers
_UNREADABLE: Final = ("InvalidRequest", "SSEEncryptedObject", "InvalidObjectState")  # e.g. encrypted by the uploader

# What every object has; any other header that storage gives back was put there by the uploader.
_USUAL_HEADERS: Final = frozenset(
    {
        "accept-ranges",
        "connection",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "etag",
        "last-modified",
        "server",
        "strict-transport-security",
        "vary",
        "x-amz-bucket-region",
        "x-amz-id-2",
        "x-amz-request-id",
        "x-amz-version-id",
        "x-content-type-options",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-xss-protection",
    }
)


class StoredObject(msgspec.Struct, frozen=True):
    """What one ranged GET tells of an object."""

    size_bytes: int
    first_bytes: bytes
    etag: str
    version_id: str | None
    content_type: str
    other_headers: tuple[str, ...]


class Unreadable(msgspec.Struct, frozen=True):
    """An object that storage has, but does not give to the worker: its uploader encrypted it with a key of its own."""

    code: str


class Copied(msgspec.Struct, frozen=True):
    """The SHA-256 (base64) that storage computed over the bytes that it wrote."""

    checksum_sha256: str | None


class ObjectStore:
    """Storage through one signing identity."""

    def __init__(self, client: Minio) -> None:
        self._client = client
        self._versioned: dict[str, bool] = {}

    async def look(self, address: ObjectAddress, length: int) -> StoredObject | Unreadable | None:
        """Size, stored headers and the first `length` bytes, in one ranged GET. None: no such object."""
        try:
            with _unreachable_is_unavailable():
                response = await self._client.get_object(address.bucket, address.key, offset=0, length=length)
                async with response:
                    first_bytes = await response.content.readexactly(
                        min(length, int(response.headers["Content-Length"]))
                    )
        except S3Error as error:
            if error.code == _EMPTY:
                return StoredObject(0, b"", "", None, "", ())
            return _absent_or_unreadable(error)
        headers = response.headers
        return StoredObject(
            size_bytes=int(headers["Content-Range"].rpartition("/")[2]),
            first_bytes=first_bytes,
            etag=headers["ETag"].strip('"'),
            version_id=headers.get("x-amz-version-id"),
            content_type=headers.get("Content-Type", ""),
            other_headers=tuple(sorted({name.lower() for name in headers} - _USUAL_HEADERS)),
        )

    async def checksum(self, address: ObjectAddress, version_id: str | None) -> str | None:
        """The SHA-256 (base64) that storage keeps with an object, as a ranged GET does not carry it."""
        try:
            with _unreachable_is_unavailable():
                found = await self._client.stat_object(
                    address.bucket,
                    address.key,
                    version_id=version_id,
                    extra_headers={"x-amz-checksum-mode": "ENABLED"},
                )
        except S3Error as error:
            _absent_or_unreadable(error)
            return None
        return CIMultiDict(found.metadata or {}).get("x-amz-checksum-sha256")

    async def copy(self, source: ObjectAddress, target: ObjectAddress, content_type: str) -> Copied | Unreadable | None:
        """Copy server-side without the headers that came with the source. None: no such source."""
        try:
            with _unreachable_is_unavailable():
                # miniopy's copy_object turns into a multipart copy over 5 GiB, whose checksum is one of checksums.
                # MinIO copies any size in one request (docs/decisions/0004), so ask for just that.
                response = await self._client._execute(  # noqa: SLF001
                    "PUT",
                    target.bucket,
                    target.key,
                    headers={
                        "content-type": content_type,
                        "x-amz-copy-source": quote(f"/{source.bucket}/{source.key}"),
                        "x-amz-checksum-algorithm": "SHA256",
                        "x-amz-metadata-directive": "REPLACE",
                        "x-amz-tagging-directive": "REPLACE",
                    },
                )
                async with response:
                    await response.read()
        except S3Error as error:
            return _absent_or_unreadable(error)
        return Copied(response.headers.get("x-amz-checksum-sha256"))

    async def remove(self, addresses: Iterable[ObjectAddress]) -> list[ObjectAddress]:
        """Remove objects, one request for each bucket. Returns those that are gone, whether or not they were there."""
        by_bucket: dict[str, list[ObjectAddress]] = {}
        for address in addresses:
            by_bucket.setdefault(address.bucket, []).append(address)
        removed = [await self._remove_from(bucket, batch) for bucket, batch in by_bucket.items()]
        return [address for batch in removed for address in batch]

    async def _remove_from(self, bucket: str, batch: list[ObjectAddress]) -> list[ObjectAddress]:
        try:
            with _unreachable_is_unavailable():
                doomed = await self._all_versions(bucket, batch)
                errors = await self._client.remove_objects(bucket, doomed)
        except S3Error as error:
            raise StorageUnavailable from error
        failed = {error.name for error in errors if error.code not in _GONE}
        return [address for address in batch if address.key not in failed]

    async def _all_versions(self, bucket: str, batch: list[ObjectAddress]) -> list[DeleteObject]:
        """What to delete so that nothing of these keys stays: without its version, an object is only covered up."""
        if not await self._keeps_versions(bucket):
            return [DeleteObject(address.key) for address in batch]
        listed = await asyncio.gather(*(self._versions(address) for address in batch))
        return [version for versions in listed for version in versions]

    async def _versions(self, address: ObjectAddress) -> list[DeleteObject]:
        found = self._client.list_objects(address.bucket, prefix=address.key, include_version=True)
        return [
            DeleteObject(address.key, version.version_id)
            async for version in found
            if version.object_name == address.key
        ]

    async def _keeps_versions(self, bucket: str) -> bool:
        if bucket not in self._versioned:
            status = (await self._client.get_bucket_versioning(bucket)).status
            self._versioned[bucket] = status != OFF
        return self._versioned[bucket]

    async def ping(self, bucket: str) -> None:
        """Raises StorageUnavailable if storage does not answer, or has no such bucket for this identity."""
        try:
            with _unreachable_is_unavailable():
                found = await self._client.bucket_exists(bucket)
        except S3Error as error:
            raise StorageUnavailable from error
        if not found:
            raise StorageUnavailable


@contextlib.asynccontextmanager
async def connect(storage: Storage, identity: Identity, *, connections: int = 64) -> AsyncIterator[ObjectStore]:
    """A client for one identity. Connects when first used; makes no retries of its own."""
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=30)
    timeout = aiohttp.ClientTimeout(total=1800, connect=5, sock_read=600)
    # What an uploader stored as gzip is not unpacked here; and so that answers aren't either, none may be packed.
    plain = {"Accept-Encoding": "identity"}
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False, headers=plain
    ) as session:
        yield ObjectStore(
            Minio(
                storage.endpoint,
                access_key=identity.access_key,
                secret_key=identity.secret_key,
                secure=storage.secure,
                region=storage.region,
                session=session,
            )
        )


def _absent_or_unreadable(error: S3Error) -> Unreadable | None:
    if error.code in _GONE:
        return None
    if error.code in _UNREADABLE:
        return Unreadable(str(error.code))
    raise StorageUnavailable from error


@contextlib.contextmanager
def _unreachable_is_unavailable() -> Iterator[None]:
    try:
        yield
    except S3Error:
        raise
    except (TimeoutError, aiohttp.ClientError, asyncio.IncompleteReadError, OSError, MinioException) as error:
        raise StorageUnavailable from error
