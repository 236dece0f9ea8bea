"""The bytes really pass the service by: a gigabyte goes in and out (in place), and its processes don't grow."""

import hashlib

import psutil
import pytest

from tests import samples
from tests.stories.verbs import Sample, ask, put, settled

_FILE_BYTES = 10_000_000
_FILES = {"in place": 100, "quarantine": 25}  # storage copies each file: a quarter must do
_WARM_UP = 10
_CHUNK_BYTES = 1_000_000
_LIMIT_BYTES = 20_000_000


@pytest.mark.timeout(180)
async def test_processes_stay_as_small_as_they_were(user, anyone, stack, mode):
    content = samples.pdf(size=_FILE_BYTES)
    file = Sample("large.pdf", "application/pdf", "pdf", content)
    expected = hashlib.sha256(content).digest()
    processes = [psutil.Process(pid) for pid in (*stack["pids"]["api"], *stack["pids"]["worker"])]
    for _ in range(_WARM_UP):
        await there_and_back(user, anyone, file, expected)
    before = most = [process.memory_info().rss for process in processes]

    for _ in range(_FILES[mode]):
        await there_and_back(user, anyone, file, expected)
        most = [max(rss, process.memory_info().rss) for rss, process in zip(most, processes, strict=True)]

    grown = [rss - first for rss, first in zip(most, before, strict=True)]
    assert max(grown) < _LIMIT_BYTES, grown


async def there_and_back(user, anyone, file, expected):
    asked = await ask(user, file)
    await put(anyone, asked, in_chunks(memoryview(file.content)))
    assert (await settled(user, asked["id"]))["status"] == "ready"
    link = (await user.get(f"/api/v1/media/{asked['id']}/download")).headers["location"]
    digest = hashlib.sha256()
    async with anyone.stream("GET", link) as response:
        async for chunk in response.aiter_raw():
            digest.update(chunk)
    assert digest.digest() == expected
    assert (await user.delete(f"/api/v1/media/{asked['id']}")).status_code == 204


async def in_chunks(content):
    for start in range(0, len(content), _CHUNK_BYTES):
        yield content[start : start + _CHUNK_BYTES]
