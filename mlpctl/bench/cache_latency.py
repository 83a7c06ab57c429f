"""Find the caches: as the system lists them, and as the latency of loads over growing sizes shows them."""

import mmap
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.sampling import Workload

CPUS = Path("/sys/devices/system/cpu")

LINE_BYTES = 64  # bytes of a cache line: the distance from one load to the nearest other
PER_OCTAVE = 3  # sizes between one and its double
SMALLEST_CHAIN, LARGEST_CHAIN = 8 << 10, 64 << 20  # bytes of the first size, and of the last at least …
BEYOND = 4  # … which is so many times the last cache …
CHAIN_SHARE = 16  # … and at most one part in so many of the available memory
CHAIN_SECONDS = 1e-3  # loads of a run, about
RISE = 0.35  # octaves of time per octave of memory from which time rises: noise and address translation stay below
LEVEL_FACTOR, LEVEL_OCTAVES = 1.5, 0.6
"""Two levels differ by such a factor at least, and each spans more octaves of memory than that."""


LARGE_PAGE = 2 << 20  # bytes of a large page, where the system gives such: an array begins with one


@dataclass(frozen=True)
class Cache:
    """A level of data caches, as the system lists it."""

    name: str  # L1, L2, …
    bytes: int  # of one cache
    total: int  # bytes of all caches of the level


@dataclass(frozen=True)
class LatencyLevel:
    """Sizes at which a load takes about equally long (those that one cache holds), and the rise behind them."""

    first: int  # bytes of the smallest
    last: int  # bytes of the largest
    seconds: float  # of a load, the median over the sizes
    half_way: int | None = None  # bytes at which a load takes the geometric mean of this level's time and the next's
    cache: Cache | None = None  # whose size, as the system lists it, lies within the rise to the next level


def caches(cpus: Path = CPUS) -> list[Cache]:
    """Return the levels of data caches, nearest first; [] where the system lists none."""
    found: dict[int, dict[str, int]] = {}
    for folder in sorted(cpus.glob("cpu[0-9]*/cache/index[0-9]*")):
        kind, level, size = (_text(folder / name) for name in ("type", "level", "size"))
        if kind in ("Data", "Unified") and level.isdecimal() and (number := _bytes(size)):
            shared = _text(folder / "shared_cpu_list") or folder.parent.parent.name
            found.setdefault(int(level), {})[shared] = number
    return [Cache(f"L{level}", max(own.values()), sum(own.values())) for level, own in sorted(found.items())]


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:  # a guest may have the folder and not the file
        return ""


def _bytes(size: str) -> int:
    number, unit = size[:-1], "KMG".find(size[-1:])
    return int(number) << 10 * (unit + 1) if size and unit >= 0 and number.isdecimal() else 0


