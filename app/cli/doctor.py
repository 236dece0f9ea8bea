"""`media doctor`: what keeps the service from working, and what to do about it."""

from pathlib import Path

import click

from app.cli.tidily import run_tidily
from app.config import ApiSettings, api_settings
from app.doctor import examine
from app.local.attached import environment_or_stack
from app.telemetry import configure_logs


@click.command()
@click.option(
    "--data-dir",
    default=Path(".media"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The local stack to examine, where the environment has no settings.",
)
@click.option("--strict", is_flag=True, help="Prove what storage does too: writes a few objects, and removes them.")
def doctor(*, data_dir: Path, strict: bool) -> None:
    """Examine every outside part. Exits with 1 if something must be done."""
    configure_logs("ERROR", process="doctor")
    settings = api_settings(environment_or_stack(data_dir))
    if not run_tidily(_report(settings, strict=strict)):
        raise SystemExit(1)


async def _report(settings: ApiSettings, *, strict: bool) -> bool:
    healthy = True
    async for finding in examine(settings, strict=strict):
        healthy &= finding.ok
        click.echo(f"{finding.verdict}  {finding.part}: {finding.says}")
        if finding.advice:
            click.echo(f"      → {finding.advice}")
    return healthy
