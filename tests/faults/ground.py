"""The service in small as it runs in production: APIs, workers, NATS, MinIO, PostgreSQL, each a process to be hurt."""

import asyncio
import contextlib
import json
import random
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

import asyncpg
import msgspec
import psutil

from app.config import Bus, environment, provision_settings
from app.event_streams import make_billing_stream, provision_streams
from app.local.child import Child, Command, stop
from app.local.data_folder import DataFolder, open_data_folder
from app.local.minio import minio
from app.local.minio_binary import find_minio
from app.local.nats_server import nats_server, nats_url
from app.local.ports import LOOPBACK, Ports, choose_ports, listen
from app.local.postgres import database_url, postgres
from app.local.services import api, wait_for_api
from app.local.settings import Addresses, provision_environment, service_environment
from app.local.stack_secrets import load_or_make_secrets
from app.migrations import migrate
from app.object_store_admin import provision_storage
from tests.faults.dropping import DroppingWire
from tests.processes import family, wait_for_server
from tests.stack import MODES

_ROOT = Path(__file__).parents[2]


class Ground:
    """Every process by its name: postgres, nats, minio, api-1, api-2, worker-1, worker-2."""

    def __init__(self, mode: str, folder: DataFolder, ports: Ports, listener: socket.socket, wires, settings) -> None:
        self.mode = mode
        self.folder = folder
        self.ports = ports
        self.fast, self.durable = wires
        self.secrets = load_or_make_secrets(folder.secrets_file)
        self.buckets = MODES[mode]
        self.addresses = Addresses(
            database_url=database_url(ports.postgres, self.secrets.postgres_password),
            nats_url=nats_url(ports.nats, self.secrets.nats_password),
            minio_endpoint=f"{LOOPBACK}:{ports.minio}",
            api_url=f"http://{LOOPBACK}:{ports.api}",
        )
        inherited = {"PATH": environment()["PATH"], **settings}
        self.environment = service_environment(inherited, self.addresses, self.secrets, self.buckets)
        self.doom = folder.path / "doom"
        self.children = {
            "postgres": postgres(folder, ports, self.secrets, quick=False),
            "nats": nats_server(folder, ports, self.secrets),
            "minio": self._minio(),
            "api-1": api(folder, self.environment, listener),
            "api-2": api(folder, self.environment, listener),
            "worker-1": self._worker(),
            "worker-2": self._worker(),
        }

    def _minio(self) -> Child:
        """Notifications go through the wires."""
        command = minio(self.folder, find_minio(), self.ports, self.secrets).command
        rewired = {
            **command.environment,
            "MINIO_NOTIFY_NATS_ADDRESS_FAST": f"{LOOPBACK}:{self.fast.port}",
            "MINIO_NOTIFY_NATS_ADDRESS_DURABLE": f"{LOOPBACK}:{self.durable.port}",
        }
        return Child(msgspec.structs.replace(command, environment=rewired))

    def _worker(self) -> Child:
        return Child(
            Command(
                part="worker",
                arguments=[sys.executable, "-m", "tests.faults.doomed_worker"],
                environment={**self.environment, "DOOM": str(self.doom)},
                log=self.folder.log("worker"),
                death_signal=signal.SIGKILL,
                descriptors=(self.folder.lock,),
                folder=_ROOT,
            )
        )

    async def start(self) -> None:
        """Everything, in the order in which an operator would."""
        await self.start_part("postgres")
        await self.start_part("nats")
        bus = Bus(url=self.addresses.nats_url, credentials_file=None)
        await provision_streams(bus)
        await make_billing_stream(bus)
        await self.start_part("minio")
        await migrate(self.addresses.database_url)
        await provision_storage(provision_settings(provision_environment(self.environment, self.secrets)))
        for name in ("api-1", "api-2", "worker-1", "worker-2"):
            await self.start_part(name)
        await asyncio.to_thread(wait_for_api, self.children["api-1"], self.ports.api)

    async def start_part(self, name: str) -> None:
        """Until it can be used; of API and worker, until the process runs."""
        child = self.children[name]
        child.start()
        if child.part not in ("api", "worker"):
            await asyncio.to_thread(wait_for_server, child, self.ports)

    async def kill(self, name: str) -> None:
        """Kill -9, with whatever it started."""
        self.signal(name, signal.SIGKILL)
        await self.ended(name)

    async def ended(self, name: str) -> None:
        """Until it is gone."""
        await asyncio.to_thread(self.children[name].wait, 30)

    async def end(self, name: str) -> None:
        """As an operator stops it."""
        self.children[name].ask_to_stop()
        await self.ended(name)

    def signal(self, name: str, number: signal.Signals) -> None:
        """To the process and whatever it started."""
        child = self.children[name]
        if child.is_running():
            for process in family(child.pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

    def backends(self) -> list[psutil.Process]:
        """PostgreSQL's processes that serve a connection: one that is killed sends all into crash recovery."""
        found = []
        for process in family(self.children["postgres"].pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "media media 127.0.0.1" in " ".join(process.cmdline()):
                    found.append(process)
        return found

    @contextlib.asynccontextmanager
    async def database(self):
        """A connection of the superuser's."""
        connection = await asyncpg.connect(self.addresses.database_url)
        try:
            yield connection
        finally:
            await connection.close()

    def wipe_nats(self) -> None:
        """All that NATS had on disk but its configuration, while it is down."""
        shutil.rmtree(self.folder.path / "nats" / "jetstream", ignore_errors=True)

    def failures(self) -> list[str]:
        """Lines of API and workers that tell of a bug: whatever is only away is a warning."""
        lines = []
        for part in ("api", "worker"):
            for line in self.folder.log(part).read_text(errors="replace").splitlines():
                with contextlib.suppress(ValueError):
                    if json.loads(line).get("level") in ("error", "critical"):
                        lines.append(f"{part}: {line}")
                        continue
                if line.startswith(("Traceback", "Fatal Python error")):
                    lines.append(f"{part}: {line}")
        return lines

    def dead(self) -> list[str]:
        """Processes that are not running though nobody ended them."""
        return [name for name, child in self.children.items() if not child.is_running()]


@contextlib.asynccontextmanager
async def open_ground(mode: str, rng: random.Random | None = None, **settings: str):
    """All processes on free ports in a folder of their own; `settings` are theirs. Ended with whatever is left."""
    rng = rng or random.Random(0)
    with (
        tempfile.TemporaryDirectory(prefix="media-faults-") as home,
        open_data_folder(Path(home) / "data") as folder,
        contextlib.ExitStack() as sockets,
    ):
        ports = choose_ports(Ports())
        listener = sockets.enter_context(listen(ports.api))
        fast, durable = DroppingWire(rng), DroppingWire(rng)
        async with fast.listening(ports.nats), durable.listening(ports.nats):
            ground = Ground(mode, folder, ports, listener, (fast, durable), settings)
            try:
                await ground.start()
                yield ground
            finally:
                for name in ground.children:
                    ground.signal(name, signal.SIGCONT)
                await asyncio.to_thread(stop, reversed(ground.children.values()))
