"""`media audit`: where storage and rows differ, as JSON lines; with --repair, put right.

Exits with 0 if nothing differs or all was put right, 1 if something was not, 2 if it could not run to its end.
"""

import contextlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.tidily import run_tidily
from app.config import AuditSettings, audit_settings
from app.errors import Unavailable
from app.local.attached import environment_or_stack
from app.storage_audit import AuditPlan, AuditRefused, Reported, Tally, buckets_of, open_audit
from app.storage_audit import Progress as Done
from app.telemetry import configure_logs

_CLEAN: Final = 0
_FOUND: Final = 1
_COULD_NOT_RUN: Final = 2
_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)%?")

log = structlog.get_logger()


class _Checkpoint(msgspec.Struct, frozen=True):
    """How far an audit is, and which one: another one could not go on from there."""

    endpoint: str
    buckets: list[str]
    plan: AuditPlan
    done: Done


class _Percent(click.ParamType[float]):
    name = "percent"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = _PERCENT.fullmatch(str(value))
        if number is None or not float(number[1]) <= 100:
            self.fail(f"{value!r} is not a percentage such as 5%.", param, ctx)
        return float(number[1])


@click.command()
@click.option("--repair", is_flag=True, help="Set orphans aside under orphans/; delete media objects without bytes.")
@click.option(
    "--verify", "verify_percent", type=_Percent(), default="0%", help="Hash so many of the ready objects, such as 5%."
)
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Note after each page how far this is; if the file is there, go on from it.",
)
@click.option(
    "--missing-at-most", default=100, show_default=True, type=click.IntRange(0), help="If more are, delete none."
)
@click.option(
    "--orphans-at-most", default=1000, show_default=True, type=click.IntRange(0), help="Set no more than these aside."
)
@click.option(
    "--data-dir",
    default=Path(".media"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The local stack to audit, where the environment has no settings.",
)
def audit(
    *,
    repair: bool,
    verify_percent: float,
    checkpoint: Path | None,
    missing_at_most: int,
    orphans_at_most: int,
    data_dir: Path,
) -> None:
    """Compare storage with the rows, in both directions. Safe beside a service at work."""
    settings = audit_settings(environment_or_stack(data_dir))
    configure_logs(settings.log_level, process="audit")
    plan = AuditPlan(
        repair=repair,
        verify_percent=verify_percent,
        missing_at_most=missing_at_most,
        orphans_at_most=orphans_at_most,
    )
    done = _begun(checkpoint, settings, plan)
    try:
        sys.exit(run_tidily(_audit(settings, plan, done, checkpoint)))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


async def _audit(settings: AuditSettings, plan: AuditPlan, done: Done, checkpoint: Path | None) -> int:
    since = time.monotonic()
    try:
        async with open_audit(settings, plan, done) as opened:
            expected = await opened.expected()
            with _progress(expected.ready, done.tally.rows) as advance:
                async for reported in opened.pages():
                    _print(reported)
                    _save(checkpoint, _Checkpoint(settings.storage.endpoint, buckets_of(settings), plan, done))
                    advance(done.tally.rows)
    except AuditRefused as refused:
        _print(refused.found)
        return _ended(done.tally, since, str(refused))
    except Unavailable as away:
        return _ended(done.tally, since, f"{away}{_because(away)}")
    except Exception:  # exit code 1 is for findings
        log.exception("audit.failed")
        return _ended(done.tally, since, "This is a bug; the log line before says where.")
    _forget(checkpoint)
    return _ended(done.tally, since, None)


def _because(away: Unavailable) -> str:
    """What the part itself said, if anything: the client's name of the error, or storage's code."""
    cause = away.__cause__
    return f" ({getattr(cause, 'code', None) or type(cause).__name__})" if cause else ""


def _ended(tally: Tally, since: float, reason: str | None) -> int:
    """The summary, and the exit code that goes with it."""
    summary = {
        "kind": "summary",
        "complete": reason is None,
        **msgspec.structs.asdict(tally),
        "unrepaired": tally.unrepaired,
        "seconds": round(time.monotonic() - since, 1),
    }
    print(json.dumps(summary), flush=True)
    if reason is not None:
        click.echo(f"media audit: {reason}", err=True)
        return _COULD_NOT_RUN
    return _FOUND if tally.unrepaired else _CLEAN


def _print(reported: Sequence[Reported]) -> None:
    for each in reported:
        line = msgspec.to_builtins(each.discrepancy) | {"repaired": each.repaired}
        print(json.dumps(line), flush=True)


def _begun(checkpoint: Path | None, settings: AuditSettings, plan: AuditPlan) -> Done:
    """Where an audit like this one was stopped, or the beginning."""
    buckets = buckets_of(settings)
    if checkpoint is None or not checkpoint.exists():
        return Done(buckets)
    try:
        found = msgspec.json.decode(checkpoint.read_bytes(), type=_Checkpoint)
    except (OSError, msgspec.MsgspecError):
        found = None
    if found is None or (found.endpoint, found.buckets) != (settings.storage.endpoint, buckets):
        raise click.BadParameter(f"{checkpoint} is not of an audit of this storage; remove it or name another.")
    if (found.plan.repair, found.plan.verify_percent) != (plan.repair, plan.verify_percent):
        raise click.BadParameter(f"{checkpoint} is of an audit with other options; remove it or name another.")
    return found.done


def _save(checkpoint: Path | None, state: _Checkpoint) -> None:
    """Whole or not at all, whenever we are killed."""
    if checkpoint is None:
        return
    partial = checkpoint.with_name(f"{checkpoint.name}.part")
    with partial.open("wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(checkpoint)


def _forget(checkpoint: Path | None) -> None:
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)


@contextlib.contextmanager
def _progress(total: int, done: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("ready media objects"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("rows", total=total, completed=done)
        yield lambda completed: bar.update(task, completed=completed)
