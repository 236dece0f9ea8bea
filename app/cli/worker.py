"""`media worker`: finalizes uploads, relays events, sweeps."""

import asyncio
import contextlib
import signal

import click
import uvloop

from app.config import WorkerSettings, worker_settings
from app.telemetry import configure_logs
from app.worker import open_worker


@click.command()
def worker() -> None:
    """Work until SIGTERM; what is in flight then is delivered again to another worker."""
    settings = worker_settings()
    configure_logs(settings.log_level, process="worker")
    uvloop.run(_work(settings))


async def _work(settings: WorkerSettings) -> None:
    async with open_worker(settings) as opened:
        work = asyncio.create_task(opened.run())
        for stop in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(stop, work.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await work
