"""A real Ray cluster of two nodes on loopback, in a process of its own: `python -m tests.helpers.two_nodes`.

Prints its address and the process id of the second node's raylet, and lives until its input ends.
"""

import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

NODE: dict[str, Any] = {
    "node_ip_address": "127.0.0.1",
    "num_cpus": 1,
    "object_store_memory": 80_000_000,
    "include_dashboard": False,
}


STARTS = 5
"""Times that a start is tried: Ray itself gives a node 30 s, which a busy machine does not keep."""


def started(folder: str) -> tuple[Cluster, int]:
    """Return a cluster and the process id of the second node's raylet.

    Raises:
        Exception: what Ray raised at the last try; those before are printed on stderr.
    """
    temp_dir = Path(folder) / "ray"
    temp_dir.mkdir()  # Ray keeps its address there, and makes the folder later
    os.environ["RAY_TMPDIR"] = folder
    cluster = Cluster()
    try:
        cluster.add_node(**NODE, temp_dir=str(temp_dir))
        second = cluster.add_node(**NODE)
        (raylet,) = second.all_processes["raylet"]
    except BaseException:
        cluster.shutdown()  # type: ignore[no-untyped-call]
        raise
    return cluster, raylet.process.pid


def main() -> None:
    for start in range(1, STARTS + 1):
        with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
            try:
                cluster, raylet = started(folder)
            except Exception:  # Ray raises a bare Exception where a node is late
                traceback.print_exc()
                if start == STARTS:
                    raise
                continue
            try:
                print(cluster.address, raylet, flush=True)
                sys.stdin.read()
            finally:
                cluster.shutdown()  # type: ignore[no-untyped-call]
            return


if __name__ == "__main__":
    main()
