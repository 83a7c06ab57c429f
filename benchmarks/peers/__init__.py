"""One script a contestant: `python -m benchmarks.peers.NAME WORK` prints what it measured as a line of JSON."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from benchmarks.workloads import WORKLOADS, Workload

STEADY = 1.0
"""Seconds for which a training is repeated: one pass of 50 ms is as fast as the machine happens to be just then."""

T = TypeVar("T")


def steady(train: Callable[[], T], fill: float = STEADY) -> tuple[float, T]:
    """Return (seconds, what the first pass returned): the median of passes, as many as fill so long, one at least."""
    seconds: list[float] = []
    ends: list[T] = []
    while sum(seconds) < fill:
        started = time.perf_counter()
        end = train()
        seconds.append(time.perf_counter() - started)
        ends = ends or [end]
    return statistics.median(seconds), ends[0]


def run(contest: Callable[[Workload, str], dict[str, Any]]) -> None:
    """Run a contestant on the workload that the command line names, and print the result."""
    workload, variant = WORKLOADS[sys.argv[1]], sys.argv[2] if len(sys.argv) > 2 else ""
    print(json.dumps(contest(workload, variant)))
