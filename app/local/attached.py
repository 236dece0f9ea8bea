"""The settings of a local stack that runs, for programs that look at it from outside."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from app.config import environment
from app.local.settings import Addresses, Buckets, service_environment
from app.local.stack_file import StackFile
from app.local.stack_secrets import load_secrets


def environment_or_stack(data_dir: Path) -> Mapping[str, str]:
    """The process's environment, or where that has no settings what the stack of this folder tells its API."""
    found = environment()
    return found if "DATABASE_URL" in found else attached_environment(data_dir, found)


def attached_environment(data_dir: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """What the stack of this folder tells its API. Without a running stack it is what was inherited."""
    try:
        stack = msgspec.json.decode((data_dir / "stack.json").read_bytes(), type=StackFile)
    except FileNotFoundError:
        return dict(inherited)
    addresses = Addresses(
        database_url=stack.database_url,
        nats_url=stack.nats_url,
        minio_endpoint=stack.minio_url.removeprefix("http://"),
        api_url=stack.api_url,
        edge_url=stack.edge_url,
    )
    inherited = {**inherited, "CORS_ALLOWED_ORIGINS": stack.cors_allowed_origins}
    return service_environment(inherited, addresses, load_secrets(data_dir / "secrets.json"), Buckets(**stack.buckets))
