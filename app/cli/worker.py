"""`media worker`: finalizes uploads, relays events, sweeps."""

import asyncio
import contextlib
import os
import signal

import click
import structlog
import uvloop

from app.config import WorkerSettings, worker_settings
from app.telemetry import configure_logs, serve_metrics
from app.worker import open_worker

_PATIENCE_SECONDS = 8

log = structlog.get_logger()


@click.command()
def worker() -> None:
    """Work until SIGTERM; what is in flight then is delivered again to another worker. A second SIGTERM ends it now."""
    settings = worker_settings()
    configure_logs(settings.log_level, process="worker")
    serve_metrics(settings.metrics_port)
    uvloop.run(_work(settings))


async def _work(settings: WorkerSettings) -> None:
    async with open_worker(settings) as opened:
        work = asyncio.create_task(opened.run())
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signal_number, _stop, work)
        with contextlib.suppress(asyncio.CancelledError):
            await work


def _stop(work: "asyncio.Task[None]") -> None:
    if work.cancelling():
        os._exit(1)
    log.info("worker.stopping")
    work.cancel()
    # A client library may hold on to a connection whose other end is gone: nothing is lost by leaving.
    asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, os._exit, 1)
