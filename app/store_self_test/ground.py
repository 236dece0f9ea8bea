"""Where the checks write: keys of this run's own, in the real buckets. All of them are removed, in all their versions,
when it ends, is interrupted or fails.
"""

import asyncio
import base64
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Coroutine, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar

import httpx

from app import object_store
from app.config import ApiSettings, Identity
from app.errors import StorageUnavailable
from app.media import COPIES_PREFIX, UPLOADS_PREFIX, ObjectAddress
from app.object_store import ObjectStore
from app.signing import signer_of
from app.stored_objects import CACHE_CONTROL

BODY: Final = b"The store's self-test wrote this."
SHA256: Final = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
# As the service signs an upload.
SIGNED: Final = {
    "cache-control": CACHE_CONTROL,
    "content-length": str(len(BODY)),
    "content-type": "text/plain",
    "if-none-match": "*",
    "x-amz-checksum-sha256": SHA256,
}
# No bytes have it, so storage writes nothing, whatever it thinks of the signature.
WRONG_SHA256: Final = base64.b64encode(bytes(32)).decode()
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_URL_SECONDS: Final = 60
_TIMEOUT_SECONDS: Final = 10

T = TypeVar("T")


class Ground:
    """What a check works with: keys, signatures, requests as clients make them, and the worker's view."""

    def __init__(self, settings: ApiSettings, client: httpx.AsyncClient, worker: ObjectStore) -> None:
        self.settings = settings
        self.worker = worker
        self._client = client
        self._name = f"self-test/{secrets.token_hex(8)}"
        self._taken: list[ObjectAddress] = []
        self._under_way: set[asyncio.Task[Any]] = set()

    def upload_key(self) -> ObjectAddress:
        """Where uploads land."""
        return self._key(self.settings.storage.bucket_incoming, UPLOADS_PREFIX)

    def copy_key(self) -> ObjectAddress:
        """Where files are served from."""
        return self._key(self.settings.storage.bucket_media, COPIES_PREFIX)

    def invoice_key(self) -> ObjectAddress:
        return self._key(self.settings.storage.bucket_invoices, "")

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Storage as clients reach it, and as the service does, if that is another address."""
        return tuple(dict.fromkeys((self.settings.storage_public_url, self.settings.storage.url)))

    def _key(self, bucket: str, prefix: str) -> ObjectAddress:
        self._taken.append(ObjectAddress(bucket, f"{prefix}{self._name}-{len(self._taken)}"))
        return self._taken[-1]

    def url(
        self,
        identity: Identity,
        method: str,
        address: ObjectAddress,
        headers: Mapping[str, str] = _NONE,
        *,
        base_url: str | None = None,
    ) -> str:
        """Presigned for where clients reach storage, or for another address of it."""
        settings = self.settings
        signer = signer_of(settings.storage, identity, base_url or settings.storage_public_url)
        now = datetime.now(UTC)
        return signer.presign(
            method, address.bucket, address.key, now=now, expires_seconds=_URL_SECONDS, headers=headers
        )

    def upload_url(self, address: ObjectAddress, headers: Mapping[str, str] = SIGNED) -> str:
        """As a client gets it."""
        return self.url(self.settings.uploader, "PUT", address, headers)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str] = _NONE, body: bytes | None = None
    ) -> httpx.Response:
        """One request as a client makes it. Raises StorageUnavailable without an answer, or if that says so."""
        try:
            response = await self.finish(self._client.request(method, url, headers=dict(headers), content=body))
        except httpx.TransportError as error:
            raise StorageUnavailable from error
        if response.is_server_error:
            raise StorageUnavailable from httpx.HTTPStatusError(
                str(response.status_code), request=response.request, response=response
            )
        return response

    async def finish(self, request: Coroutine[Any, Any, T]) -> T:
        """A request that no interruption cuts off: what was written after we looked away could not be removed."""
        task = asyncio.create_task(request)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def clean(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self.worker.remove(self._taken)


def without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {other: value for other, value in headers.items() if other != name}


@contextlib.asynccontextmanager
async def open_ground(settings: ApiSettings) -> AsyncIterator[Ground]:
    async with (
        httpx.AsyncClient(timeout=_TIMEOUT_SECONDS) as client,
        object_store.connect(settings.storage, settings.storage.worker) as worker,
    ):
        ground = Ground(settings, client, worker)
        try:
            yield ground
        finally:
            await ground.clean()
