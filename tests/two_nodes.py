"""A real Ray cluster of two nodes on loopback, in a process of its own: `python -m tests.two_nodes`.

Prints its address and the process id of the second node's raylet, and lives until its input ends.
"""

import sys
import tempfile
from typing import Any

from ray.cluster_utils import Cluster

NODE: dict[str, Any] = {
    "node_ip_address": "127.0.0.1",
    "num_cpus": 1,
    "object_store_memory": 80_000_000,
    "include_dashboard": False,
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "temp_dir": folder})
        try:
            second = cluster.add_node(**NODE)
            (raylet,) = second.all_processes["raylet"]
            print(cluster.address, raylet.process.pid, flush=True)
            sys.stdin.read()
        finally:
            cluster.shutdown()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
