"""MinIO as the worker identity sees it: look at an object, copy it, remove it. Importer of miniopy_async, with
object_store_admin.py, which provisions.

Bytes never pass through here, except the first few KiB that `look` reads, and invoices, which are made here. Whatever
keeps storage from answering becomes StorageUnavailable; an object that isn't there is None or nothing to remove.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final, TypeVar
from urllib.parse import quote
from xml.etree.ElementTree import ParseError

import aiohttp
import msgspec
from miniopy_async.api import Minio
from miniopy_async.datatypes import parse_copy_object, parse_list_objects
from miniopy_async.deleteobjects import DeleteObject
from miniopy_async.error import MinioException, S3Error, ServerError
from miniopy_async.versioningconfig import OFF
from multidict import CIMultiDict

from app.config import Identity, Storage
from app.errors import StorageUnavailable
from app.media import ObjectAddress
from app.stored_objects import (
    CACHE_CONTROL,
    Continuation,
    Copied,
    HashedCopy,
    ListedPage,
    StoredHead,
    StoredObject,
    StoredPdf,
    StoredVersion,
    Unreadable,
    checksum_of,
    unusual_headers,
)

_GONE: Final = ("NoSuchKey", "NoSuchVersion")
_EMPTY: Final = "InvalidRange"  # what a ranged GET of an object without bytes answers
_UNREADABLE: Final = ("InvalidRequest", "SSEEncryptedObject", "InvalidObjectState")  # e.g. encrypted by the uploader
NOT_ALLOWED: Final = "AccessDenied"
_COVERED_UP: Final = "MethodNotAllowed"  # what a HEAD of a delete marker answers
# Refusals that say something of storage or of us; all others of a copy say something of the object.
_NOT_THE_OBJECT: Final = (
    NOT_ALLOWED,
    "InvalidAccessKeyId",
    "NoSuchBucket",
    "RequestTimeout",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "SlowDown",
    "SlowDownWrite",
    "XMinioServerNotInitialized",
    "XMinioStorageFull",
)
_THERE_ALREADY: Final = "PreconditionFailed"
_ORDER_SHA256: Final = "x-amz-meta-order-sha256"
_TEMPLATE_VERSION: Final = "x-amz-meta-template-version"
_BROKEN: Final = 500  # HEAD has no body that says more
_PAGE_VERSIONS: Final = 1000  # as many as storage lists at once
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.5

T = TypeVar("T")


class Patience(msgspec.Struct, frozen=True):
    """How long storage may take to answer, to copy, which may be terabytes, and to list or remove many."""

    answer_seconds: float
    copy_seconds: float
    many_seconds: float


WORKING: Final = Patience(answer_seconds=10, copy_seconds=1_800, many_seconds=60)
# Someone waits for the answer. What takes longer is done by a worker, who hears of every upload and every removal.
ANSWERING: Final = Patience(answer_seconds=3, copy_seconds=10, many_seconds=3)


class ObjectStore:
    """Storage through one signing identity."""

    def __init__(self, client: Minio, patience: Patience = WORKING) -> None:
        self._client = client
        self._patience = patience
        self._versioned: dict[str, bool] = {}

    async def look(self, address: ObjectAddress, length: int) -> StoredObject | Unreadable | None:
        """Size, stored headers and the first `length` bytes, in one ranged GET. None: no such object."""
        try:
            async with _answering(self._patience.answer_seconds):
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
            other_headers=unusual_headers(headers),
        )

    async def checksum(self, address: ObjectAddress, version_id: str | None) -> str | None:
        """The SHA-256 (base64) that storage keeps with an object, as a ranged GET does not carry it."""
        try:
            async with _answering(self._patience.answer_seconds):
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
            async with _answering(self._patience.copy_seconds):
                checksum, _ = await self._ask_to_copy(source, None, target, content_type)
        except S3Error as error:
            return _absent_or_unreadable(error)
        return Copied(checksum)

    async def list_versions(self, bucket: str, continuation: Continuation | None) -> ListedPage:
        """A page of all that is in a bucket, delete markers too. Later pages may be as old as the first."""
        query: dict[str, str | list[str] | tuple[str]] = {
            "versions": "",
            "encoding-type": "url",
            "delimiter": "",
            "prefix": "",
            "max-keys": str(_PAGE_VERSIONS),
            "key-marker": continuation.key_marker if continuation else "",
            "version-id-marker": continuation.version_id_marker if continuation else "",
        }
        try:
            async with _answering(self._patience.many_seconds):
                response = await self._client._execute("GET", bucket, query_params=query)  # noqa: SLF001
                async with response:
                    return _listed_page(await response.text())
        except S3Error as error:
            raise StorageUnavailable from error

    async def head(self, address: ObjectAddress, version_id: str | None) -> StoredHead | Unreadable | None:
        """Size and ETag of a version, or of the latest. None: it is not there, or covered up.

        Unreadable: storage can't read it, or does not let us (NOT_ALLOWED).
        """
        try:
            async with _answering(self._patience.answer_seconds):
                found = await self._client.stat_object(address.bucket, address.key, version_id=version_id)
        except S3Error as error:
            if error.code == NOT_ALLOWED:
                return Unreadable(NOT_ALLOWED)
            return StoredHead(is_delete_marker=True) if error.code == _COVERED_UP else _absent_or_unreadable(error)
        except StorageUnavailable as error:
            if isinstance(error.__cause__, ServerError) and error.__cause__.status_code == _BROKEN:
                return Unreadable("InternalError")
            raise
        return StoredHead(found.size or 0, (found.etag or "").strip('"'), found.content_type or "")

    async def copy_version(
        self, source: ObjectAddress, version_id: str | None, target: ObjectAddress, content_type: str
    ) -> HashedCopy | Unreadable | None:
        """Copy a version, or the latest, server-side. None: no such source. Unreadable: storage can't copy this one."""
        try:
            async with _answering(self._patience.copy_seconds):
                checksum, answer = await self._ask_to_copy(source, version_id, target, content_type)
                etag, _ = parse_copy_object(answer)
        except S3Error as error:
            if error.code in (*_GONE, _COVERED_UP):
                return None
            if error.code in _NOT_THE_OBJECT:
                raise StorageUnavailable from error
            return Unreadable(str(error.code))
        return HashedCopy(checksum, etag.strip('"'))

    async def _ask_to_copy(
        self, source: ObjectAddress, version_id: str | None, target: ObjectAddress, content_type: str
    ) -> tuple[str | None, str]:
        """The checksum of what storage wrote, and its answer. Nothing that the uploader put there comes along."""
        # miniopy's copy_object turns into a multipart copy over 5 GiB, whose checksum is one of checksums.
        # MinIO copies any size in one request (docs/decisions/0004), so ask for just that.
        named = quote(f"/{source.bucket}/{source.key}") + (f"?versionId={version_id}" if version_id else "")
        headers: dict[str, str | list[str] | tuple[str]] = {
            "content-type": content_type,
            "cache-control": CACHE_CONTROL,
            "x-amz-copy-source": named,
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-metadata-directive": "REPLACE",
            "x-amz-tagging-directive": "REPLACE",
        }
        response = await self._client._execute("PUT", target.bucket, target.key, headers=headers)  # noqa: SLF001
        async with response:
            return response.headers.get("x-amz-checksum-sha256"), await response.text()

    async def remove_version(self, address: ObjectAddress, version_id: str) -> bool:
        """Remove one version of an object, or its delete marker, and no other. Returns whether it is gone."""
        try:
            async with _answering(self._patience.many_seconds):
                errors = await self._client.remove_objects(address.bucket, [DeleteObject(address.key, version_id)])
        except S3Error as error:
            raise StorageUnavailable from error
        return all(error.code in _GONE for error in errors)

    async def remove(self, addresses: Iterable[ObjectAddress]) -> list[ObjectAddress]:
        """Remove objects, one request for each bucket. Returns those that are gone, whether or not they were there."""
        by_bucket: dict[str, list[ObjectAddress]] = {}
        for address in addresses:
            by_bucket.setdefault(address.bucket, []).append(address)
        removed = [await self._remove_from(bucket, batch) for bucket, batch in by_bucket.items()]
        return [address for batch in removed for address in batch]

    async def _remove_from(self, bucket: str, batch: list[ObjectAddress]) -> list[ObjectAddress]:
        try:
            async with _answering(self._patience.many_seconds):
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

    async def put_pdf(self, address: ObjectAddress, pdf: bytes, order_sha256: str, template_version: str) -> StoredPdf:
        """Write an invoice's PDF where nothing is yet. What is there already stays, and is told instead."""
        checksum = checksum_of(pdf)
        headers: dict[str, str | list[str] | tuple[str]] = {
            "content-type": "application/pdf",
            "cache-control": CACHE_CONTROL,
            "if-none-match": "*",
            "x-amz-checksum-sha256": checksum,
            _ORDER_SHA256: order_sha256,
            _TEMPLATE_VERSION: template_version,
        }
        try:
            async with _answering(self._patience.answer_seconds):
                response = await self._client._execute(  # noqa: SLF001
                    "PUT", address.bucket, address.key, body=pdf, headers=headers
                )
                async with response:
                    told = response.headers
        except S3Error as error:
            if error.code != _THERE_ALREADY:
                raise StorageUnavailable from error
            return await self._stored_pdf(address)
        etag, version_id = told["ETag"].strip('"'), told.get("x-amz-version-id")
        return StoredPdf(len(pdf), etag, version_id, checksum, order_sha256, template_version)

    async def _stored_pdf(self, address: ObjectAddress) -> StoredPdf:
        try:
            async with _answering(self._patience.answer_seconds):
                found = await self._client.stat_object(
                    address.bucket, address.key, extra_headers={"x-amz-checksum-mode": "ENABLED"}
                )
        except S3Error as error:
            raise StorageUnavailable from error
        told = CIMultiDict(found.metadata or {})
        return StoredPdf(
            found.size or 0,
            (found.etag or "").strip('"'),
            found.version_id,
            told.get("x-amz-checksum-sha256"),
            told.get(_ORDER_SHA256, ""),
            told.get(_TEMPLATE_VERSION, ""),
        )

    async def ping(self, bucket: str) -> None:
        """Raises StorageUnavailable if storage does not answer, or has no such bucket for this identity."""
        try:
            async with _answering(self._patience.answer_seconds):
                found = await self._client.bucket_exists(bucket)
        except S3Error as error:
            raise StorageUnavailable from error
        if not found:
            raise StorageUnavailable


