"""The service's own processes: APIs that share one listening socket, and workers."""

import http.client
import signal
import socket
import sys
from collections.abc import Mapping

from app.local.child import Child, Command, wait_until
from app.local.data_folder import DataFolder
from app.local.ports import LOOPBACK

# -P: the package that this program was installed with, not an `app` that lies in the caller's folder.
_MEDIA = (sys.executable, "-P", "-m", "app")
# An orderly end would wait for parts that die at the same time. Both may be killed at any instruction.
_DEATH_SIGNAL = signal.SIGKILL


def api(folder: DataFolder, environment: Mapping[str, str], listener: socket.socket) -> Child:
    """An API process, ready to be started."""
    return Child(
        Command(
            part="api",
            arguments=[*_MEDIA, "api", "--fd", str(listener.fileno())],
            environment=environment,
            log=folder.log("api"),
            death_signal=_DEATH_SIGNAL,
            descriptors=(folder.lock, listener.fileno()),
        )
    )


def worker(folder: DataFolder, environment: Mapping[str, str]) -> Child:
    """A worker process, ready to be started."""
    return Child(
        Command(
            part="worker",
            arguments=[*_MEDIA, "worker"],
            environment=environment,
            log=folder.log("worker"),
            death_signal=_DEATH_SIGNAL,
            descriptors=(folder.lock,),
        )
    )


def wait_for_api(child: Child, port: int) -> None:
    """Until one of the APIs on this port says that it is ready. Raises CannotStart."""

    def ready() -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    wait_until(child, ready)
