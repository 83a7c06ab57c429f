"""Connect to a Ray cluster: its address, its resources, and errors that say what to type next."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from re import fullmatch
from typing import Any

from mlpctl.errors import DeviceError, UsageError

CONNECT_SECONDS = 10.0
"""In which the head of a cluster has to answer, and then to greet."""

HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""First bytes of a client of HTTP/2, which Ray speaks: preface and empty settings (RFC 9113, 3.4 and 6.5)."""

GREETING = 4
"""Type of the frame that a server's answer begins with: its own settings; the fourth byte (RFC 9113, section 4.1)."""

START = "`ray start --head` on one machine starts a cluster, `ray start --address=HEAD:6379` adds this one"

TOKEN = "; RAY_AUTH_TOKEN must be the head's where that asks for one"

RAY_ENVIRONMENT = {
    "RAY_NUM_REDIS_GET_RETRIES": "2",  # of connecting; with 20, what is not Ray at all is asked for 15 minutes
    "RAY_task_oom_retries": "1",  # for ever otherwise, of what no node has the memory for
}
"""Of Ray, unless the user's environment says otherwise; read when it is imported."""


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to.

    Attributes:
        jobs: tasks at a time, where the user set that; None for as many as there is room for.
    """

    jobs: int | None = None

    def slots(self, cpus: int, device: str) -> int:
        """Return how many tasks of so many CPUs, and on cuda of a GPU each, fit; a task is on one node."""
        per_node = ((int(has.get("CPU", 0)) // cpus, int(has.get("GPU", 0))) for has in _nodes())
        return sum(min(tasks, gpus) if device == "cuda" else tasks for tasks, gpus in per_node)

    def trials(self) -> int:
        """Return how many trials train at a time."""
        return self.jobs or max(self.slots(1, "cpu"), 1)

    def facts(self) -> dict[str, Any]:
        """Return the size of the cluster, for environment.json."""
        import ray

        nodes = _nodes()
        cpus, gpus = (int(sum(has.get(name, 0) for has in nodes)) for name in ("CPU", "GPU"))
        return {"ray": ray.__version__, "nodes": len(nodes), "cpus": cpus, "gpus": gpus}


def _nodes() -> list[dict[str, float]]:
    """Return the resources of each living node."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


@contextmanager
def connected(address: str, jobs: int | None) -> Iterator[Cluster]:
    """Yield the cluster at an address, HOST:PORT or auto for the one that this machine is part of.

    Args:
        address: as the user gave it.
        jobs: tasks at a time; None for as many as there is room for.

    Raises:
        UsageError: for what is no address, or where Ray is not installed.
        DeviceError: if there is no cluster, or it does not let us in.
    """
    if find_spec("ray") is None:
        raise UsageError("--cluster needs Ray: pip install 'mlpctl[cluster]', here and on every node")
    if address != "auto":
        check_answers(address)
    for name, value in RAY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray
    from ray.exceptions import RayError

    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (RayError, ConnectionError, RuntimeError, ValueError, OSError) as error:
        ray.shutdown()
        why = " ".join(str(error).split()).partition(". ")[0]
        raise DeviceError(f"cannot use the cluster {address}: {why}; {START}{TOKEN}") from error
    try:
        yield Cluster(jobs)
    finally:
        ray.shutdown()


def check_answers(address: str) -> None:
    """Check that something listens at HOST:PORT, and that it may be Ray: Ray itself would ask it for over a minute.

    Raises:
        UsageError: if it is no HOST:PORT.
        DeviceError: if nothing does, or what does is not Ray.
    """
    match = fullmatch(r"(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})", address)
    if match is None or not 0 < int(match["port"]) < 1 << 16:
        raise UsageError(f"--cluster is HOST:PORT, as 10.0.0.1:6379, or auto; got '{address}'")
    try:
        connection = socket.create_connection((match["host"].strip("[]"), int(match["port"])), CONNECT_SECONDS)
    except OSError as error:
        raise DeviceError(f"no cluster answers at {address}: {error.strerror or error}; {START}") from None
    with connection:
        if os.environ.get("RAY_USE_TLS") not in (None, "", "0"):
            return  # then the first word is TLS's
        try:
            connection.sendall(HELLO)
            answer = connection.recv(4, socket.MSG_WAITALL)
        except OSError:
            answer = b""
    if answer[3:] != bytes([GREETING]):
        raise DeviceError(f"what answers at {address} is not Ray's head, whose port is 6379 by default; {START}")
