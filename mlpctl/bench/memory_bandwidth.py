"""Moving memory: STREAM's copy, scale, add and triad, on threads of the CPU and on a CUDA GPU.

Source: McCalpin, "Memory Bandwidth and Machine Balance in Current High Performance Computers", 1995. Bytes are counted
as there: those of the operands that are read and of the result that is written, each once.
"""

import mmap
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.caches import Cache
from mlpctl.bench.timing import Once

if TYPE_CHECKING:
    import torch

OPERANDS = {"copy": 2, "scale": 2, "add": 3, "triad": 3}
"""Operation -> arrays that it reads or writes: what STREAM counts."""

ALLOCATED = {"copy": 3, "scale": 3, "add": 4, "triad": 4}
"""The same with the lines that an ordinary store reads before it overwrites them."""

FACTOR = 3.0

TIMES_CACHE = 4
"""An array is so many times as large as all caches of the last level together, as STREAM's rules ask."""

LEAST_BYTES = 64 << 20

SHARE = 8
"""An array takes one part of so many of the memory that is available."""

LARGE_PAGE = 2 << 20
"""Bytes of a page where the system gives large ones: an array begins with one."""

PIECE = 64
"""Numbers: pieces of threads begin and end at multiples of it, on cache lines of their own."""

CACHED_SECONDS = 5e-4
"""A loop over arrays that fit a cache is repeated for about so long."""


def array_bytes(levels: list[Cache]) -> int:
    """Return the bytes of each array of the CPU: far more than the caches hold, where there is memory for it."""
    import psutil

    wanted = max(TIMES_CACHE * levels[-1].total if levels else 0, LEAST_BYTES)
    return min(wanted, int(psutil.virtual_memory().available) // SHARE) // 2**20 * 2**20


def zeros(n: int, dtype: Any = np.float64) -> NDArray[Any]:
    """Return an array (n,) on pages as large as the system gives, so that address translation costs least.

    No page is there before it is written: who writes it first has it near (NUMA).
    """
    size = -(-n * np.dtype(dtype).itemsize // LARGE_PAGE) * LARGE_PAGE
    room = mmap.mmap(-1, size + LARGE_PAGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        room.madvise(mmap.MADV_HUGEPAGE)
    begins = np.frombuffer(room, np.uint8).ctypes.data % LARGE_PAGE
    return np.frombuffer(room, dtype, n, offset=(LARGE_PAGE - begins) % LARGE_PAGE)


class Team:
    """Threads that begin together, each always with the same piece."""

    def __init__(self, size: int) -> None:
        """Start the threads."""
        self.orders = [queue.SimpleQueue[Callable[[int], object] | None]() for _ in range(size)]
        self.done = queue.SimpleQueue[BaseException | None]()
        for number in range(size):
            threading.Thread(target=self._work, args=(number,), daemon=True).start()

    def do(self, task: Callable[[int], object]) -> float:
        """Let thread k do task(k), all at the same time; return the seconds until the last is done."""
        started = time.perf_counter()
        for order in self.orders:
            order.put(task)
        errors = [self.done.get() for _ in self.orders]
        seconds = time.perf_counter() - started
        for error in errors:
            if error is not None:
                raise error
        return seconds

    def close(self) -> None:
        """End the threads."""
        for order in self.orders:
            order.put(None)

    def _work(self, number: int) -> None:
        while (task := self.orders[number].get()) is not None:
            try:
                task(number)
                self.done.put(None)
            except BaseException as error:  # noqa: BLE001  handed to the caller, which raises it
                self.done.put(error)


def cpu_works(team: Team, n_bytes: int, ways: Mapping[tuple[str, str], Callable[..., None]]) -> dict[Any, Once]:
    """Return (operation, kind of stores) -> what does it once on all threads of a team, over arrays of their own.

    Args:
        team: of threads.
        n_bytes: of each of the three arrays.
        ways: compiled loops, see `mlpctl.bench.memory_loops`.
    """
    n = n_bytes // 8 // PIECE * PIECE
    a, b, c = (zeros(n) for _ in range(3))
    size = len(team.orders)
    ends = [n // PIECE * k // size * PIECE for k in range(size + 1)]

    def touch(k: int) -> None:
        for array, value in ((a, 0.0), (b, 1.0), (c, 2.0)):
            array[ends[k] : ends[k + 1]] = value

    team.do(touch)
    for loop in ways.values():
        loop(a, b, c, FACTOR, 0, 0, 0)  # compiled here, so that no run has it

    def work(loop: Callable[..., None]) -> Once:
        return lambda: team.do(lambda k: loop(a, b, c, FACTOR, ends[k], ends[k + 1], 1))

    return {way: work(loop) for way, loop in ways.items()}


def cached_triad(n_bytes: int, loop: Callable[..., None]) -> Once:
    """Return what gives the seconds of one triad over three arrays that have `n_bytes` together, on one thread."""
    n = max(n_bytes // 24 // PIECE, 1) * PIECE
    a, b, c = (zeros(n) for _ in range(3))
    b[:], c[:] = 1.0, 2.0
    loop(a, b, c, FACTOR, 0, n, 1)
    started = time.perf_counter()
    loop(a, b, c, FACTOR, 0, n, 20)
    times = max(int(CACHED_SECONDS / ((time.perf_counter() - started) / 20)), 1)

    def once() -> float:
        loop(a, b, c, FACTOR, 0, n, 1)  # what ran before has filled the caches with its own
        begun = time.perf_counter()
        loop(a, b, c, FACTOR, 0, n, times)
        return (time.perf_counter() - begun) / times

    return once


def gpu_works(device: "torch.device", n_bytes: int) -> dict[Any, Once]:
    """Return (operation, "device") -> what does it once on a CUDA GPU, over three arrays of `n_bytes` in float32."""
    import torch

    a, b, c = (torch.full((n_bytes // 4,), float(k), device=device) for k in range(3))

    def timed(run: Callable[[], object]) -> Once:
        def once() -> float:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            with torch.cuda.device(device):
                start.record()
                run()
                end.record()
            end.synchronize()
            return float(start.elapsed_time(end)) / 1e3

        return once

    return {
        ("copy", "device"): timed(lambda: a.copy_(b)),
        ("scale", "device"): timed(lambda: torch.mul(b, FACTOR, out=a)),
        ("add", "device"): timed(lambda: torch.add(b, c, out=a)),
        ("triad", "device"): timed(lambda: torch.add(b, c, alpha=FACTOR, out=a)),
    }