@contextlib.asynccontextmanager
async def connect(
    storage: Storage, identity: Identity, *, connections: int = 64, patience: Patience = WORKING
) -> AsyncIterator[ObjectStore]:
    """A client for one identity. Connects when first used; makes no retries of its own."""
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=30)
    timeout = aiohttp.ClientTimeout(total=None, connect=5)
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
            ),
            patience,
        )


async def steadily(ask: Callable[[], Awaitable[T | Unreadable]]) -> T | Unreadable:
    """What storage says again and again: that it can't read an object may be a passing trouble of its own."""
    for _ in range(_TRIES):
        said = await ask()
        if not isinstance(said, Unreadable):
            return said
        if said.code == NOT_ALLOWED:  # which says nothing of the object
            raise StorageUnavailable
        await asyncio.sleep(_PAUSE_SECONDS)
    return said


def _listed_page(answer: str) -> ListedPage:
    objects, is_truncated, key_marker, version_id_marker = parse_list_objects(answer)
    versions = [
        StoredVersion(
            key=listed.object_name,
            version_id=listed.version_id or "null",
            is_latest=str(listed.is_latest).lower() == "true",
            is_delete_marker=listed.is_delete_marker,
            size_bytes=listed.size or 0,
            etag=listed.etag or "",
            last_modified=listed.last_modified,
        )
        for listed in objects
        if listed.object_name is not None and listed.last_modified is not None  # each has both
    ]
    versions.sort(key=lambda version: version.key)  # as bytes, too: UTF-8 keeps the order of code points
    continuation = Continuation(key_marker or "", version_id_marker or "") if is_truncated else None
    return ListedPage(versions, continuation)


def _absent_or_unreadable(error: S3Error) -> Unreadable | None:
    if error.code in _GONE:
        return None
    if error.code in _UNREADABLE:
        return Unreadable(str(error.code))
    raise StorageUnavailable from error


@contextlib.asynccontextmanager
async def _answering(seconds: float) -> AsyncIterator[None]:
    """What keeps storage from answering in time becomes StorageUnavailable."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except S3Error:
        raise
    except (
        TimeoutError,
        aiohttp.ClientError,
        asyncio.IncompleteReadError,
        OSError,
        MinioException,
        ParseError,
    ) as error:
        raise StorageUnavailable from error
