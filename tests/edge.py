"""The real edge, HAProxy with the configuration of deploy/edge, before the storage of the test run."""

import contextlib
import tempfile
from pathlib import Path

import pytest

from app.local.child import stop
from app.local.data_folder import open_data_folder
from app.local.edge import edge, find_haproxy, wait_for_edge
from app.local.ports import LOOPBACK, Ports, choose_ports
from app.local.problem import CannotStart


@contextlib.contextmanager
def running_edge(minio_endpoint):
    """Its URL, and its log."""
    try:
        program = find_haproxy()
    except CannotStart as problem:
        pytest.skip(str(problem))
    with tempfile.TemporaryDirectory(prefix="media-edge-") as path, open_data_folder(Path(path)) as folder:
        ports = Ports(edge=choose_ports(Ports()).edge, minio=int(minio_endpoint.rpartition(":")[2]))
        child = edge(folder, program, ports)
        child.start()
        try:
            wait_for_edge(child, ports.edge)
            yield f"http://{LOOPBACK}:{ports.edge}", child.command.log
        finally:
            stop([child])
