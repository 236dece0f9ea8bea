"""The `media` program: one module per command, imported only when it is called."""

import importlib
import sys

import click

from app.errors import Misconfigured

_COMMANDS = {
    "run": "app.cli.run",
    "api": "app.cli.api",
    "worker": "app.cli.worker",
    "migrate": "app.cli.migrate",
    "provision": "app.cli.provision",
    "token": "app.cli.token",
    "upload": "app.cli.client",
    "wait": "app.cli.client",
    "download": "app.cli.client",
    "doctor": "app.cli.doctor",
    "audit": "app.cli.audit",
    "invoice": "app.cli.invoice",
}


class _Commands(click.Group):
    """Finds a command's module by name, so that `media token` does not import a web framework."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(importlib.import_module(_COMMANDS[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=_Commands)
def media() -> None:
    """Presigned uploads and downloads for a company's files."""


def main() -> None:
    """Entry point. A process that can't be configured says why in one sentence and exits with 2."""
    try:
        media()
    except Misconfigured as error:
        sys.exit(_refuse(str(error)))


def _refuse(reason: str) -> int:
    click.echo(f"media: {reason}", err=True)
    return 2
