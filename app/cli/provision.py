"""`media provision`: what the service needs of NATS and storage, made or set right."""

import asyncio

import click

from app.config import ProvisionSettings, provision_settings
from app.event_bus import provision_streams
from app.object_store_admin import provision_storage
from app.telemetry import configure_logs


@click.command()
@click.option(
    "--only", type=click.Choice(["streams", "storage"]), help="Make one of the two; storage needs the streams."
)
def provision(only: str | None) -> None:
    """Make streams, buckets, identities, policies and notifications; safe to run again."""
    settings = provision_settings()
    configure_logs(settings.log_level, process="provision")
    asyncio.run(_provision(settings, only))
    click.echo("provisioned")


async def _provision(settings: ProvisionSettings, only: str | None) -> None:
    if only != "storage":
        await provision_streams(settings.bus)
    if only != "streams":
        await provision_storage(settings)
