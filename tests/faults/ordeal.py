"""One run: clients upload while mishaps happen by a seeded schedule; then rest, then the verdict."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from tests.faults.backlog import drained_per_second
from tests.faults.checker import Violation, check
from tests.faults.clients import Clients, open_clients
from tests.faults.diary import Diary
from tests.faults.evidence import come_to_rest, gather
from tests.faults.ground import open_ground
from tests.faults.listening import listening
from tests.faults.mishaps import Mishap, mishaps
from tests.stack import UNLIMITED

_FAST_LOST = 0.1
_CLIENTS = 24
_RECOVERY_SECONDS = 30.0
_REST_SECONDS = 240.0
# No limits, as forty users do the work of thousands; and what never came is over soon enough to be waited for.
SETTINGS = {
    **UNLIMITED,
    "UPLOAD_URL_TTL_SECONDS": "40",
    "UPLOAD_GRACE_SECONDS": "15",
    "SWEEP_INTERVAL_SECONDS": "5",
}


class Happened(msgspec.Struct):
    """One mishap, and how long API and worker took from its end until they did their work again, in seconds."""

    name: str
    api_seconds: float
    worker_seconds: float


class Outcome(msgspec.Struct, kw_only=True):
    """What a run was, and what it showed."""

    mode: str
    seed: int
    seconds: float
    happened: list[Happened]
    uploads: int
    landed: int
    statuses: dict[str, int]
    finalized_by: dict[str, int]
    messages: int
    events: int
    dropped: int
    drained_per_second: float
    violations: list[Violation]


async def ordeal(
    mode: str,
    seed: int,
    tell: Callable[[Happened], None],
    *,
    seconds: float,
    per_second: float,
    pause: float,
    backlog: int = 0,
) -> Outcome:
    """Everything that `seed` decides happens in this order; how long it takes is the machine's. `tell` hears."""
    rng = random.Random(seed)
    diary = Diary()
    async with (
        open_ground(mode, random.Random(rng.random()), **SETTINGS) as ground,
        open_clients(ground, diary, random.Random(rng.random())) as clients,
        listening(ground) as heard,
    ):
        ground.fast.lost = _FAST_LOST
        begun = time.monotonic()
        async with clients.uploading(clients=_CLIENTS, per_second=per_second):
            happened = []
            for name, mishap in _schedule(mode, rng, begun + seconds):
                with contextlib.suppress(TimeoutError):  # no worker passed the point where it was to die
                    await mishap(ground, rng)
                    happened.append(await _recovered(name, clients))
                    tell(happened[-1])
                await asyncio.sleep(rng.uniform(0.0, 2 * pause))
        took = time.monotonic() - begun
        drained = await drained_per_second(ground, clients, backlog) if backlog else 0.0
        left = await come_to_rest(ground, patience_seconds=_REST_SECONDS)
        evidence = await gather(ground, diary, heard, clients)
        return Outcome(
            mode=mode,
            seed=seed,
            seconds=took,
            happened=happened,
            uploads=len(diary.uploads),
            landed=len(diary.landed),
            statuses=Counter(row.status for row in evidence.rows.values()),
            finalized_by=evidence.winners,
            messages=heard.messages,
            events=len(heard.events),
            dropped=ground.fast.dropped,
            drained_per_second=drained,
            violations=[
                *check(evidence),
                *(Violation("lost", "", f"{n} {what} when all should be over") for what, n in left.items() if n),
            ],
        )


def _schedule(mode: str, rng: random.Random, until: float) -> Iterator[tuple[str, Mishap]]:
    """Every mishap once in a random order, then again in another, until the time is up."""
    possible = mishaps(mode)
    while True:
        for name in rng.sample(list(possible), len(possible)):
            if time.monotonic() > until:
                return
            yield name, possible[name]


async def _recovered(name: str, clients: Clients) -> Happened:
    back = time.monotonic()
    return Happened(name, *await asyncio.gather(_api_answers(clients, back), _worker_finalizes(clients, back)))


async def _api_answers(clients: Clients, since: float) -> float:
    while not await clients.answers() and time.monotonic() - since < _RECOVERY_SECONDS:
        await asyncio.sleep(0.05)
    return time.monotonic() - since


async def _worker_finalizes(clients: Clients, since: float) -> float:
    """Until an upload that was made after the part's return is settled without its client's nudge."""
    upload = await clients.upload_plainly()
    while upload is not None and await clients.status(upload.media_id) in (None, "pending"):
        if time.monotonic() - since > _RECOVERY_SECONDS:
            break
        await asyncio.sleep(0.05)
    return time.monotonic() - since
