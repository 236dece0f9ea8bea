"""MinIO, run as our own process. Loopback only, no console, and every write announced on NATS twice.

`FAST` tells NATS at once and forgets what NATS did not take; `DURABLE` keeps it in a folder and is up to 3 s late. The
stream that takes `minio.events` must exist before MinIO starts: with none, DURABLE's queue stands still.
"""

import http.client
from pathlib import Path
from typing import Final

from app.config import environment
from app.events import NOTIFICATION_SUBJECT
from app.local.child import Child, Command, wait_until
from app.local.data_folder import DataFolder
from app.local.nats_server import USER as NATS_USER
from app.local.ports import LOOPBACK, Ports
from app.local.stack_secrets import StackSecrets

_FIXED: Final = {
    "MINIO_BROWSER": "off",
    "MINIO_UPDATE": "off",
    "MINIO_API_SYNC_EVENTS": "on",
}


def minio(folder: DataFolder, binary: Path, ports: Ports, secrets: StackSecrets) -> Child:
    """The server, ready to be started."""
    home = folder.path / "minio"
    data, queue, certificates = home / "data", home / "events", home / "certificates"
    for made in (home, data, queue, certificates):
        made.mkdir(mode=0o700, exist_ok=True)
    # Of the caller's MINIO_… variables most are the service's, and some would set up this server differently.
    inherited = {name: value for name, value in environment().items() if not name.startswith("MINIO_")}
    return Child(
        Command(
            part="minio",
            arguments=[
                binary,
                "server",
                data,
                "--address",
                f"{LOOPBACK}:{ports.minio}",
                "--certs-dir",  # else it would serve TLS with a certificate of the home folder
                certificates,
                "--quiet",
            ],
            environment={
                **inherited,
                **_FIXED,
                "MINIO_ROOT_USER": secrets.root.access_key,
                "MINIO_ROOT_PASSWORD": secrets.root.secret_key,
                **_target("FAST", ports.nats, secrets.nats_password),
                **_target("DURABLE", ports.nats, secrets.nats_password),
                "MINIO_NOTIFY_NATS_QUEUE_DIR_DURABLE": str(queue),
            },
            log=folder.log("minio"),
            descriptors=(folder.lock,),
        )
    )


def wait_for_minio(child: Child, port: int) -> None:
    """Until it can read and write. Raises CannotStart."""

    def ready() -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
        try:
            connection.request("GET", "/minio/health/cluster")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    wait_until(child, ready)


def _target(name: str, port: int, password: str) -> dict[str, str]:
    settings = {
        "ENABLE": "on",
        "ADDRESS": f"{LOOPBACK}:{port}",
        "SUBJECT": NOTIFICATION_SUBJECT,
        "JETSTREAM": "on",
        "USERNAME": NATS_USER,
        "PASSWORD": password,
    }
    return {f"MINIO_NOTIFY_NATS_{setting}_{name}": value for setting, value in settings.items()}