def chain_sizes(levels: list[Cache]) -> list[int]:
    """Return the bytes that loads are spread over, growing, as far as memory goes."""
    import psutil

    last = max(BEYOND * levels[-1].bytes if levels else 0, LARGEST_CHAIN)
    last = min(last, int(psutil.virtual_memory().available) // CHAIN_SHARE)
    count = int(np.log2(last / SMALLEST_CHAIN) * PER_OCTAVE) + 1
    exact = SMALLEST_CHAIN * 2.0 ** (np.arange(max(count, 1)) / PER_OCTAVE)
    return [round(size / LINE_BYTES) * LINE_BYTES for size in exact]


def load_chain(n_bytes: int, *, cached: bool, seed: int = 0) -> Workload:
    """Return the workload of one load in a random cycle over all cache lines of `n_bytes`.

    Args:
        n_bytes: of the lines.
        cached: whether a cache may hold them all: then each run first reads them in order, since what ran before has
            filled the caches with its own.
        seed: of the cycle.
    """
    from mlpctl.bench.compiled_loops import chase

    following = chain_of(n_bytes // LINE_BYTES, seed)
    at = int(chase(following, 0, min(n_bytes // LINE_BYTES, 8192)))
    started = time.perf_counter()
    at = int(chase(following, at, 4096))
    steps = max(int(CHAIN_SECONDS / (time.perf_counter() - started) * 4096), 4096)

    def run() -> float:
        nonlocal at
        if cached:
            following[:: LINE_BYTES // 8].max()
            at = int(chase(following, at, min(n_bytes // LINE_BYTES, 1024)))
        begun = time.perf_counter()
        at = int(chase(following, at, steps))
        return (time.perf_counter() - begun) / steps

    return run


def chain_of(lines: int, seed: int) -> NDArray[np.uint64]:
    """Return places (8 a line, the first of each used) that name the next one, in one random cycle over all lines."""

    apart = LINE_BYTES // 8
    following: NDArray[np.uint64] = large_page_zeros(lines * apart, np.uint64)
    order = np.random.default_rng(seed).permutation(lines).astype(np.uint64) * np.uint64(apart)
    following[order] = np.roll(order, -1)
    return following


def latency_levels(sizes: Sequence[int], seconds: Sequence[float], known: Sequence[Cache]) -> list[LatencyLevel]:
    """Return the levels in the latency, nearest first: where it grows slowly with the size.

    The first size begins a level and the last ends one; neighbours that differ too little are one.

    Args:
        sizes: bytes, growing.
        seconds: of a load at each size.
        known: caches as the system lists them.
    """
    smooth, octaves = _smooth(seconds), np.log2(np.asarray(sizes, dtype=np.float64))
    slopes = np.diff(np.log2(smooth)) / np.diff(octaves)
    flat = np.split(np.arange(len(sizes)), np.flatnonzero(slopes >= RISE) + 1)  # places between which time grows slowly
    wide = [run for run in flat if octaves[run[-1]] - octaves[run[0]] > LEVEL_OCTAVES or run[0] == 0
            or run[-1] == len(sizes) - 1]  # fmt: skip
    merged = wide[:1]
    for run in wide[1:]:
        if np.median(smooth[run]) < LEVEL_FACTOR * np.median(smooth[merged[-1]]):
            merged[-1] = np.arange(merged[-1][0], run[-1] + 1)
        else:
            merged.append(run)
    levels = [LatencyLevel(sizes[run[0]], sizes[run[-1]], float(np.median(smooth[run]))) for run in merged]
    for place, (near, far) in enumerate(pairwise(levels)):
        middle = np.log(near.seconds * far.seconds) / 2
        at = 2 ** float(np.interp(middle, np.log(smooth), octaves))
        within = [cache for cache in known if near.last <= cache.bytes <= far.first]
        nearest = min(within, key=lambda cache: abs(np.log(cache.bytes / at)), default=None)
        levels[place] = replace(near, half_way=round(at), cache=nearest)
    return levels


def _smooth(seconds: Sequence[float]) -> NDArray[np.float64]:
    """Return times that grow with the size (isotonic regression of their logarithms): what falls is noise."""
    from scipy.optimize import isotonic_regression

    return np.asarray(np.exp(isotonic_regression(np.log(np.asarray(seconds, dtype=np.float64))).x))


def large_page_zeros(n: int, dtype: Any = np.float64) -> NDArray[Any]:
    """Return an array (n,) on large pages where the system gives such, so that address translation costs least.

    No page exists before it is written: the thread that writes it first has it near (NUMA).
    """
    size = -(-n * np.dtype(dtype).itemsize // LARGE_PAGE) * LARGE_PAGE
    room = mmap.mmap(-1, size + LARGE_PAGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        room.madvise(mmap.MADV_HUGEPAGE)
    begins = np.frombuffer(room, np.uint8).ctypes.data % LARGE_PAGE
    return np.frombuffer(room, dtype, n, offset=(LARGE_PAGE - begins) % LARGE_PAGE)
