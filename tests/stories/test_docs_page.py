"""The docs page needs no other host."""

import re
from urllib.parse import urljoin, urlsplit

import pytest


@pytest.fixture
async def page(anyone, stack):
    response = await anyone.get(f"{stack['api_url']}/docs", follow_redirects=True)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    return response


async def test_all_that_the_docs_page_loads_is_there(anyone, page):
    assets = {urljoin(str(page.url), found) for found in re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)}
    assert any(asset.endswith(".js") for asset in assets)
    assert any(asset.endswith(".css") for asset in assets)
    for asset in assets:
        answer = await anyone.get(asset)
        assert (answer.status_code, bool(answer.content)) == (200, True), asset


async def test_the_docs_page_names_no_other_host(page, stack):
    named = {urlsplit(url).netloc for url in re.findall(r"""(?:https?:)?//[\w.-]+\.[\w.:-]+[^\s"'<>]*""", page.text)}
    assert named <= {urlsplit(stack["api_url"]).netloc}
