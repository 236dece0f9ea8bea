"""A server with all its processes (PostgreSQL's have process groups of their own), and when it can be used again."""

import psutil

from app.local.minio import wait_for_minio
from app.local.nats_server import wait_for_nats
from app.local.postgres import wait_for_postgres


def family(pid):
    """The server first, the youngest of its processes last."""
    server = psutil.Process(pid)
    return [server, *server.children(recursive=True)]


def wait_for_server(child, ports):
    """Until it can be used."""
    if child.part == "postgres":
        wait_for_postgres(child)
    elif child.part == "nats":
        wait_for_nats(child, ports.nats)
    else:
        wait_for_minio(child, ports.minio)
