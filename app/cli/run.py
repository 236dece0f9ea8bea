"""`media run`: the whole service on this machine, on real parts, with no container engine."""

import contextlib
from pathlib import Path

import click

from app.local.ports import Ports
from app.local.problem import CannotStart
from app.local.settings import IN_PLACE, QUARANTINE
from app.local.stack import Plan, run_stack
from app.telemetry import configure_logs

_PORT = click.IntRange(0, 65_535)
_PROCESSES = click.IntRange(1, 64)


@click.command()
@click.option("--port", default=8000, show_default=True, type=_PORT, help="Of the API. A port of 0 is any free one.")
@click.option("--edge-port", default=9001, show_default=True, type=_PORT, help="Of the edge, where there is one.")
@click.option("--minio-port", default=9000, show_default=True, type=_PORT)
@click.option("--nats-port", default=4222, show_default=True, type=_PORT)
@click.option("--postgres-port", default=5433, show_default=True, type=_PORT)
@click.option(
    "--data-dir",
    default=Path(".media"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Data, logs, secrets and stack.json. The same folder finds yesterday's files.",
)
@click.option("--api-processes", default=1, show_default=True, type=_PROCESSES)
@click.option("--worker-processes", default=1, show_default=True, type=_PROCESSES)
@click.option(
    "--quarantine/--in-place",
    default=False,
    help="Uploads land in a bucket of their own and are copied, or are served from where they land (default).",
)
@click.option(
    "--edge",
    is_flag=True,
    help="Clients reach storage through HAProxy, which refuses what MinIO should. It must be installed.",
)
def run(
    *,
    port: int,
    edge_port: int,
    minio_port: int,
    nats_port: int,
    postgres_port: int,
    data_dir: Path,
    api_processes: int,
    worker_processes: int,
    quarantine: bool,
    edge: bool,
) -> None:
    """Run the whole service on this machine until Ctrl-C.

    The first Ctrl-C stops every part in order and exits with 0, the second kills them at once and exits with 130.
    A part that dies is started again. Exits with 1 if a part can't be started.
    """
    configure_logs("WARNING", process="run")  # what a person needs is said in sentences
    plan = Plan(
        data_dir=data_dir,
        ports=Ports(api=port, edge=edge_port if edge else 0, minio=minio_port, nats=nats_port, postgres=postgres_port),
        buckets=QUARANTINE if quarantine else IN_PLACE,
        api_processes=api_processes,
        worker_processes=worker_processes,
        edge=edge,
    )
    try:
        run_stack(plan, _say, _warn)
    except CannotStart as problem:
        raise click.ClickException(str(problem)) from problem


def _say(line: str, *, err: bool = False) -> None:
    # A closed terminal must not keep us from stopping what we started.
    with contextlib.suppress(OSError):
        click.echo(line, err=err)


def _warn(line: str) -> None:
    _say(line, err=True)
