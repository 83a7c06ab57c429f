"""How long a load takes, by how much memory loads are spread over: chains of loads, and the steps in their times."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.caches import Cache
from mlpctl.bench.memory_bandwidth import SHARE, zeros
from mlpctl.bench.timing import Once

LINE = 64
"""Bytes from one load to the nearest other: a cache line."""

PER_OCTAVE = 3
"""Sizes between one and its double."""

SMALLEST, LARGEST = 8 << 10, 64 << 20
"""Bytes of the first size, and of the last at least."""

BEYOND = 4
"""The last size is so many times the last cache, as far as the system tells."""

CHAIN_SECONDS = 1e-3
"""Loads of a run, about."""

RISE = 0.35
"""Octaves of time per octave of memory from which time rises: noise and address translation stay below."""

STEP = 1.5
"""Two levels differ by such a factor at least."""


@dataclass(frozen=True)
class Level:
    """Sizes at which a load takes about equally long: those that one cache holds.

    Attributes:
        first: bytes of the smallest size.
        last: of the largest.
        seconds: of a load, the median over the sizes.
    """

    first: int
    last: int
    seconds: float


@dataclass(frozen=True)
class Step:
    """The rise from one level to the next.

    Attributes:
        begins: bytes of the last size of the nearer level.
        at: bytes at which a load takes as many times longer than the nearer level as it takes shorter than the farther.
        ends: bytes of the first size of the farther level.
        cache: that the system says to have a size within the rise; None if there is none.
    """

    begins: int
    at: int
    ends: int
    cache: Cache | None


def sizes_of(levels: list[Cache]) -> list[int]:
    """Return the bytes that chains are spread over, growing, as far as memory goes."""
    import psutil

    last = max(BEYOND * levels[-1].bytes if levels else 0, LARGEST)
    last = min(last, int(psutil.virtual_memory().available) // (2 * SHARE))
    count = int(np.log2(last / SMALLEST) * PER_OCTAVE) + 1
    exact = SMALLEST * 2.0 ** (np.arange(max(count, 1)) / PER_OCTAVE)
    return [round(size / LINE) * LINE for size in exact]


def chain(n_bytes: int, *, cached: bool, seed: int = 0) -> Once:
    """Return what gives the seconds of a load in a random cycle over all cache lines of `n_bytes`.

    Args:
        n_bytes: that the lines have.
        cached: whether a cache may hold them all: then they are read in order before the loads are timed, since what
            was timed before has filled the caches with its own.
        seed: of the cycle.
    """
    from mlpctl.bench.memory_loops import chase

    lines, apart = n_bytes // LINE, LINE // 8
    following = zeros(lines * apart, np.uint64)
    order = np.random.default_rng(seed).permutation(lines).astype(np.uint64) * np.uint64(apart)
    following[order] = np.roll(order, -1)
    at = int(chase(following, 0, min(lines, 8192)))
    started = time.perf_counter()
    at = int(chase(following, at, 4096))
    steps = max(int(CHAIN_SECONDS / (time.perf_counter() - started) * 4096) // 8 * 8, 4096)

    def once() -> float:
        nonlocal at
        if cached:
            following[::apart].max()
            at = int(chase(following, at, min(lines, 1024)))
        begun = time.perf_counter()
        at = int(chase(following, at, steps))
        return (time.perf_counter() - begun) / steps

    return once


def levels_of(sizes: Sequence[int], seconds: Sequence[float]) -> list[Level]:
    """Return the levels in the time of a load, nearest first.

    A level is where time grows slowly with the size, over two thirds of an octave at least; the first size begins one
    and the last ends one. Neighbours that differ by less than STEP are one.

    Args:
        sizes: bytes, growing.
        seconds: of a load at each size.
    """
    smooth, octaves = _smooth(seconds), np.log2(np.asarray(sizes, dtype=np.float64))
    slopes = np.diff(np.log2(smooth)) / np.diff(octaves)
    runs = [[0]]  # places of sizes between which time grows slowly
    for place, slope in enumerate(slopes, start=1):
        if slope < RISE:
            runs[-1].append(place)
        else:
            runs.append([place])
    wide = [run for run in runs if octaves[run[-1]] - octaves[run[0]] > 0.6 or run in (runs[0], runs[-1])]
    merged = wide[:1]
    for run in wide[1:]:
        if np.median(smooth[run]) < STEP * np.median(smooth[merged[-1]]):
            merged[-1] = list(range(merged[-1][0], run[-1] + 1))
        else:
            merged.append(run)
    return [Level(sizes[run[0]], sizes[run[-1]], float(np.median(smooth[run]))) for run in merged]


def steps_of(levels: Sequence[Level], sizes: Sequence[int], seconds: Sequence[float], caches: Sequence[Cache]) \
        -> list[Step]:  # fmt: skip
    """Return the steps between levels, each with the cache that the system says to end there.

    Args:
        levels: of these times.
        sizes: bytes, growing.
        seconds: of a load at each size.
        caches: as the system tells them.
    """
    smooth, steps = np.log(_smooth(seconds)), []
    for near, far in pairwise(levels):
        middle = (np.log(near.seconds) + np.log(far.seconds)) / 2
        at = float(np.exp(np.interp(middle, smooth, np.log(np.asarray(sizes, dtype=np.float64)))))
        within = [cache for cache in caches if near.last <= cache.bytes <= far.first]
        nearest = min(within, key=lambda cache: abs(np.log(cache.bytes / at)), default=None)
        steps.append(Step(near.last, round(at), far.first, nearest))
    return steps


def _smooth(seconds: Sequence[float]) -> NDArray[np.float64]:
    """Return times that grow with the size (isotonic regression of their logarithms): what falls is noise."""
    from scipy.optimize import isotonic_regression

    return np.asarray(np.exp(isotonic_regression(np.log(np.asarray(seconds, dtype=np.float64))).x))
