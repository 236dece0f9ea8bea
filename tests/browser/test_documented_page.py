"""The page of docs/clients.md, as it stands there."""

import hashlib

import pytest

from tests.browser.test_downloads import DIGEST

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

_OFFERED = """
    const link = document.querySelector('a');
    await new Promise(resolve => {
        if (link.textContent) resolve();
        new MutationObserver(resolve).observe(link, { childList: true });
    });
    return [link.textContent, link.download, await digest(await fetch(link.href))];
"""


async def test_it_uploads_a_file_and_offers_it_again(page, running, origin, pictures):
    (picture,) = pictures(1, side=300)
    await page.open(f"{origin}/documented.html?api={running.stack['api_url']}#{running.stack['tokens']['user']}")
    await page.choose("input", picture)
    offered = await page.run(DIGEST + _OFFERED)
    assert offered == ["ready", picture.name, hashlib.sha256(picture.read_bytes()).hexdigest()]
