"""`media provision`: what the service needs of NATS and storage, made or set right."""

import asyncio

import click

from app.config import provision_settings, streams_settings
from app.event_streams import provision_streams
from app.object_store_admin import provision_storage
from app.telemetry import configure_logs


@click.command()
@click.option("--only", type=click.Choice(["streams", "storage"]), help="Storage's notifications need the streams.")
def provision(only: str | None) -> None:
    """Make streams, buckets, identities, policies, notifications, lifecycles and CORS; safe to run again."""
    if only != "storage":
        streams = streams_settings()
        configure_logs(streams.log_level, process="provision")
        asyncio.run(provision_streams(streams.bus))
        click.echo("provisioned: streams")
    if only != "streams":
        settings = provision_settings()
        configure_logs(settings.log_level, process="provision")
        asyncio.run(provision_storage(settings))
        click.echo("provisioned: buckets, identities, policies, notifications, lifecycles, CORS")
