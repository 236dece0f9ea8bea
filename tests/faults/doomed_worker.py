"""`media worker` that dies at a chosen instruction: `python -m tests.faults.doomed_worker`.

The file DOOM names the point. Whichever worker passes that point next takes the file and is gone by SIGKILL: nothing of
it is finished, flushed or handed back.
"""

import functools
import os
import signal
from pathlib import Path

from app import content
from app.cli.worker import worker
from app.database import Database, queries
from app.event_bus import EventBus
from app.object_store import ObjectStore

_STATEMENTS = queries("finalize_upload")
IN_PLACE_POINTS = ("after the look", "after the check", "after the commit", "after the publish")
POINTS = {"in place": IN_PLACE_POINTS, "quarantine": ("after the ledger entry", "after the copy", *IN_PLACE_POINTS)}


def _die_if_doomed(doom: Path, point: str) -> None:
    try:
        if doom.read_text() != point:
            return
        doom.rename(doom.with_suffix(f".{os.getpid()}"))
    except FileNotFoundError:
        return  # there is none, or the other worker was first
    os.kill(os.getpid(), signal.SIGKILL)


def doom_every_point(doom: Path) -> None:
    """Let this process look at the file whenever it passes one of the points."""

    def after(owner, name, point):
        wrapped = getattr(owner, name)

        @functools.wraps(wrapped)
        async def method(self, *arguments, **keywords):
            done = await wrapped(self, *arguments, **keywords)
            passed = point(arguments) if callable(point) else point
            if passed:
                _die_if_doomed(doom, passed)
            return done

        setattr(owner, name, method)

    judge = content.judge

    def judged(*arguments):
        verdict = judge(*arguments)
        _die_if_doomed(doom, "after the check")
        return verdict

    content.judge = judged
    statements = {_STATEMENTS["name_copy"]: "after the ledger entry", _STATEMENTS["mark_ready"]: "after the commit"}
    after(Database, "one", lambda arguments: statements.get(arguments[0]))
    after(ObjectStore, "copy", "after the copy")
    after(ObjectStore, "look", "after the look")
    after(EventBus, "publish", "after the publish")


if __name__ == "__main__":
    doom_every_point(Path(os.environ["DOOM"]))
    worker()
