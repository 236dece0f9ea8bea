"""The HTTP API as its small client sees it: what is sent, what is read of the answers, and where the local stack is.

Every failure that can be foreseen is a ClickException in one sentence. Shows no URL but the API's own address.
"""

import uuid
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import click
import httpx
import msgspec

_TIMEOUT: Final = httpx.Timeout(60, connect=5)

T = TypeVar("T")


class Wanted(msgspec.Struct, omit_defaults=True):
    """What the API is asked for."""

    file_name: str
    mime_type: str
    file_size: int
    checksum_sha256: str
    context_type: str | None = None
    context_id: uuid.UUID | None = None
    is_public: bool = False


class Presigned(msgspec.Struct):
    """A PUT that storage accepts once: so many bytes, with exactly these headers."""

    url: str
    headers: dict[str, str]
    content_length: int


class Requested(msgspec.Struct):
    id: uuid.UUID
    upload: Presigned


class Media(msgspec.Struct):
    status: str
    rejection_reason: str | None = None


class Link(msgspec.Struct):
    url: str


class Tokens(msgspec.Struct):
    user: str


class Stack(msgspec.Struct):
    api_url: str
    tokens: Tokens


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""
    code: str = "unknown"


class Api:
    """The media API at one address, for one principal."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def request_upload(self, wanted: Wanted) -> Requested:
        key = {"Idempotency-Key": str(uuid.uuid4())}
        return self._call("POST", "/upload", Requested, headers=key, json=msgspec.to_builtins(wanted))

    def media(self, media_id: uuid.UUID, *, wait_seconds: int) -> Media:
        """The media object, as soon as it is not pending or `wait_seconds` have passed."""
        return self._call("GET", f"/{media_id}", Media, headers={"Prefer": f"wait={wait_seconds}"})

    def download_link(self, media_id: uuid.UUID) -> Link:
        return self._call("GET", f"/{media_id}/download", Link, headers={})

    def _call(self, method: str, path: str, answer: type[T], *, headers: dict[str, str], json: object = None) -> T:
        url = f"{self._url}/api/v1/media{path}"
        try:
            with http_client(url) as http:
                response = http.request(method, url, headers=self._headers | headers, json=json)
        except (httpx.TransportError, httpx.InvalidURL):
            raise click.ClickException(f"{self._url} does not answer. Start the service with `make run`.") from None
        if not response.is_success:
            raise click.ClickException(_problem(response))
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.MsgspecError:
            raise click.ClickException(f"{self._url} answers, but not as the media API does.") from None


def local_stack(data_dir: Path) -> Stack:
    """The local stack's addresses and tokens."""
    try:
        return msgspec.json.decode((data_dir / "stack.json").read_bytes(), type=Stack)
    except (OSError, msgspec.MsgspecError):
        raise click.ClickException(
            f"No service runs from {data_dir}. Start it with `make run`, or say --api-url and --token."
        ) from None


def http_client(url: str) -> httpx.Client:
    """A client for one address. A proxy for the outside world is no way to this machine."""
    here = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    return httpx.Client(timeout=_TIMEOUT, trust_env=not here)


def _problem(response: httpx.Response) -> str:
    """A problem body (RFC 9457) as one line."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    said = problem.detail or problem.title or f"The API answers {response.status_code}."
    return f"{' '.join(said.split())} ({problem.code})"
