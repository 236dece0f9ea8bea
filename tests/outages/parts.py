"""PostgreSQL, NATS and MinIO of one's own, to be stopped, killed and started again; API and worker as processes."""

import asyncio
import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from app.local.parts import run_parts
from tests.processes import family, wait_for_server
from tests.stack import TEMPLATE, UNLIMITED, Stack, database_named, prepare

PATIENCE_SECONDS = 30.0


class OwnParts:
    """Three servers, and what can befall them."""

    def __init__(self, parts, stack):
        self.parts = parts
        self.stack = stack

    def environment(self, mode="in place"):
        # What these tests do often is neither limited nor examined.
        room = UNLIMITED | {"STORE_SELF_TEST": "off"}
        return self.stack.environment(mode, database_named(self.stack.database_url, TEMPLATE)) | room

    @contextlib.contextmanager
    def silent(self, part):
        """Stopped: connections stay open, new ones are made by the kernel, and nothing is ever answered."""
        stopped = family(getattr(self.parts, part).pid)
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
        doomed = family(getattr(self.parts, part).pid)
        for process in doomed:
            process.kill()
        getattr(self.parts, part).wait(PATIENCE_SECONDS)
        psutil.wait_procs(doomed, timeout=PATIENCE_SECONDS)

    def start(self, part):
        child = getattr(self.parts, part)
        child.start()
        wait_for_server(child, self.parts.ports)


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
