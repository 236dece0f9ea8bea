"""The audit as a whole: a damaged store is put right in one pass, a store at work has nothing to put right, and an
audit that was stopped goes on.
"""

import asyncio
import random

import msgspec
import pytest

from app.config import audit_settings
from app.media import ObjectAddress
from app.storage_audit import AuditPlan, Progress, buckets_of, open_audit
from tests.deployment import deploy
from tests.flow.auditing import (
    address_of,
    audit,
    everything_in,
    lose,
    put_bytes,
    read,
    replace,
    row_of,
)
from tests.story import ask, download, land, link_to, make_ready, put, settled, sha256_of, status_of, unique_png, write


@pytest.fixture
async def environment(stack, mode, database_url):
    return await deploy(stack, mode, database_url)


@pytest.fixture
def writer(bearer):
    """Someone whom no limit holds up."""
    return bearer(roles=["service"], scope="media:read media:write")


class Damaged:
    """A store of 24 media objects, some of them lost, changed or written over, and bytes that are nobody's."""

    def __init__(self, sent):
        self.sent, ids = sent, list(sent)
        self.lost, self.forged, self.longer, self.beside, self.untouched = (
            ids[:4], ids[4:7], ids[7:10], ids[10:14], ids[14:],
        )  # fmt: skip
        self.planted, self.stale = set(), 0

    async def damage(self, administrator, environment, mode):
        for media_id in self.lost:
            await lose(administrator, self.sent[media_id][1])
        for media_id in self.forged:
            await replace(administrator, self.sent[media_id][1], self.sent[media_id][0][::-1])
        for media_id in self.longer:
            await replace(administrator, self.sent[media_id][1], self.sent[media_id][0] + b"x")
        for kind, prefix in (("INCOMING", "uploads/"), ("MEDIA", "media/"), ("INVOICES", "")):
            for number in range(3):
                bucket = environment[f"MINIO_BUCKET_{kind}"]
                self.planted.add(await put_bytes(administrator, bucket, f"{prefix}planted-{number}"))
        if mode == "in place":  # elsewhere there are no versions, and a later write changes what is served
            for media_id in self.beside:
                address = address_of(self.sent[media_id][1])
                await write(administrator, address, b"later")
                await administrator.remove_object(address.bucket, address.key)
                self.stale += 2


@pytest.fixture
async def damaged(api, storage, writer, rows, idle_worker, administrator, environment, mode):
    sent = {}
    for _ in range(24):
        data = unique_png()
        asked = await make_ready(api, storage, writer, data, checksum_sha256=sha256_of(data))
        sent[asked["id"]] = (data, await row_of(rows, asked))
    await idle_worker.purge()
    store = Damaged(sent)
    await store.damage(administrator, environment, mode)
    return store


async def test_a_second_pass_over_a_damaged_store_finds_nothing_but_the_evidence(
    api, storage, writer, rows, damaged, environment
):
    pending = await land(api, storage, writer, unique_png())
    first = await audit(environment, repair=True, verify_percent=100)
    assert {str(each.media_id) for each in first.of("missing")} == set(damaged.lost)
    assert {str(each.media_id) for each in first.of("tampered")} == set(damaged.forged)
    assert {str(each.media_id) for each in first.of("size_differs")} == set(damaged.longer)
    assert damaged.planted <= {each.address for each in first.of("orphan")}
    assert len(first.of("orphan")) == len(damaged.planted) + damaged.stale
    evidence = {*damaged.forged, *damaged.longer}
    assert first.tally.unrepaired == len(evidence)
    for _ in range(2):
        again = await audit(environment, repair=True, verify_percent=100)
        assert {str(each.discrepancy.media_id) for each in again} == evidence
    assert (await api.post(f"/api/v1/media/{pending['id']}/complete", headers=writer)).json()["status"] == "ready"
    announced = await rows.fetch("SELECT event_type, count(*) FROM media.outbox GROUP BY event_type")
    assert {row["event_type"]: row["count"] for row in announced} == {
        "MediaUploaded": 25, "MediaDeleted": len(damaged.lost), "MediaTampered": len(evidence),
    }  # fmt: skip


