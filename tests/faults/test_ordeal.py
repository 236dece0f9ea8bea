"""A short run in each mode: nothing is lost, changed, untold, told twice or left behind, whatever dies on the way.

`make faults` is the long one. FAULTS_SEED plays another schedule.
"""

import os

import pytest

from tests.faults.ordeal import ordeal

_SEED = int(os.environ.get("FAULTS_SEED", "1"))


@pytest.mark.timeout(360)
async def test_nothing_is_lost(mode):
    outcome = await ordeal(mode, _SEED, lambda _: None, seconds=25, per_second=30, pause=0.1)
    assert outcome.violations == []
    assert len(outcome.happened) >= 3
    assert outcome.landed >= 50
