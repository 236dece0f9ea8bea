"""Each of the three triggers alone brings every upload to its end: the other two are switched off."""

import asyncio
import random

import pytest

from tests.faults.checker import check
from tests.faults.clients import open_clients
from tests.faults.diary import Diary
from tests.faults.evidence import come_to_rest, gather
from tests.faults.ground import open_ground
from tests.faults.listening import listening
from tests.faults.ordeal import SETTINGS

pytestmark = pytest.mark.timeout(180)
_UPLOADS = 40
_NEVER = str(365 * 86_400)
# The share of notifications that FAST and DURABLE lose, the sweep's interval, whether clients say complete.
_ALONE = {
    "notification": (0.0, _NEVER, False),
    "complete": (1.0, _NEVER, True),
    "sweep": (1.0, "1", False),
}


@pytest.mark.parametrize("trigger", list(_ALONE))
async def test_each_trigger_alone_brings_all_uploads_to_an_end(mode, trigger):
    lost, interval, nudged = _ALONE[trigger]
    diary = Diary()
    settings = {**SETTINGS, "SWEEP_INTERVAL_SECONDS": interval}
    async with (
        open_ground(mode, **settings) as ground,
        open_clients(ground, diary, random.Random(5)) as clients,
        listening(ground) as heard,
    ):
        ground.fast.lost = ground.durable.lost = lost
        async with asyncio.TaskGroup() as all_at_once:  # a lost notification holds its PUT up for half a second
            for _ in range(_UPLOADS):
                all_at_once.create_task(_upload(clients, nudged=nudged))
        assert not any((await come_to_rest(ground, patience_seconds=60)).values())
        evidence = await gather(ground, diary, heard, clients)
        assert check(evidence) == []
        assert len(diary.landed) == _UPLOADS
        assert set(evidence.winners) == {trigger}


async def _upload(clients, *, nudged):
    upload = await clients.upload_plainly()
    if nudged:
        await clients.complete(upload)
