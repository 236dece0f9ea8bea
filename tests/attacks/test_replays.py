"""What was issued is used again, in every state of the object: checked bytes never change, and no others are served."""

import re

import pytest

from tests import samples
from tests.story import lands_at, storage_code, unique_png

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGES = 4000  # seconds: beyond the end of each URL with its grace, and of a copy's hour


class Replayed:
    """An upload in some state, and the URL that it was PUT with."""

    def __init__(self, ground, user, data, asked):
        self.ground, self.user, self.data, self.asked = ground, user, data, asked
        self.links = []

    @property
    def api(self):
        return self.ground.api

    async def delete(self):
        answer = await self.api.delete(f"/api/v1/media/{self.asked['id']}", headers=self.user)
        assert answer.status_code == 204
        await self.ground.purge()

    async def served(self):
        """What the API and every link that was ever issued give."""
        answers = [await self.ground.storage.get(link) for link in self.links]
        asked_for = await self.api.get(f"/api/v1/media/{self.asked['id']}/download", headers=self.user)
        if asked_for.status_code == 302:
            answers.append(await self.ground.storage.get(asked_for.headers["location"]))
        assert {answer.status_code for answer in answers} <= {200, 404}, [answer.text for answer in answers]
        return {answer.content for answer in answers if answer.status_code == 200}

    async def lies(self):
        """Versions under the key that the URL writes to."""
        return await self.ground.versions_at(lands_at(self.asked))


async def asked_for(ground):
    user, data = ground.bearer(), unique_png()
    return Replayed(ground, user, data, await ground.ask(user, data))


async def pending(ground):
    """Landed, and not looked at yet."""
    it = await asked_for(ground)
    assert (await ground.put(it.asked, it.data)).status_code == 200
    return it


async def ready(ground):
    it = await pending(ground)
    await ground.notify(it.asked)
    it.links.append(await ground.link_to(it.user, it.asked))
    await ground.purge()
    return it


async def rejected(ground):
    user, data = ground.bearer(), samples.html() + unique_png()
    it = Replayed(ground, user, data, await ground.ask(user, data))
    assert (await ground.put(it.asked, it.data)).status_code == 200
    await ground.notify(it.asked)
    await ground.purge()
    return it


async def called_off(ground):
    it = await asked_for(ground)
    await it.delete()
    return it


async def called_off_when_landed(ground):
    it = await pending(ground)
    await it.delete()
    return it


async def deleted(ground):
    it = await ready(ground)
    await it.delete()
    return it


async def expired(ground):
    user, data = ground.bearer(), unique_png()
    it = Replayed(ground, user, data, await ground.ask(user, data, expires_at="2999-01-01T00:00:00Z"))
    assert (await ground.put(it.asked, it.data)).status_code == 200
    await ground.notify(it.asked)
    it.links.append(await ground.link_to(user, it.asked))
    sql = "UPDATE media.media_objects SET expires_at = now() - interval '1 second' WHERE id = $1"
    await ground.rows.execute(sql, it.asked["id"])
    await ground.worker.expire()
    await ground.purge()
    return it


STATES = {
    "pending": pending,
    "ready": ready,
    "rejected": rejected,
    "called off before it landed": called_off,
    "called off when it had landed": called_off_when_landed,
    "deleted": deleted,
    "expired": expired,
}
BYTES = {
    "the same bytes": lambda data: data,
    "other bytes of its type": lambda data: samples.png(5, 2, size=len(data)),
    "a page": lambda data: samples.html().ljust(len(data)),
}
SAID = ["by no one", "by a notification", "by complete", "by the sweep"]


async def say(it, who):
    """That something landed, as each that can say it does."""
    if who == "by a notification":
        await it.ground.notify(it.asked)
    elif who == "by complete":
        await it.ground.complete(it.user, it.asked)
    elif who == "by the sweep":
        sql = "UPDATE media.media_objects SET sweep_at = now() - interval '1 hour' WHERE id = $1"
        await it.ground.rows.execute(sql, it.asked["id"])
        await it.ground.worker.sweep()


