"""The docs page needs no other host."""

import re
from urllib.parse import urljoin, urlsplit


async def test_the_docs_page_has_all_that_it_names_on_its_own_host(anyone, stack):
    docs = f"{stack['api_url']}/docs"
    page = await anyone.get(docs, follow_redirects=True)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")

    assets = {urljoin(docs, found) for found in re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)}
    assert any(asset.endswith(".js") for asset in assets)
    assert any(asset.endswith(".css") for asset in assets)
    for asset in assets:
        answer = await anyone.get(asset)
        assert (answer.status_code, bool(answer.content)) == (200, True), asset


async def test_the_docs_page_names_no_other_host(anyone, stack):
    page = (await anyone.get("/docs", follow_redirects=True)).text

    named = {urlsplit(url).netloc for url in re.findall(r"""(?:https?:)?//[\w.-]+\.[\w.:-]+[^\s"'<>]*""", page)}
    assert named <= {urlsplit(stack["api_url"]).netloc}
