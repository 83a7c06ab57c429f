"""Run a contestant: `python -m benchmarks.peers MODULE WORK VARIANT SEED` prints its measurement as a line of JSON."""

import json
import sys
from importlib import import_module

from benchmarks.workloads import WORKLOADS

if __name__ == "__main__":
    module, work, variant, seed = sys.argv[1:]
    print(json.dumps(import_module(f"benchmarks.peers.{module}").contest(WORKLOADS[work], variant, int(seed))))