async def test_a_repair_leaves_what_is_served_and_keeps_what_is_nobody_s(
    api, storage, writer, rows, damaged, administrator, environment
):
    await audit(environment, repair=True)
    for media_id in (*damaged.untouched, *damaged.beside):
        assert (await download(api, storage, writer, media_id)).content == damaged.sent[media_id][0]
    assert {await status_of(rows, media_id) for media_id in damaged.lost} == {"deleted"}
    everything = await everything_in(administrator, environment)
    for address in damaged.planted:
        (kept,) = [key for _, key, _ in everything if key.endswith(f"/{address.bucket}/{address.key}")]
        assert kept.startswith("orphans/")
        assert await read(administrator, ObjectAddress(environment["MINIO_BUCKET_MEDIA"], kept)) == b"nobody's"
        assert (address.bucket, address.key, False) not in everything


class Clients:
    """They upload what passes and what doesn't, call off, write late, delete; `ready` must be there at the end."""

    def __init__(self, api, storage, writer):
        self._api, self._storage, self._writer = api, storage, writer
        self._chance = random.Random(7)
        self.ready = {}

    async def go_on(self):
        while True:
            try:
                await self._chance.choice((self._spoof, self._call_off, self._delete, self._keep, self._keep))(
                    unique_png()
                )
            except AssertionError as refused:  # where others work too, the API may say that it is busy
                if "_unavailable" not in str(refused):
                    raise

    async def _spoof(self, data):
        await land(self._api, self._storage, self._writer, b"no PNG" + data)

    async def _call_off(self, data):
        asked = await ask(self._api, self._writer, data)
        await self._api.delete(f"/api/v1/media/{asked['id']}", headers=self._writer)
        await put(self._storage, asked, data)

    async def _delete(self, data):
        asked = await make_ready(self._api, self._storage, self._writer, data)
        await link_to(self._api, self._writer, asked["id"])
        await self._api.delete(f"/api/v1/media/{asked['id']}", headers=self._writer)

    async def _keep(self, data):
        asked = await land(self._api, self._storage, self._writer, data)
        await settled(self._api, self._writer, asked["id"])
        self.ready[asked["id"]] = data


@pytest.fixture
async def clients(api, storage, writer, worker):
    """Four at work."""
    clients = Clients(api, storage, writer)
    at_work = [asyncio.create_task(clients.go_on()) for _ in range(4)]
    yield clients
    for task in at_work:
        task.cancel()
    ended = await asyncio.gather(*at_work, return_exceptions=True)
    assert {type(error) for error in ended} == {asyncio.CancelledError}


async def test_a_store_at_work_has_no_discrepancies(api, storage, writer, clients, administrator, environment):
    """Uploads, rejections, deletions and whole audits at once, with every repair switched on: nothing is repaired."""
    audited = 0
    async with asyncio.timeout(45):
        while len(clients.ready) < 80 or audited < 8:
            assert await audit(environment, repair=True, verify_percent=10) == []
            audited += 1
    for media_id, data in list(clients.ready.items()):
        assert (await download(api, storage, writer, media_id)).content == data
    assert not [key for _, key, _ in await everything_in(administrator, environment) if key.startswith("orphans/")]


async def test_an_audit_that_was_stopped_after_any_page_goes_on_and_finds_the_rest(
    api, storage, writer, rows, administrator, environment
):
    """Each page by a process of its own, which knows nothing but what the one before wrote down."""
    for kind, key in (("INCOMING", "uploads/planted"), ("MEDIA", "media/planted"), ("INVOICES", "planted")):
        await put_bytes(administrator, environment[f"MINIO_BUCKET_{kind}"], key)
    for _ in range(3):
        asked = await make_ready(api, storage, writer, unique_png())
        await lose(administrator, await row_of(rows, asked))
    settings, found, pages = audit_settings(environment), [], 0
    written = msgspec.json.encode(Progress(buckets_of(settings)))
    while True:
        progress = msgspec.json.decode(written, type=Progress)
        over = not progress.buckets and not progress.held and pages
        async with open_audit(settings, AuditPlan(repair=True), progress) as opened:
            async for page in opened.pages():
                found += page
                break
        if over:
            break
        written, pages = msgspec.json.encode(progress), pages + 1
    kinds = sorted(each.discrepancy.__struct_config__.tag for each in found)
    assert kinds == ["missing"] * 3 + ["orphan"] * 3
    assert all(each.repaired for each in found)
    assert progress.tally.unrepaired == 0
    assert await audit(environment) == []
