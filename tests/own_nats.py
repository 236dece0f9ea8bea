"""A NATS of a test's own: for what the stack's would share among all, and for what nobody may do to the stack's."""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

from app.config import Bus
from app.event_streams import provision_streams
from app.local.child import stop
from app.local.data_folder import open_data_folder
from app.local.nats_server import nats_server, nats_url, wait_for_nats
from app.local.ports import Ports, choose_ports


class OwnNats:
    """The server's process and its store."""

    def __init__(self, server, port, url, store):
        self.url = url
        self._server = server
        self._port = port
        self._store = store

    def start(self):
        self._server.start()
        wait_for_nats(self._server, self._port)

    def kill(self):
        """As a power cut would."""
        self._server.kill()
        self._server.wait(10)

    def wipe(self):
        """All that it stored. It must be down."""
        shutil.rmtree(self._store)

    def freeze(self):
        """Until none of its threads runs: the signal takes its time."""
        os.kill(self._server.pid, signal.SIGSTOP)
        tasks = Path(f"/proc/{self._server.pid}/task")
        while any((task / "stat").read_text().rpartition(")")[2].split()[0] != "T" for task in tasks.iterdir()):
            time.sleep(0.005)

    def thaw(self):
        os.kill(self._server.pid, signal.SIGCONT)


@contextlib.contextmanager
def running_nats(secrets):
    """Its URL, with the streams made."""
    with own_nats_server(secrets) as server:
        yield server.url


@contextlib.contextmanager
def own_nats_server(secrets):
    """The server, with the streams made."""
    with tempfile.TemporaryDirectory(prefix="media-nats-") as home, open_data_folder(Path(home)) as folder:
        ports = choose_ports(Ports())
        server = nats_server(folder, ports, secrets)
        url = nats_url(ports.nats, secrets.nats_password)
        own = OwnNats(server, ports.nats, url, folder.path / "nats" / "jetstream")
        try:
            own.start()
            _provision(url)
            yield own
        finally:
            if server.is_running():
                own.thaw()
            stop([server])


def _provision(url):
    """In a thread: this one's event loop belongs to the tests."""
    bus = Bus(url=url, credentials_file=None)
    making = threading.Thread(target=lambda: asyncio.run(provision_streams(bus)))
    making.start()
    making.join()
