"""A page uploads, as its developer would have it do."""

import pytest

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]


async def test_a_file_is_uploaded_by_xhr_with_progress(page, pictures, served):
    (picture,) = pictures(1, side=600)
    await page.choose("input", picture)
    media, progress = await page.run(
        "const parts = []; return [await upload(files()[0], putByXhr, { onprogress: part => parts.push(part) }), parts]"
    )
    assert await served(media) == picture.read_bytes()
    assert all(0 < part <= 1 for part in progress)  # a browser that sends again by itself begins anew
    assert progress[-1] == 1


async def test_a_file_is_uploaded_by_fetch(page, pictures, served):
    (picture,) = pictures(1)
    await page.choose("input", picture)
    media = await page.run("return upload(files()[0], putByFetch)")
    assert await served(media) == picture.read_bytes()


async def test_ten_files_are_uploaded_at_once_by_both(page, pictures, served):
    chosen = pictures(10)
    await page.choose("input", *chosen)
    media = await page.run(
        "return Promise.all(files().map((file, index) => upload(file, index % 2 ? putByFetch : putByXhr)))"
    )
    assert [await served(one) for one in media] == [picture.read_bytes() for picture in chosen]


async def test_thirty_files_are_asked_for_in_one_call(page, pictures, served):
    chosen = pictures(30)
    await page.choose("input", *chosen)
    media = await page.run("return uploadMany(files(), putByXhr)")
    assert [one["original_file_name"] for one in media] == [picture.name for picture in chosen]
    assert [await served(one) for one in media] == [picture.read_bytes() for picture in chosen]


async def test_a_file_that_is_refused_does_not_hold_up_the_others(page, pictures, tmp_path):
    (picture,) = pictures(1)
    (tmp_path / "page.html").write_text("<p>no picture")
    await page.choose("input", tmp_path / "page.html", picture)
    refused, asked = (await page.run("return askForMany(files())"))["items"]
    assert (refused["error"], asked["status"]) == ("type_not_allowed", "pending")
    assert "upload" not in refused
