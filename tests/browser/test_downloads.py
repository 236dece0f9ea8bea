"""A page shows and saves what was uploaded."""

import hashlib

import pytest
from PIL import Image

from tests import samples

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

DIGEST = """
    const digest = async answer => Array.from(
        new Uint8Array(await crypto.subtle.digest('SHA-256', await answer.arrayBuffer())),
        byte => byte.toString(16).padStart(2, '0'),
    ).join('');
"""


async def test_fetch_with_a_bearer_follows_the_redirect(page, pictures):
    (picture,) = pictures(1)
    await page.choose("input", picture)
    media = await page.run("return upload(files()[0])")
    answer = await page.run(
        DIGEST + "const answer = await download(id);"
        "return [answer.redirected, answer.headers.get('content-type'), await digest(answer)]",
        id=media["id"],
    )
    assert answer == [True, "image/png", hashlib.sha256(picture.read_bytes()).hexdigest()]


@pytest.mark.parametrize("more", [{}, {"crossOrigin": "anonymous"}], ids=["plain", "crossorigin"])
async def test_an_image_of_a_public_object_is_shown(page, pictures, more):
    (picture,) = pictures(1)
    await page.choose("input", picture)
    media = await page.run("return upload(files()[0], putByXhr, {}, { is_public: true })")
    size = await page.run(
        "const image = await shown(url, more); return [image.naturalWidth, image.naturalHeight]",
        url=media["download_url"],
        more=more,
    )
    assert size == [60, 60]


@pytest.mark.parametrize("link", ["media.download_url", "await linkTo(media.id)"], ids=["redirected", "presigned"])
async def test_a_canvas_can_be_read_after_an_image_of_another_origin_was_drawn(page, pictures, link):
    (picture,) = pictures(1)
    await page.choose("input", picture)
    media = await page.run("return upload(files()[0], putByXhr, {}, { is_public: true })")
    # Shown without CORS first: what the browser has kept of that must do for the canvas, or be fetched again.
    pixels = await page.run(
        f"const link = {link}; await shown(link); const image = await shown(link, {{ crossOrigin: 'anonymous' }});"
        "const canvas = Object.assign(document.createElement('canvas'), { width: 60, height: 60 }).getContext('2d');"
        "canvas.drawImage(image, 0, 0); return [...canvas.getImageData(0, 0, 60, 60).data]",
        media=media,
    )
    with Image.open(picture) as drawn:
        assert bytes(pixels) == drawn.convert("RGBA").tobytes()


@pytest.mark.parametrize("ask", ["download(id, range)", "fetch(await linkTo(id), { headers: range })"])
async def test_a_part_of_a_pdf_is_fetched(page, tmp_path, ask):
    document = tmp_path / "document.pdf"
    document.write_bytes(samples.pdf(size=200_000))
    await page.choose("input", document)
    media = await page.run("return upload(files()[0])")
    answer = await page.run(
        f"const range = {{ Range: 'bytes=199900-199999' }}; const answer = await {ask};"
        "return [answer.status, answer.headers.get('content-range'), await answer.text()]",
        id=media["id"],
    )
    assert answer == [206, "bytes 199900-199999/200000", document.read_bytes()[199_900:].decode()]


@pytest.mark.parametrize("link", ["media.download_url", "await linkTo(media.id)"], ids=["redirected", "presigned"])
async def test_a_link_saves_the_file_under_its_name(page, pictures, tmp_path, link):
    (picture,) = pictures(1)
    picture = picture.rename(tmp_path / "Anna's Füße, 1 €.png")
    folder = tmp_path / "downloads"
    await page.browser.save_downloads_in(folder)
    await page.choose("input", picture)
    media = await page.run("return upload(files()[0], putByXhr, {}, { is_public: true })")
    await page.run(
        f"Object.assign(document.createElement('a'), {{ href: {link}, download: 'another.png' }}).click()", media=media
    )
    offered = await page.browser.event("browsingContext.downloadWillBegin")
    saved = await page.browser.event("browsingContext.downloadEnd")
    assert offered["suggestedFilename"] == picture.name
    assert (folder / picture.name).read_bytes() == picture.read_bytes()
    assert saved["status"] == "complete"
