"""A month's end: billing announces thousands of invoices at once, and workers are killed while they make them.

`make month-end INVOICES=10000` prints what came of it, and exits with 1 unless each is one PDF, one row and one event.
"""

import asyncio
import json
import logging
import random
import sys
import time

import msgspec
import nats
import structlog

from tests.faults.ground import open_ground
from tests.faults.listening import Heard, read_again
from tests.invoices.orders import generated, order
from tests.story import client_of, sha256_of

SUBJECT = "billing.invoice.generated"
_PATIENCE_SECONDS = 60.0  # without any progress
_DOWNLOADED = 200
_AT_ONCE = 200


class Result(msgspec.Struct):
    """What was asked, what came of it, and what is wrong with that."""

    announced: int
    made: int
    kills: int
    seconds: float
    wrong: list[str]


async def month_end(invoices: int, *, killed=("worker-1", "worker-2")) -> Result:
    """Two workers make them; each that is to be killed is once, in turn, at equal shares of the way."""
    async with open_ground("in place") as ground:
        numbers = [f"FY26-27-INV-{number:06d}" for number in range(1, invoices + 1)]
        await _announce(ground, numbers)
        began = time.monotonic()
        for turn, worker in enumerate(killed, start=1):
            await _until_made(ground, invoices * turn // (len(killed) + 1))
            await ground.kill(worker)
            await ground.start_part(worker)
        await _until_made(ground, invoices)
        seconds = time.monotonic() - began
        await _until_announced(ground)
        wrong = [problem async for problem in _problems(ground, numbers)]
        return Result(invoices, invoices, len(killed), seconds, wrong + ground.failures())


async def _announce(ground, numbers) -> None:
    """As fast as NATS takes them."""
    client = await nats.connect(ground.addresses.nats_url)
    stream = client.jetstream()
    for start in range(0, len(numbers), _AT_ONCE):
        batch = numbers[start : start + _AT_ONCE]
        await asyncio.gather(*(stream.publish(SUBJECT, generated(order(number)), timeout=20) for number in batch))
    await client.close()


async def _until_made(ground, count) -> None:
    await _until(ground, "SELECT count(*) FROM media.media_objects", lambda made: made >= count)


async def _until_announced(ground) -> None:
    await _until(ground, "SELECT -count(*) FROM media.outbox WHERE published_at IS NULL", lambda left: left == 0)


async def _until(ground, sql, is_enough) -> None:
    """Raises TimeoutError when the number has not grown for long."""
    async with ground.database() as database:
        before, since = None, time.monotonic()
        while not is_enough(found := await database.fetchval(sql)):
            if found != before:
                before, since = found, time.monotonic()
            elif time.monotonic() - since > _PATIENCE_SECONDS:
                raise TimeoutError(f"{found}: {sql}")
            await asyncio.sleep(0.05)


async def _problems(ground, numbers):
    async with ground.database() as database:
        rows = await database.fetch(
            """SELECT i.invoice_number, m.id::text, m.status, m.storage_path, m.file_size, m.etag, m.checksum_sha256
               FROM media.invoices AS i LEFT JOIN media.media_objects AS m ON m.id = i.media_id"""
        )
    if sorted(row["invoice_number"] for row in rows) != numbers:
        yield f"{len(rows)} rows, not one for each number"
    if any(row["status"] != "ready" for row in rows):
        yield "a row is not ready"
    async with client_of(ground.addresses, ground.secrets.root) as storage:
        stored = {
            listed.object_name: (listed.size, (listed.etag or "").strip('"'))
            async for listed in storage.list_objects(ground.buckets.invoices, recursive=True)
        }
        if stored != {row["storage_path"]: (row["file_size"], row["etag"]) for row in rows}:
            yield f"{len(stored)} PDFs in storage, and they are not those of the rows"
        for row in random.sample(rows, min(_DOWNLOADED, len(rows))):
            response = await storage.get_object(ground.buckets.invoices, row["storage_path"])
            async with response:
                if sha256_of(await response.read()) != row["checksum_sha256"]:
                    yield f"{row['storage_path']} has other bytes"
    heard = Heard()
    await read_again(ground, heard)
    told = sorted(media_id for event_type, media_id, _ in heard.events.values() if event_type == "MediaUploaded")
    if told != sorted(row["id"] for row in rows):
        yield f"{len(told)} events, not one for each invoice"


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    result = asyncio.run(month_end(int(sys.argv[1])))
    print(
        json.dumps({**msgspec.structs.asdict(result), "per_second": round(result.made / result.seconds, 1)}, indent=2)
    )
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
