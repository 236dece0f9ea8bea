"""The whole service on this machine: parts, provisioning, API processes, workers, kept up until we are told to stop."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from app.config import ApiSettings, api_settings, environment, provision_settings
from app.errors import StorageUnavailable
from app.local.child import Child, require_running, stop
from app.local.data_folder import DataFolder, open_data_folder
from app.local.edge import edge, find_haproxy, wait_for_edge
from app.local.interrupts import interrupts
from app.local.next_steps import next_steps
from app.local.parts import Parts, start_parts
from app.local.ports import LOOPBACK, Ports, choose_ports, listen
from app.local.sample import sample_png
from app.local.services import api, wait_for_api, worker
from app.local.settings import STORAGE_HOST, Addresses, Buckets, provision_environment, service_environment
from app.local.stack_file import Pids, StackFile, write_stack_file
from app.local.store_verdict import verdict_line
from app.local.supervision import Say, keep_running
from app.local.tokens import stack_tokens
from app.migrations import migrate
from app.object_store_admin import provision_storage
from app.store_self_test import Finding, self_test

_STOP_ORDER: Final = ("api", "worker", "edge", "minio", "nats", "postgres")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and where."""

    data_dir: Path
    ports: Ports
    buckets: Buckets
    api_processes: int
    worker_processes: int
    edge: bool


def run_stack(plan: Plan, say: Say, warn: Say) -> None:
    """Start everything, say what comes next, keep it up until Ctrl-C, and stop it in order. `warn` of what died.

    Raises CannotStart, with everything stopped again.
    """
    started: list[Child] = []
    with (
        contextlib.suppress(KeyboardInterrupt),
        interrupts(started),
        open_data_folder(plan.data_dir) as folder,
        _stopped_at_the_end(folder, started, say),
    ):
        ports = choose_ports(plan.ports)
        with listen(ports.api) as listener:
            stack, findings = _start(plan, folder, ports, listener, started, say)
            write_stack_file(folder.stack_file, stack)
            say(next_steps(stack, folder, verdict_line(stack.mode, findings)))
            keep_running(started, lambda: _tell_pids(folder, stack, started), warn)


def _start(
    plan: Plan, folder: DataFolder, ports: Ports, listener: socket.socket, started: list[Child], say: Say
) -> tuple[StackFile, list[Finding]]:
    since = time.monotonic()
    haproxy = find_haproxy() if plan.edge else None
    parts = start_parts(folder, ports, started, quick=False)
    if haproxy:
        started.append(edge(folder, haproxy, ports))
        started[-1].start()
        wait_for_edge(started[-1], ports.edge)
    say(f"started: PostgreSQL, NATS, MinIO{', edge' if plan.edge else ''} ({time.monotonic() - since:.1f} s)")
    addresses = _addresses(parts, has_edge=plan.edge)
    service = service_environment(environment(), addresses, parts.secrets, plan.buckets)
    for name in asyncio.run(migrate(addresses.database_url)):
        say(f"migrated: {name}")
    asyncio.run(provision_storage(provision_settings(provision_environment(service, parts.secrets))))
    say(f"provisioned: buckets, identities, notifications, lifecycles, CORS ({time.monotonic() - since:.1f} s)")
    settings = api_settings(service)
    services = [
        *(api(folder, service, listener) for _ in range(plan.api_processes)),
        *(worker(folder, service) for _ in range(plan.worker_processes)),
    ]
    for child in services:
        started.append(child)
        child.start()
    # While they start, so that nobody waits for it. Quick, as the slower notification alone would take twice as long.
    findings = asyncio.run(_tested(settings))
    wait_for_api(services[0], ports.api)
    require_running(started)
    say(f"started: API, workers ({time.monotonic() - since:.1f} s)")
    folder.sample.write_bytes(sample_png())
    return _stack_file(parts, addresses, plan.buckets, settings, started), findings


async def _tested(settings: ApiSettings) -> list[Finding]:
    """None where storage does not answer at the address for clients: the caller's MINIO_PUBLIC_URL may be elsewhere."""
    try:
        return await self_test(settings, quick=True)
    except StorageUnavailable:
        return []


def _addresses(parts: Parts, *, has_edge: bool) -> Addresses:
    return Addresses(
        database_url=parts.database_url,
        nats_url=parts.nats_url,
        minio_endpoint=parts.minio_endpoint,
        api_url=f"http://{LOOPBACK}:{parts.ports.api}",
        edge_url=f"http://{STORAGE_HOST}:{parts.ports.edge}" if has_edge else None,
    )


def _stack_file(
    parts: Parts, addresses: Addresses, buckets: Buckets, settings: ApiSettings, started: Sequence[Child]
) -> StackFile:
    return StackFile(
        api_url=addresses.api_url,
        minio_url=f"http://{addresses.minio_endpoint}",
        nats_url=addresses.nats_url,
        database_url=addresses.database_url,
        jwt_secret=parts.secrets.jwt_secret,
        pids=_pids(started),
        tokens=stack_tokens(parts.secrets),
        mode=buckets.mode,
        buckets={"media": buckets.media, "invoices": buckets.invoices, "incoming": buckets.incoming},
        minio_root=parts.secrets.root,
        edge_url=addresses.edge_url,
        cors_allowed_origins=",".join(settings.cors_allowed_origins),
    )


def _tell_pids(folder: DataFolder, stack: StackFile, started: Sequence[Child]) -> None:
    write_stack_file(folder.stack_file, msgspec.structs.replace(stack, pids=_pids(started)))


def _pids(started: Sequence[Child]) -> Pids:
    def of(part: str) -> list[int]:
        return [child.pid for child in started if child.part == part]

    return Pids(
        api=of("api"),
        worker=of("worker"),
        minio=of("minio")[0],
        nats=of("nats")[0],
        postgres=of("postgres")[0],
        edge=next(iter(of("edge")), None),
    )


@contextlib.contextmanager
def _stopped_at_the_end(folder: DataFolder, started: Sequence[Child], say: Say) -> Iterator[None]:
    folder.stack_file.unlink(missing_ok=True)  # of a stack that was killed
    try:
        yield
    finally:
        folder.stack_file.unlink(missing_ok=True)
        try:
            for part in _STOP_ORDER:
                children = [child for child in started if child.part == part]
                if children:
                    say(f"stopping {part}")
                stop(children)
        finally:  # an interrupt while a failed start is cleaned up
            for child in started:
                child.kill()
