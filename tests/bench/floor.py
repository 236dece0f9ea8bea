"""What storage alone takes, in the same run: a plain PUT of the same bytes, and a ranged GET of their beginning."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from app.presign import Signer
from tests.bench.table import Table

_FIRST_BYTES = 4096


async def measure_floor(stack: dict, storage, file: bytes, count: int, table: Table) -> None:
    """Signed by root, under a prefix that nobody is told of."""
    root, bucket = stack["minio_root"], stack["buckets"]["media"]
    signer = Signer(
        base_url=stack["minio_url"],
        region="us-east-1",
        access_key=root["access_key"],
        secret_key=root["secret_key"],
    )

    def url(method: str, number: int) -> str:
        return signer.presign(method, bucket, f"bench/{number}", now=datetime.now(UTC), expires_seconds=600)

    async def put(number: int) -> None:
        async with storage.put(url("PUT", number), data=file) as response:
            assert response.status == 200, await response.text()

    async def first_bytes(number: int) -> None:
        headers = {"Range": f"bytes=0-{_FIRST_BYTES - 1}"}
        async with storage.get(url("GET", number), headers=headers) as response:
            assert (response.status, len(await response.read())) == (206, _FIRST_BYTES)

    table.latency("storage alone: PUT of the same bytes", await _each(put, count))
    table.latency("storage alone: ranged GET of 4 KiB", await _each(first_bytes, count))


async def _each(call: Callable[[int], Awaitable[None]], count: int) -> list[float]:
    seconds = []
    for number in range(count):
        began = time.perf_counter()
        await call(number)
        seconds.append(time.perf_counter() - began)
    return seconds
