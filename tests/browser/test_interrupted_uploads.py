"""Uploads that end in their middle, and what the page does then."""

import asyncio

import httpx
import pytest

from tests.browser.short_urls import api_with_short_urls

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

_THERE = {"in place": {412}, "quarantine": {412, 200}}
by_both = pytest.mark.parametrize("put", ["putByXhr", "putByFetch"])


@by_both
async def test_an_aborted_upload_is_sent_again_with_its_url(page, relay, pictures, served, put):
    (picture,) = pictures(1, side=1000)
    await page.choose("input", picture)
    asked = await page.run("return ask(files()[0])")
    with relay.uploads("stalled"):
        await page.run(
            "window.abort = new AbortController();"
            "window.first = window[put](asked.upload, files()[0], { signal: window.abort.signal }).catch(String)",
            put=put,
            asked=asked,
        )
        await relay.met()
        assert "abort" in await page.run("window.abort.abort(); return window.first")
    assert await page.run("return send(asked, files()[0], window[put])", asked=asked, put=put) == 200
    assert await served(await page.run("return settled(id)", id=asked["id"])) == picture.read_bytes()


@by_both
async def test_an_upload_cut_in_its_middle_is_sent_again_with_its_url(page, relay, pictures, served, put):
    (picture,) = pictures(1, side=1000)
    await page.choose("input", picture)
    asked = await page.run("return ask(files()[0])")
    page.provoked += [asked["upload"]["url"]]
    with relay.uploads("cut"):
        first = await page.run("return window[put](asked.upload, files()[0]).catch(String)", asked=asked, put=put)
        assert "rror" in str(first)
        await relay.met()
    assert await page.run("return send(asked, files()[0], window[put])", asked=asked, put=put) == 200
    assert await served(await page.run("return settled(id)", id=asked["id"])) == picture.read_bytes()


@by_both
async def test_an_upload_whose_answer_was_lost_is_sent_again_with_its_url(page, mode, relay, pictures, served, put):
    (picture,) = pictures(1, side=250)
    await page.choose("input", picture)
    asked = await page.run("return ask(files()[0])")
    page.provoked += [asked["upload"]["url"]]
    with relay.uploads("lost"):
        first = await page.run("return window[put](asked.upload, files()[0]).catch(String)", asked=asked, put=put)
        # On a connection that it had used before, a browser tries again by itself: then the page's first answer is 412.
        assert first == 412 or "rror" in str(first)
        await relay.met()
    again = await page.run("return send(asked, files()[0], window[put])", asked=asked, put=put)
    # In quarantine the bytes may have been moved to where they are served from; those that come after are dropped.
    assert again in _THERE[mode]
    assert await served(await page.run("return settled(id)", id=asked["id"])) == picture.read_bytes()


@by_both
async def test_an_upload_that_is_there_is_found_out_where_a_slow_line_hides_the_412(
    page, mode, relay, pictures, served, put
):
    (picture,) = pictures(1, side=1800)
    await page.choose("input", picture)
    asked = await page.run("return ask(files()[0])")
    page.provoked += [asked["upload"]["url"]]
    await page.run("await send(asked, files()[0]); await settled(asked.id)", asked=asked)
    # Storage refuses as soon as it has seen the headers, and closes the connection with most of the bytes unsent.
    with relay.uploads("slow"):
        again = await page.run("return window[put](asked.upload, files()[0]).catch(String)", asked=asked, put=put)
        assert again in _THERE[mode] or "rror" in str(again)
    media = await page.run("return resume(id, files()[0], window[put])", id=asked["id"], put=put)
    assert await served(media) == picture.read_bytes()


@by_both
async def test_an_upload_whose_url_has_ended_is_renewed(page, address, running, relay, pictures, served, put):
    (picture,) = pictures(1)
    async with api_with_short_urls(running, relay.url) as api_url:
        await page.open(address(api_url))
        await page.choose("input", picture)
        asked = await page.run("return ask(files()[0])")
    await _ended(asked["upload"])

    await page.open(address(running.stack["api_url"]))
    page.provoked += [asked["upload"]["url"]]
    await page.choose("input", picture)
    assert await page.run("return send(asked, files()[0], window[put])", asked=asked, put=put) == 200
    media = await page.run("return settled(id)", id=asked["id"])
    assert await served(media) == picture.read_bytes()


async def _ended(upload):
    """Until storage says so. It looks at the time before the signature, which these requests, without bytes, lack."""
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
        while "Request has expired" not in (await client.put(upload["url"], headers=upload["headers"])).text:
            await asyncio.sleep(0.1)


async def test_an_upload_goes_on_after_the_page_was_reloaded(page, relay, pictures, served):
    (picture,) = pictures(1, side=1000)
    await page.choose("input", picture)
    with relay.uploads("stalled"):
        await page.run("upload(files()[0], putByXhr).catch(() => {})")
        await relay.met()
        await page.reload()
    await page.choose("input", picture)
    media = await page.run("return resume(sessionStorage.upload, files()[0], putByXhr)")
    assert await served(media) == picture.read_bytes()
