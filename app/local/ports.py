"""Which ports the stack listens on. All of them on 127.0.0.1."""

import secrets
import socket
from typing import Final

import msgspec

from app.local.problem import CannotStart

LOOPBACK: Final = "127.0.0.1"
# Below what kernels hand out for outgoing connections, so that nobody takes a port while its part is started again.
_FREE_RANGE: Final = range(20_000, 32_000)
_TRIES: Final = 200


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """0 means any free one."""

    api: int = 0
    edge: int = 0
    minio: int = 0
    nats: int = 0
    postgres: int = 0


def choose_ports(wanted: Ports) -> Ports:
    """The same ports with every 0 replaced. Raises CannotStart naming every port that is taken, and its option."""
    options = {
        "api": "--port",
        "edge": "--edge-port",
        "minio": "--minio-port",
        "nats": "--nats-port",
        "postgres": "--postgres-port",
    }
    given = {part: int(getattr(wanted, part)) for part in options}
    taken = [part for part, port in given.items() if port and not _is_free(port)]
    if taken:
        named = ", ".join(f"{given[part]} ({part})" for part in taken)
        asked = " ".join(f"{options[part]} 0" for part in taken)
        raise CannotStart(
            f"port {named} is taken by another program. Stop that program, "
            f"or let the stack take any free port: media run {asked}"
        )
    chosen: dict[str, int] = {}
    for part, port in given.items():
        chosen[part] = port or _any_free(frozenset((*given.values(), *chosen.values())))
    return Ports(**chosen)


def listen(port: int) -> socket.socket:
    """A listening socket that several API processes can share. Raises CannotStart if the port was taken meanwhile."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise CannotStart(f"port {port} (api) can't be used: {error.strerror}.") from error
    listener.listen(2048)
    return listener


def _any_free(unwanted: frozenset[int]) -> int:
    for _ in range(_TRIES):
        port = secrets.choice(_FREE_RANGE)
        if port not in unwanted and _is_free(port):
            return port
    raise CannotStart("no free port was found.")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
