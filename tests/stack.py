"""The parts that the whole test run shares: one PostgreSQL, one NATS, one MinIO, provisioned for both modes.

The controller starts them and tells the workers of pytest-xdist where they are. What one test must not see of another
is separate: a database, a durable, random keys.
"""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import msgspec
import nats

from app.config import Identity, environment, provision_settings
from app.local.parts import run_parts
from app.local.settings import Addresses, Buckets, provision_environment, service_environment
from app.local.stack_secrets import StackSecrets
from app.migrations import migrate
from app.object_store_admin import provision_storage

MODES = {
    "in place": Buckets(media="media", invoices="invoices", incoming="media"),
    "quarantine": Buckets(media="served", invoices="served-invoices", incoming="incoming"),
}
TEMPLATE = "media_template"
# For tests that ask more often than any user may.
UNLIMITED = dict.fromkeys(("UPLOAD_RATE_PER_MINUTE", "MAX_PENDING_UPLOADS", "REQUEST_RATE_PER_MINUTE"), "0")
_ANNOUNCED_IN = "MEDIA_TEST_STACK"


class Stack(msgspec.Struct, frozen=True):
    """Where the parts are, and who may use them."""

    database_url: str
    nats_url: str
    minio_endpoint: str
    secrets: StackSecrets
    data_dir: str = ""

    def environment(self, mode: str, database_url: str) -> dict[str, str]:
        """The settings of API and worker in a mode, on a database of the test's own."""
        addresses = Addresses(
            database_url=database_url,
            nats_url=self.nats_url,
            minio_endpoint=self.minio_endpoint,
            api_url="http://media.test",
        )
        service = service_environment({}, addresses, secrets_of(self.secrets, mode), MODES[mode])
        del service["MINIO_PUBLIC_URL"]
        del service["INVOICE_ISSUER_FILE"]  # only tests of invoices have workers that take them
        return service

    @property
    def root(self) -> Identity:
        return self.secrets.root


@contextlib.contextmanager
def running_stack() -> Iterator[Stack]:
    """Start the parts, prepare them for both modes, and announce them to child processes."""
    with (
        tempfile.TemporaryDirectory(prefix="media-tests-") as folder,
        run_parts(data_dir := Path(folder) / "data") as parts,
    ):
        stack = Stack(parts.database_url, parts.nats_url, parts.minio_endpoint, parts.secrets, str(data_dir))
        asyncio.run(prepare(stack))
        os.environ[_ANNOUNCED_IN] = msgspec.json.encode(stack).decode()
        try:
            yield stack
        finally:
            del os.environ[_ANNOUNCED_IN]


def announced_stack() -> Stack:
    """The stack that the controller announced."""
    return msgspec.convert(json.loads(environment()[_ANNOUNCED_IN]), Stack)


def secrets_of(secrets: StackSecrets, mode: str) -> StackSecrets:
    """Identities of a mode's own, as their policies name its buckets."""
    return msgspec.structs.replace(
        secrets,
        **{
            role: Identity(f"{getattr(secrets, role).access_key[:12]}{mode[:2]}", getattr(secrets, role).secret_key)
            for role in ("worker", "uploader", "downloader")
        },
    )


def database_named(database_url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return f"{database_url.rpartition('/')[0]}/{name}"


async def prepare(stack: Stack) -> None:
    for mode in MODES:
        service = stack.environment(mode, stack.database_url)
        await provision_storage(provision_settings(provision_environment(service, stack.secrets)))
    bus = await nats.connect(stack.nats_url)
    await bus.jetstream().update_stream(name="BILLING", subjects=["billing.>"])  # each test has a subject of its own
    await bus.close()
    connection = await asyncpg.connect(stack.database_url)
    await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    await connection.close()
    await migrate(database_named(stack.database_url, TEMPLATE))
