"""A finalizer may be killed at any instruction: the next attempt settles, and nothing stray stays."""

import pytest

from app.flow.finalize_upload import Outcome
from tests.flow.interrupted import Killed, die
from tests.story import download, land, pass_time, stored, unique_png

MOMENTS = [
    ("quarantine", "before_copy"),
    ("quarantine", "after_copy"),
    ("quarantine", "after_look"),
    ("in place", "after_look"),
]


@pytest.mark.parametrize(("mode", "moment"), MOMENTS, indirect=["mode"])
async def test_after_a_death_the_next_attempt_settles_and_nothing_stray_stays(
    api, storage, user, rows, finalize, administrator, environment, moment
):
    data = unique_png()
    asked, store = await land(api, storage, user, data), finalize.interrupted()
    setattr(store, moment, die)
    with pytest.raises(Killed):
        await finalize(asked, store)
    assert await finalize(asked) is Outcome.READY
    await pass_time(rows, asked["id"], 7200)
    await finalize.purge()
    (kept,) = await stored(administrator, environment, data)
    assert await rows.fetchval("SELECT storage_path FROM media.media_objects") == kept.key
    assert (await download(api, storage, user, asked["id"])).content == data
    assert await rows.fetchval("SELECT count(*) FROM media.purges") == 0


@pytest.mark.parametrize(("mode", "moment"), MOMENTS, indirect=["mode"])
async def test_a_death_before_the_upload_is_called_off_leaves_nothing(
    api, storage, user, rows, finalize, administrator, environment, moment
):
    data = unique_png()
    asked, store = await land(api, storage, user, data), finalize.interrupted()
    setattr(store, moment, die)
    with pytest.raises(Killed):
        await finalize(asked, store)
    assert (await api.delete(f"/api/v1/media/{asked['id']}", headers=user)).status_code == 204
    assert await finalize(asked) is Outcome.SETTLED_BEFORE
    assert await stored(administrator, environment, data) == set()
