"""`media migrate`: bring the database's schema up to date."""

import asyncio

import click

from app.config import migrate_settings
from app.migrations import migrate as migrate_database
from app.telemetry import configure_logs


@click.command()
def migrate() -> None:
    """Apply the migrations that are not in yet; safe to run at once and again."""
    settings = migrate_settings()
    configure_logs(settings.log_level, process="migrate")
    applied = asyncio.run(migrate_database(settings.database_url))
    click.echo(f"applied: {', '.join(applied)}" if applied else "nothing to apply")
