"""A URL ends when it says so."""

import asyncio

import pytest

from tests.story import ask, link_to, make_ready, put, storage_code, unique_png


@pytest.fixture
def environment(environment):
    return {**environment, "UPLOAD_URL_TTL_SECONDS": "1", "DOWNLOAD_URL_TTL_SECONDS": "1"}


async def refused(request):
    """The first answer that is a refusal: until then the URL lives."""
    async with asyncio.timeout(10):
        while True:
            response = await request()
            if response.status_code == 403:
                return response
            await asyncio.sleep(0.02)


async def test_neither_a_put_nor_a_get_is_answered_after_its_url_expired(
    api, storage, user, administrator, environment
):
    data = unique_png()
    link = await link_to(api, user, (await make_ready(api, storage, user, data))["id"])
    asked = await ask(api, user, data[:-1])
    late = await refused(lambda: storage.get(link))
    assert storage_code(late) == "AccessDenied"
    assert "expired" in late.text
    late = await refused(lambda: put(storage, asked, data[:-2], **{"content-length": str(len(data) - 2)}))
