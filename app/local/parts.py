"""PostgreSQL, NATS and MinIO, started in order and stopped in order.

For whoever needs the outside world without API and workers, such as the tests:

    with run_parts(folder) as parts:
        parts.database_url, parts.nats_url, parts.minio_endpoint, parts.secrets, parts.pids
"""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from app.config import Bus
from app.event_streams import make_billing_stream, provision_streams
from app.local.child import Child, stop
from app.local.data_folder import DataFolder, open_data_folder
from app.local.minio import minio, wait_for_minio
from app.local.minio_binary import find_minio
from app.local.nats_server import nats_server, nats_url, wait_for_nats
from app.local.ports import LOOPBACK, Ports, choose_ports
from app.local.postgres import database_url, postgres, wait_for_postgres
from app.local.stack_secrets import StackSecrets, load_or_make_secrets


class Parts(msgspec.Struct, frozen=True):
    """Three running servers and how to reach them. `database_url` is the superuser's."""

    folder: DataFolder
    ports: Ports
    secrets: StackSecrets
    minio: Child
    nats: Child
    postgres: Child

    @property
    def database_url(self) -> str:
        return database_url(self.ports.postgres, self.secrets.postgres_password)

    @property
    def nats_url(self) -> str:
        return nats_url(self.ports.nats, self.secrets.nats_password)

    @property
    def minio_endpoint(self) -> str:
        return f"{LOOPBACK}:{self.ports.minio}"

    @property
    def pids(self) -> dict[str, int]:
        return {child.part: child.pid for child in (self.minio, self.nats, self.postgres)}


@contextlib.contextmanager
def run_parts(data_dir: Path, ports: Ports | None = None, *, quick: bool = True) -> Iterator[Parts]:
    """Start them, hand them out, stop them. For synchronous callers in the main thread.

    `quick` makes PostgreSQL forget its promises on power loss. Raises CannotStart.
    """
    with open_data_folder(data_dir) as folder:
        started: list[Child] = []
        try:
            yield start_parts(folder, choose_ports(ports or Ports()), started, quick=quick)
        finally:
            for child in reversed(started):
                stop([child])


def start_parts(folder: DataFolder, ports: Ports, started: list[Child], *, quick: bool) -> Parts:
    """Start them. Each is in `started` as soon as it runs, for the caller to stop in reverse. Raises CannotStart."""
    binary = find_minio()
    secrets = load_or_make_secrets(folder.secrets_file)
    parts = Parts(
        folder=folder,
        ports=ports,
        secrets=secrets,
        minio=minio(folder, binary, ports, secrets),
        nats=nats_server(folder, ports, secrets),
        postgres=postgres(folder, ports, secrets, quick=quick),
    )
    for child in (parts.postgres, parts.nats):
        started.append(child)
        child.start()
    wait_for_nats(parts.nats, ports.nats)
    bus = Bus(url=parts.nats_url, credentials_file=None)
    asyncio.run(provision_streams(bus))
    asyncio.run(make_billing_stream(bus))
    started.append(parts.minio)
    parts.minio.start()
    wait_for_postgres(parts.postgres)
    wait_for_minio(parts.minio, ports.minio)
    return parts
