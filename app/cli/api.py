"""`media api`: the HTTP API."""

import click
import uvicorn

from app.api.app import create_app
from app.config import api_settings
from app.telemetry import configure_logs


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--fd", type=int, default=None, help="Serve a listening socket that the parent process opened.")
def api(host: str, port: int, fd: int | None) -> None:
    """Serve the HTTP API until SIGTERM."""
    settings = api_settings()
    configure_logs(settings.log_level, process="api")
    uvicorn.run(
        create_app(settings),
        host=host,
        port=port,
        fd=fd,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=8,
    )
