"""Two finalizers at once, bytes that change under them, rows that close under them: what is served is what was checked,
and nothing else stays.
"""

import asyncio

import pytest

from app.flow.finalize_upload import Outcome
from tests import samples
from tests.story import ask, download, land, lands_at, status_of, stored, unique_png, write

in_place = pytest.mark.parametrize("mode", ["in place"], indirect=True)
in_quarantine = pytest.mark.parametrize("mode", ["quarantine"], indirect=True)


def twin_of(data):
    """Other bytes of the same length, which are no PNG."""
    return samples.html().ljust(len(data))


@in_quarantine
async def test_bytes_swapped_between_copy_and_check_are_not_served(
    api, storage, user, finalize, administrator, environment
):
    data = unique_png()
    asked, store = await land(api, storage, user, data), finalize.interrupted()
    store.after_copy = lambda: write(administrator, lands_at(asked), twin_of(data))
    assert await finalize(asked, store) is Outcome.READY
    assert (await download(api, storage, user, asked["id"])).content == data
    await finalize.purge()
    assert len(await stored(administrator, environment, data)) == 1
    assert await stored(administrator, environment, twin_of(data)) == set()


@in_place
@pytest.mark.parametrize("moment", ["before the check", "before the mark", "after ready"])
async def test_bytes_written_over_an_object_are_not_served(
    api, storage, user, finalize, administrator, environment, moment
):
    data = unique_png()
    asked, store = await land(api, storage, user, data), finalize.interrupted()

    async def overwrite():
        await write(administrator, lands_at(asked), twin_of(data))

    if moment == "before the check":
        await overwrite()
        assert await finalize(asked) is Outcome.REJECTED
    else:
        if moment == "before the mark":
            store.after_look = overwrite
        assert await finalize(asked, store) is Outcome.READY
        if moment == "after ready":
            await overwrite()
        assert (await download(api, storage, user, asked["id"])).content == data
        assert (await api.delete(f"/api/v1/media/{asked['id']}", headers=user)).status_code == 204
    await finalize.purge()
    for bytes_written in (data, twin_of(data)):
        assert await stored(administrator, environment, bytes_written) == set()


@in_quarantine
@pytest.mark.parametrize("good_first", [True, False])
async def test_bytes_swapped_between_two_finalizers_are_served_only_if_checked(
    api, storage, user, finalize, administrator, environment, good_first
):
    data = unique_png()
    first, second = (data, twin_of(data)) if good_first else (twin_of(data), data)
    asked, store = await land(api, storage, user, first), finalize.interrupted()

    async def another_one_wins():
        await write(administrator, lands_at(asked), second)
        assert await finalize(asked) is (Outcome.REJECTED if good_first else Outcome.READY)

    store.after_copy = another_one_wins
    assert await finalize(asked, store) is Outcome.SETTLED_BEFORE
    await finalize.purge()
    assert await stored(administrator, environment, first) == set()
    if good_first:
        assert await stored(administrator, environment, second) == set()
    else:
        assert (await download(api, storage, user, asked["id"])).content == data
        assert len(await stored(administrator, environment, data)) == 1


async def test_of_two_finalizers_one_wins_each_of_twenty_uploads(
    api, storage, user, rows, finalize, administrator, environment
):
    data = unique_png()
    uploads = await asyncio.gather(*(land(api, storage, user, data) for _ in range(20)))
    outcomes = await asyncio.gather(*(finalize(asked) for asked in uploads for _ in range(2)))
    for pair in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert set(pair) == {Outcome.READY, Outcome.SETTLED_BEFORE}
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 20
    await finalize.purge()
    assert len(await stored(administrator, environment, data)) == 20


@in_quarantine
async def test_an_attempt_that_comes_too_late_to_name_its_copy_leaves_none(
    api, storage, user, finalize, administrator, environment
):
    data = unique_png()
    asked = await land(api, storage, user, data)

    async def another_one_wins():
        assert await finalize(asked) is Outcome.READY

    assert await finalize(asked, database=finalize.interrupted_database(another_one_wins)) is Outcome.SETTLED_BEFORE
    await finalize.purge()
    assert len(await stored(administrator, environment, data)) == 1


async def test_an_upload_called_off_while_it_is_checked_is_not_served(
    api, storage, user, rows, finalize, administrator, environment
):
    data = unique_png()
    asked, store = await land(api, storage, user, data), finalize.interrupted()

    async def call_off():
        assert (await api.delete(f"/api/v1/media/{asked['id']}", headers=user)).status_code == 204

    store.after_look = call_off
    assert await finalize(asked, store) is Outcome.SETTLED_BEFORE
    assert await status_of(rows, asked["id"]) == "expired"
    await finalize.purge()
    assert await stored(administrator, environment, data) == set()


@in_quarantine
async def test_a_copy_whose_removal_has_begun_can_not_win(api, storage, user, rows, finalize):
    data = unique_png()
    asked, store = await land(api, storage, user, data), finalize.interrupted()

    async def remove_as_if_an_hour_had_passed():
        await rows.execute("UPDATE media.purges SET due_at = now()")
        await finalize.purge()

    store.after_look = remove_as_if_an_hour_had_passed
    assert await finalize(asked, store) is Outcome.SETTLED_BEFORE
    assert await status_of(rows, asked["id"]) == "pending"
    assert await finalize(asked) is Outcome.READY
    assert (await download(api, storage, user, asked["id"])).content == data


async def test_nothing_landed_leaves_nothing_in_the_ledger(api, user, rows, finalize):
    asked = await ask(api, user, unique_png())
    assert await finalize(asked) is Outcome.NOT_RECEIVED
    assert await rows.fetchval("SELECT count(*) FROM media.purges") == 0
    assert await status_of(rows, asked["id"]) == "pending"


@in_quarantine
async def test_attempts_that_are_ready_to_win_at_the_same_time_do_not_lock_one_another_out(
    api, storage, user, finalize
):
    for _ in range(5):
        asked = await land(api, storage, user, unique_png())
        start = asyncio.Barrier(6)
        attempts = [finalize.interrupted() for _ in range(6)]
        for store in attempts:
            store.after_look = start.wait
        outcomes = await asyncio.gather(*(finalize(asked, store) for store in attempts))
        assert sorted(outcomes) == [Outcome.READY, *[Outcome.SETTLED_BEFORE] * 5]
