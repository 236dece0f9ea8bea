"""Three NATS servers as one cluster, and a MinIO that tells one of them at once and another one in the end."""

import asyncio
import contextlib
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from app.config import Bus, environment
from app.event_streams import provision_streams
from app.local.child import Child, Command, stop
from app.local.data_folder import open_data_folder
from app.local.minio import minio, wait_for_minio
from app.local.minio_binary import find_minio
from app.local.nats_server import nats_url, wait_for_nats
from app.local.ports import Ports, choose_ports
from app.local.private_file import write_private

_NATS_SERVER = Path(sys.executable).parent / "nats-server"
_NAMES = ("one", "two", "three")


class Cluster:
    """By the names of its servers."""

    def __init__(self, servers, urls, minio_endpoint):
        self.servers = servers
        self.urls = urls
        self.minio_endpoint = minio_endpoint

    @property
    def url(self):
        return ",".join(self.urls.values())

    def kill(self, name):
        self.servers[name].kill()
        self.servers[name].wait(10)


@contextlib.contextmanager
def running_cluster(secrets):
    """With the streams made, three times each."""
    with (
        tempfile.TemporaryDirectory(prefix="media-cluster-") as home,
        open_data_folder(Path(home)) as folder,
        ThreadPoolExecutor(1) as thread,  # whose event loop is none of the tests'
    ):
        ports = {name: choose_ports(Ports()) for name in _NAMES}
        servers = {name: _server(folder, name, ports, secrets.nats_password) for name in _NAMES}
        store = _minio(folder, ports, secrets)
        try:
            for name, server in servers.items():
                server.start()
                wait_for_nats(server, ports[name].nats)
            urls = {name: nats_url(ports[name].nats, secrets.nats_password) for name in _NAMES}
            bus = Bus(",".join(urls.values()), None, stream_replicas=3)
            thread.submit(asyncio.run, _provision(bus)).result()
            store.start()
            wait_for_minio(store, ports["one"].minio)
            yield Cluster(servers, urls, f"127.0.0.1:{ports['one'].minio}")
        finally:
            stop([store])
            stop(servers.values())


def _server(folder, name, ports, password):
    home = folder.path / name
    home.mkdir(mode=0o700)
    settings = {
        "listen": f"127.0.0.1:{ports[name].nats}",
        "server_name": name,
        "jetstream": {"store_dir": str(home)},
        "authorization": {"users": [{"user": "media", "password": password}]},
        "cluster": {
            "name": "media",
            "listen": f"127.0.0.1:{ports[name].edge}",
            "routes": [f"nats://127.0.0.1:{ports[other].edge}" for other in _NAMES],
        },
    }
    configuration = home / "nats.conf"
    write_private(configuration, json.dumps(settings).encode())
    return Child(
        Command(
            part=name,
            arguments=[_NATS_SERVER, "--config", configuration],
            environment=environment(),
            log=folder.log(name),
            descriptors=(folder.lock,),
        )
    )


def _minio(folder, ports, secrets):
    """Each of its targets takes one address: of two servers one is left when the other dies."""
    store = minio(folder, find_minio(), ports["one"], secrets)
    told = {
        **store.command.environment,
        "MINIO_NOTIFY_NATS_ADDRESS_DURABLE": f"127.0.0.1:{ports['two'].nats}",
    }
    return Child(msgspec.structs.replace(store.command, environment=told))


async def _provision(bus):
    """As soon as the servers have agreed on who leads."""
    async with asyncio.timeout(30):
        while True:
            try:
                await provision_streams(bus)
            except Exception:  # noqa: BLE001  whatever a cluster says that has no leader yet
                await asyncio.sleep(0.2)
            else:
                return
