"""A URL ends when it says so."""

import asyncio

import pytest

from tests.story import ask, link_to, make_ready, put, storage_code, stored, unique_png


@pytest.fixture
def environment(environment, life):
    return {**environment, life: "1"}


async def refusal(request):
    """The first answer 403: until then the URL lives."""
    async with asyncio.timeout(10):
        while True:
            response = await request()
            if response.status_code == 403:
                return response
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("life", ["UPLOAD_URL_TTL_SECONDS"])
async def test_no_put_is_taken_after_its_url_expired(api, storage, user, administrator, environment):
    data = unique_png()
    asked, asked_later = await ask(api, user, data), await ask(api, user, data[::-1])
    await refusal(lambda: put(storage, asked_later, data[::-1]))
    late = await put(storage, asked, data)
    assert (late.status_code, storage_code(late)) == (403, "AccessDenied")
    assert "expired" in late.text
    assert await stored(administrator, environment, data) == set()


@pytest.mark.parametrize("life", ["DOWNLOAD_URL_TTL_SECONDS"])
async def test_no_get_is_answered_after_its_url_expired(api, storage, user):
    asked = await make_ready(api, storage, user, unique_png())
    link = await link_to(api, user, asked["id"])
    late = await refusal(lambda: storage.get(link))
    assert "expired" in late.text
    assert (await storage.get(await link_to(api, user, asked["id"]))).status_code == 200
