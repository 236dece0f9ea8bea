"""`media upload`, `wait` and `download`: a small client of the HTTP API.

Knows the API as any other client does, by addresses and JSON, and the local stack by stack.json. What can be foreseen
ends in one sentence on stderr and exit code 1. Shows nothing secret but the download link, which is what it is for.
"""

import base64
import contextlib
import hashlib
import io
import logging
import mimetypes
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import BinaryIO, Concatenate, Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

import click
import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from app.cli.media_api import Api, Presigned, Wanted, http_client, local_stack

_WAIT_SECONDS: Final = 20  # how long one request waits for the status to change
_CHUNK_BYTES: Final = 256 * 1024
_TRIES: Final = 3  # of a PUT
_TYPES: Final = mimetypes.MimeTypes()
_TYPES.add_type("image/webp", ".webp")  # Python 3.11 leaves it to the machine's own table
_TYPES.add_type("image/jpeg", ".jfif")

P = ParamSpec("P")
R = TypeVar("R")


def _with_api(command: Callable[Concatenate[Api, P], R]) -> Callable[P, R]:
    """Give the command an Api, and the options that say which."""

    @click.option("--api-url", help="Address of the API.  [default: that of the local stack]")
    @click.option("--token", help="Bearer token.  [default: that of the local stack's user]")
    @click.option(
        "--data-dir",
        default=".media",
        show_default=True,
        type=click.Path(path_type=Path),
        help="The local stack's folder.",
    )
    @wraps(command)
    def with_api(*args: P.args, **kwargs: P.kwargs) -> R:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs URLs, and a presigned one is a secret
        api_url, token, data_dir = kwargs.pop("api_url"), kwargs.pop("token"), kwargs.pop("data_dir")
        assert isinstance(data_dir, Path)
        if api_url is None or token is None:
            stack = local_stack(data_dir)
            api_url, token = api_url or stack.api_url, token or stack.tokens.user
        return command(Api(str(api_url), str(token)), *args, **kwargs)

    return with_api


_timeout_option = click.option(
    "--timeout", "timeout_seconds", default=120, show_default=True, type=click.IntRange(1), help="Seconds to wait."
)


