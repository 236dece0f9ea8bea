"""`media token`: a bearer token for the local stack, whether it is up or not."""

from pathlib import Path
from uuid import UUID

import click

from app.local.stack_secrets import load_secrets
from app.local.tokens import make_token


class _ContextType(click.ParamType[str]):
    name = "type:uuid"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        kind, _, identifier = value.partition(":")
        try:
            return f"{kind or self.fail('the type is missing', param, ctx)}:{UUID(identifier)}"
        except ValueError:
            self.fail(f"{value!r} is not TYPE:UUID, such as ticket_photo:{UUID(int=7)}", param, ctx)


@click.command()
@click.option("--sub", required=True, type=click.UUID, help="Who calls: the user's id.")
@click.option("--role", "roles", multiple=True, type=click.Choice(["admin", "service"]))
@click.option("--scope", "scopes", multiple=True, help="Such as media:read; may be repeated.")
@click.option("--context", "contexts", multiple=True, type=_ContextType(), help="May be repeated.")
@click.option("--ttl", default=86_400, show_default=True, type=int, help="Seconds until it expires.")
@click.option(
    "--data-dir",
    default=Path(".media"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Of the stack that shall accept it.",
)
def token(
    *, sub: UUID, roles: tuple[str, ...], scopes: tuple[str, ...], contexts: tuple[str, ...], ttl: int, data_dir: Path
) -> None:
    """Print a bearer token for the local stack."""
    try:
        secrets = load_secrets(data_dir.expanduser() / "secrets.json")
    except FileNotFoundError:
        raise click.ClickException(
            f"{data_dir} holds no local stack. Start one there first: media run --data-dir {data_dir}"
        ) from None
    click.echo(
        make_token(secrets.jwt_secret, subject=sub, roles=roles, scopes=scopes, contexts=contexts, ttl_seconds=ttl)
    )
