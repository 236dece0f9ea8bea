"""`media api`: the HTTP API."""

import socket
import sys

import click
import uvicorn

from app.api.app import create_app
from app.api.bounded_http import server_options
from app.cli.server import Server
from app.config import ApiSettings, api_settings
from app.flow.find_media import Changes
from app.telemetry import configure_logs, serve_metrics

_PATIENCE_SECONDS = 5  # of the ten that a process has to end in; the parts take some for their goodbyes


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--fd", type=int, default=None, help="Serve a listening socket that the parent process opened.")
def api(host: str, port: int, fd: int | None) -> None:
    """Serve the HTTP API until SIGTERM."""
    settings = api_settings()
    configure_logs(settings.log_level, process="api")
    serve_metrics(settings.metrics_port)
    changes = Changes()
    config = uvicorn.Config(
        create_app(settings, changes),
        host=host,
        port=port,
        loop="uvloop",
        timeout_graceful_shutdown=_PATIENCE_SECONDS,
        **server_options(settings.trusted_proxies, settings.cors_allowed_origins),
    )
    server = _server(config, settings, changes)
    # Not uvicorn's own `fd`: it takes the socket for a unix one, so TCP_NODELAY stays off, and each answer waits 40 ms.
    server.run(sockets=None if fd is None else [socket.socket(fileno=fd)])
    if not server.started:
        sys.exit(1)


def _server(config: uvicorn.Config, settings: ApiSettings, changes: Changes) -> Server:
    if settings.store_self_test == "off":
        return Server(config, changes)
    from app.cli.store_check import checking_server  # noqa: PLC0415  its imports take a quarter of a second

    return checking_server(config, settings, changes)
