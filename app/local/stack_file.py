"""DATA_DIR/stack.json: where the running stack is. Tools outside attach through it, so names only ever get added.

It is there while the stack answers, is replaced when a part was started again, and goes when the stack stops.
"""

from pathlib import Path

import msgspec

from app.config import Identity
from app.local.private_file import write_private


class Pids(msgspec.Struct, frozen=True, kw_only=True):
    api: list[int]
    worker: list[int]
    minio: int
    nats: int
    postgres: int
    edge: int | None = None


class StackFile(msgspec.Struct, frozen=True, kw_only=True):
    """Its fields after `tokens` are additions to what was promised first."""

    api_url: str
    minio_url: str
    nats_url: str
    database_url: str
    jwt_secret: str
    pids: Pids
    tokens: dict[str, str]
    mode: str
    buckets: dict[str, str]
    minio_root: Identity
    edge_url: str | None = None
    cors_allowed_origins: str = ""

    def __repr__(self) -> str:
        return f"StackFile({self.api_url!r})"


def write_stack_file(file: Path, stack: StackFile) -> None:
    write_private(file, msgspec.json.format(msgspec.json.encode(stack), indent=2) + b"\n")
