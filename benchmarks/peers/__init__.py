"""Contestants: the function `contest` of a module trains a workload and returns its seconds and accuracy."""

import statistics
import time
from collections.abc import Callable
from typing import TypeVar

STEADY = 1.0
"""Seconds for which a training is repeated: one pass of 50 ms is as fast as the machine happens to be just then."""

T = TypeVar("T")


def steady(train: Callable[[], T], fill: float = STEADY) -> tuple[float, T]:
    """Return (median seconds of passes that take `fill` seconds together, one at least; result of the first pass)."""
    seconds: list[float] = []
    ends: list[T] = []
    while sum(seconds) < fill:
        started = time.perf_counter()
        end = train()
        seconds.append(time.perf_counter() - started)
        ends = ends or [end]
    return statistics.median(seconds), ends[0]
