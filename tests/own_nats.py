"""A NATS of a test's own, for what the stack's would share among all: a service's requests, parked messages."""

import asyncio
import contextlib
import tempfile
import threading
from pathlib import Path

from app.config import Bus
from app.event_streams import provision_streams
from app.local.child import stop
from app.local.data_folder import open_data_folder
from app.local.nats_server import nats_server, nats_url, wait_for_nats
from app.local.ports import Ports, choose_ports


@contextlib.contextmanager
def running_nats(secrets):
    """Its URL, with the streams made."""
    with tempfile.TemporaryDirectory(prefix="media-nats-") as home, open_data_folder(Path(home)) as folder:
        ports = choose_ports(Ports())
        server = nats_server(folder, ports, secrets)
        server.start()
        try:
            wait_for_nats(server, ports.nats)
            url = nats_url(ports.nats, secrets.nats_password)
            _provision(url)
            yield url
        finally:
            stop([server])


def _provision(url):
    """In a thread: this one's event loop belongs to the tests."""
    bus = Bus(url=url, credentials_file=None)
    making = threading.Thread(target=lambda: asyncio.run(provision_streams(bus)))
    making.start()
    making.join()