@pytest.mark.parametrize("other", BYTES)
@pytest.mark.parametrize("state", [name for name in STATES if name != "pending"])
async def test_to_put_again_when_it_is(ground, state, other):
    it = await STATES[state](ground)
    served = {it.data} if state == "ready" else set()
    before, events = await ground.status_of(it.asked), await ground.events_of(it.asked)
    again = await ground.put(it.asked, BYTES[other](it.data))
    assert again.status_code == (412 if state == "ready" and ground.in_place else 200)
    for who in SAID:
        await say(it, who)
        assert await it.served() == served, who
        assert await ground.status_of(it.asked) == before, who
        assert await ground.events_of(it.asked) == events, who
    await ground.pass_time(it.asked, AGES)
    await ground.purge()
    assert len(await it.lies()) == (state == "ready" and ground.in_place)
    assert await it.served() == served


@pytest.mark.parametrize("other", BYTES)
async def test_to_put_other_bytes_over_those_that_wait_for_their_check(ground, other):
    it = await pending(ground)
    again = await ground.put(it.asked, BYTES[other](it.data))
    assert (again.status_code, storage_code(again)) == (412, "PreconditionFailed")
    await ground.notify(it.asked)
    it.links.append(await ground.link_to(it.user, it.asked))
    assert await it.served() == {it.data}


@pytest.mark.parametrize("times", [1, 3])
async def test_to_read_through_an_old_link_what_was_put_after_the_deletion(ground, times):
    """The key is free again while its URL lives: whoever kept a link must not find anything there."""
    it = await deleted(ground)
    (link,) = it.links
    for turn in range(times):
        assert (await ground.storage.get(link)).status_code == 404
        assert (await ground.put(it.asked, BYTES["a page"](it.data))).status_code == 200
        assert (await ground.storage.get(link)).status_code == 404
        without_version = re.sub("versionId=[^&]*&", "", link)
        assert (await ground.storage.get(without_version)).status_code == (403 if ground.in_place else 404)
        await ground.notify(it.asked)
        await ground.pass_time(it.asked, AGES if turn else 0)
        await ground.purge()
        await ground.wipe(lands_at(it.asked))
    assert await ground.status_of(it.asked) == "deleted"


@pytest.mark.parametrize("state", STATES)
async def test_to_find_an_old_version(ground, state):
    """A bucket that keeps versions keeps what was deleted: nothing of a closed object lies there, not even covered."""
    it = await STATES[state](ground)
    await ground.pass_time(it.asked, AGES)
    await ground.purge()
    stays = {"pending": 1, "ready": 1}.get(state, 0)
    assert len(await ground.stored(it.data)) == stays
    assert "covered" not in await it.lies()
    assert len(await it.lies()) == (stays if ground.in_place or state == "pending" else 0)


async def test_to_have_two_objects_announced_for_one(ground):
    it = await ready(ground)
    for who in SAID * 2:
        await ground.put(it.asked, it.data)
        await say(it, who)
    assert await ground.events_of(it.asked) == ["MediaUploaded"]
    await it.delete()
    for who in SAID * 2:
        await ground.put(it.asked, it.data)
        await say(it, who)
    assert await ground.events_of(it.asked) == ["MediaUploaded", "MediaDeleted"]
    await ground.wipe(lands_at(it.asked))


async def test_to_hold_more_than_one_may_by_putting_again(ground):
    """What lands after the object was closed belongs to nobody's quota, so it must not stay."""
    it = await called_off(ground)
    for _ in range(3):
        assert (await ground.put(it.asked, it.data)).status_code == 200
        await ground.notify(it.asked)
        await ground.pass_time(it.asked, 10)
        await ground.purge()
        await ground.pass_time(it.asked, 1500)
        await ground.purge()
        assert await it.lies() == []


async def test_to_use_the_answer_of_a_retried_request_after_the_object_was_closed(ground):
    """An Idempotency-Key answers with the same URL while the upload is open, and with none afterwards."""
    user, data, key = ground.bearer(), unique_png(), {"Idempotency-Key": "once"}
    first = await ground.ask(user, data, headers=key)
    assert (await ground.ask(user, data, headers=key))["upload"] == first["upload"]
    it = Replayed(ground, user, data, first)
    await it.delete()
    again = await ground.ask(user, data, headers=key)
    assert (again["id"], again["status"], again.get("upload")) == (first["id"], "expired", None)
