"""PostgreSQL, NATS and MinIO of one's own, to be stopped, killed and started again; API and worker as processes."""

import asyncio
import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from app.local.minio import wait_for_minio
from app.local.nats_server import wait_for_nats
from app.local.parts import run_parts
from app.local.postgres import wait_for_postgres
from tests.stack import TEMPLATE, Stack, database_named, prepare

PATIENCE_SECONDS = 30.0


class OwnParts:
    """Three servers, and what can befall them."""

    def __init__(self, parts, stack):
        self.parts = parts
        self.stack = stack

    def environment(self, mode="in place"):
        # What these tests do often is neither limited nor examined.
        limits = ("UPLOAD_RATE_PER_MINUTE", "MAX_PENDING_UPLOADS", "REQUEST_RATE_PER_MINUTE")
        room = dict.fromkeys(limits, "0") | {"STORE_SELF_TEST": "off"}
        return self.stack.environment(mode, database_named(self.stack.database_url, TEMPLATE)) | room

    @contextlib.contextmanager
    def silent(self, part):
        """Stopped: connections stay open, new ones are made by the kernel, and nothing is ever answered."""
        stopped = _family(getattr(self.parts, part).pid)
        for process in stopped:
            process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    @contextlib.contextmanager
    def dead(self, part):
        """Killed with all its processes, and started again."""
        self.kill(part)
        try:
            yield
        finally:
            self.start(part)

    def kill(self, part):
        doomed = _family(getattr(self.parts, part).pid)
        for process in doomed:
            process.kill()
        getattr(self.parts, part).wait(PATIENCE_SECONDS)
        psutil.wait_procs(doomed, timeout=PATIENCE_SECONDS)

    def start(self, part):
        child, ports = getattr(self.parts, part), self.parts.ports
        child.start()
        if part == "postgres":
            wait_for_postgres(child)
        elif part == "nats":
            wait_for_nats(child, ports.nats)
        else:
            wait_for_minio(child, ports.minio)


def _family(pid):
    """A server and its processes, the youngest last: PostgreSQL's have process groups of their own."""
    server = psutil.Process(pid)
    return [server, *server.children(recursive=True)]


@contextlib.contextmanager
def own_parts():
    """Started and prepared in a thread of their own, as this one's event loop belongs to the tests."""
    with (
        tempfile.TemporaryDirectory(prefix="media-outages-") as folder,
        ThreadPoolExecutor(1) as thread,
        contextlib.ExitStack() as held,
    ):
        running = run_parts(data_dir := Path(folder) / "data", quick=False)  # what was committed must outlive a kill
        parts = thread.submit(running.__enter__).result()
        held.callback(lambda: thread.submit(running.__exit__, None, None, None).result())
        stack = Stack(parts.database_url, parts.nats_url, parts.minio_endpoint, parts.secrets, str(data_dir))
        thread.submit(_prepare, stack).result()
        yield OwnParts(parts, stack)


def _prepare(stack):
    asyncio.run(prepare(stack))