@click.command()
@_with_api
@_timeout_option
@click.option("--no-wait", is_flag=True, help="Print the id as soon as storage has the bytes.")
@click.option("--mime-type", help="The file's type.  [default: guessed from its name]")
@click.option("--context-type", help="What the file belongs to: ticket_photo, invoice_pdf, website_media, other.")
@click.option("--context-id", type=click.UUID, help="The id of what it belongs to.")
@click.option("--public", is_flag=True, help="Let anyone who has its temporary token download it.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
def upload(
    api: Api,
    file: Path,
    mime_type: str | None,
    context_type: str | None,
    context_id: uuid.UUID | None,
    timeout_seconds: int,
    *,
    no_wait: bool,
    public: bool,
) -> None:
    """Upload FILE, follow it until it is ready and print its download link."""
    with file.open("rb") as source:
        wanted = _describe(source, file.name, mime_type)
        wanted.context_type, wanted.context_id, wanted.is_public = context_type, context_id, public
        requested = api.request_upload(wanted)
        _put(source, requested.upload, wanted)
    if no_wait:
        click.echo(requested.id)
        return
    _follow(api, requested.id, timeout_seconds)
    click.echo(f"{requested.id} ready")
    click.echo(api.download_link(requested.id).url)


@click.command()
@_with_api
@_timeout_option
@click.argument("media_id", metavar="ID", type=click.UUID)
def wait(api: Api, media_id: uuid.UUID, timeout_seconds: int) -> None:
    """Wait until the upload ID is ready. Exits 1 with the reason if it is rejected."""
    _follow(api, media_id, timeout_seconds)
    click.echo("ready")


@click.command()
@_with_api
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.argument("media_id", metavar="ID", type=click.UUID)
def download(api: Api, media_id: uuid.UUID, output: Path) -> None:
    """Download ID into the file that --output names; as cp does, it replaces what is there."""
    link = api.download_link(media_id)
    with (
        _to_storage(link.url, "download") as http,
        http.stream("GET", link.url) as response,
        _written(output) as target,
        _progress(output.name, int(response.headers.get("content-length", 0)) or None) as advance,
    ):
        _refuse_storage_error(response, "download")
        for chunk in response.iter_raw(_CHUNK_BYTES):
            target.write(chunk)
            advance(len(chunk))


def _describe(source: io.BufferedReader, name: str, mime_type: str | None) -> Wanted:
    """Name, type, size and SHA-256 of the file."""
    mime_type = mime_type or _TYPES.guess_type(f"file{Path(name).suffix}")[0]  # a whole name may look like a URL
    if mime_type is None:
        raise click.ClickException(f"The name {name} does not tell the type. Say it with --mime-type.")
    checksum = base64.b64encode(hashlib.file_digest(source, "sha256").digest()).decode()
    return Wanted(file_name=_display_name(name), mime_type=mime_type, file_size=source.tell(), checksum_sha256=checksum)


def _display_name(name: str) -> str:
    """The name as the API takes it: a name on Linux may hold bytes that are no text, and a backslash."""
    return os.fsencode(name).decode(errors="replace").replace("\\", "_")


def _put(source: io.BufferedReader, presigned: Presigned, wanted: Wanted) -> None:
    """Send the bytes to storage, again where the connection breaks. A 412 says that an earlier try has landed.

    A 403 may mean that MinIO is removing an emptied folder just now: docs/decisions/0032.
    """
    with _to_storage(presigned.url, "upload") as http:
        for tries_left in reversed(range(_TRIES)):
            try:
                response = _put_once(http, source, presigned, wanted)
            except httpx.TransportError:
                if not tries_left:
                    raise
                continue
            if response.status_code != httpx.codes.FORBIDDEN:
                break
    if response.status_code != httpx.codes.PRECONDITION_FAILED:
        _refuse_storage_error(response, "upload")


def _put_once(http: httpx.Client, source: io.BufferedReader, presigned: Presigned, wanted: Wanted) -> httpx.Response:
    """With their length, so that they are not sent in chunks."""
    source.seek(0)
    with _progress(wanted.file_name, wanted.file_size) as advance:

        def body() -> Iterator[bytes]:
            left = wanted.file_size
            while left and (chunk := source.read(min(left, _CHUNK_BYTES))):
                yield chunk
                left -= len(chunk)
                advance(len(chunk))
            if left:
                raise click.ClickException(f"{wanted.file_name} became shorter while it was sent.")

        headers = presigned.headers | {"content-length": str(presigned.content_length)}
        return http.put(presigned.url, headers=headers, content=body())


def _follow(api: Api, media_id: uuid.UUID, timeout_seconds: int) -> None:
    """Return when the media object is ready. Raises ClickException if it won't be, or is still pending in the end."""
    deadline = time.monotonic() + timeout_seconds
    while (left := deadline - time.monotonic()) > 0:
        asked_at = time.monotonic()
        media = api.media(media_id, wait_seconds=min(_WAIT_SECONDS, int(left) + 1))
        if media.status == "ready":
            return
        if media.status != "pending":
            reason = f": {media.rejection_reason}" if media.rejection_reason else ""
            raise click.ClickException(f"{media_id} is {media.status}{reason}.")
        time.sleep(max(0.0, 0.5 - (time.monotonic() - asked_at)))  # if something between us ignores Prefer
    raise click.ClickException(
        f"{media_id} is still pending after {timeout_seconds} s. Were its bytes sent, and does a worker run? "
        "`media doctor` tells."
    )


@contextlib.contextmanager
def _to_storage(url: str, what: str) -> Iterator[httpx.Client]:
    """A client for a presigned URL, which none of its errors shows."""
    try:
        with http_client(url) as http:
            yield http
    except httpx.HTTPError as error:
        reason = type(error).__name__
        raise click.ClickException(f"Storage at {urlsplit(url).netloc} broke off the {what}: {reason}.") from None


def _refuse_storage_error(response: httpx.Response, what: str) -> None:
    if not response.is_success:
        code = re.search(rb"<Code>(\w+)</Code>", response.read())
        name = f" {code[1].decode()}" if code else ""
        raise click.ClickException(f"Storage refuses the {what}: {response.status_code}{name}.")


@contextlib.contextmanager
def _written(output: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only when it is complete. A device or a pipe is written to as it is."""
    output = output.resolve()
    if output.exists() and not output.is_file():
        with output.open("wb") as target:
            yield target
        return
    partial = output.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with partial.open("xb") as target:
            yield target
        partial.replace(output)
    except OSError as error:
        raise click.ClickException(f"{output} can't be written: {error.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _progress(name: str, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=total_bytes)
        yield lambda advance: bar.advance(task, advance)
