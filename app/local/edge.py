"""HAProxy before MinIO, as deploy/edge has it: what clients reach with `media run --edge`."""

import shutil
import socket
from pathlib import Path
from typing import Final

from app.config import environment
from app.local.child import Child, Command, wait_until
from app.local.data_folder import DataFolder
from app.local.ports import LOOPBACK, Ports
from app.local.problem import CannotStart

_CONFIGURATION: Final = Path(__file__).parents[2] / "deploy/edge/haproxy.cfg"
_SYSTEM_FOLDERS: Final = "/usr/local/sbin:/usr/sbin"  # not on everyone's PATH


def find_haproxy() -> Path:
    """Raises CannotStart if it is not installed."""
    program = shutil.which("haproxy", path=f"{environment().get('PATH', '')}:{_SYSTEM_FOLDERS}")
    if program is None:
        raise CannotStart(
            "--edge needs HAProxy, which is not installed. On Debian, as root: apt-get install haproxy "
            "(or make system-packages). Without --edge clients reach MinIO itself."
        )
    return Path(program)


def edge(folder: DataFolder, program: Path, ports: Ports) -> Child:
    """The server, ready to be started."""
    return Child(
        Command(
            part="edge",
            arguments=[program, "-db", "-f", _CONFIGURATION],
            environment={
                **environment(),
                "EDGE_ADDRESS": f"{LOOPBACK}:{ports.edge}",
                "STORAGE_ADDRESS": f"{LOOPBACK}:{ports.minio}",
            },
            log=folder.log("edge"),
            descriptors=(folder.lock,),
        )
    )


def wait_for_edge(child: Child, port: int) -> None:
    """Until it takes connections. Raises CannotStart."""

    def ready() -> bool:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
        except OSError:
            return False
        return True

    wait_until(child, ready)
