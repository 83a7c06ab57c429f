"""Time STREAM's copy, scale, add and triad on threads of the CPU and on a CUDA GPU.

Source: McCalpin, "Memory Bandwidth and Machine Balance in Current High Performance Computers", 1995. Bytes are counted
as there: those of the operands that are read and of the result that is written, each once.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from mlpctl.bench.cache_latency import Cache, large_page_zeros
from mlpctl.bench.sampling import Workload

if TYPE_CHECKING:
    import torch

OPERANDS = {"copy": 2, "scale": 2, "add": 3, "triad": 3}
"""Operation -> arrays that it reads or writes; an ordinary store also reads each line before it overwrites it."""

FACTOR = 3.0

TIMES_CACHE = 4  # an array is so many times as large as all caches of the last level together, as STREAM's rules ask
LEAST_BYTES = 64 << 20

MEMORY_SHARE = 8  # an array takes at most one part in so many of the available memory
PIECE = 64  # numbers: the parts of threads begin and end at multiples of it, on cache lines of their own
CACHED_SECONDS = 5e-4  # a loop over arrays that fit a cache is repeated for about so long


def array_bytes(device: str, known: list[Cache]) -> int:
    """Return the bytes of each array: far more than the caches hold, if there is memory for it."""
    if device == "cpu":
        import psutil

        wanted, free = TIMES_CACHE * known[-1].total if known else 0, int(psutil.virtual_memory().available)
        return min(max(wanted, LEAST_BYTES), free // MEMORY_SHARE) // 2**20 * 2**20
    import torch

    from mlpctl.system.devices import torch_device

    where = torch_device(device)
    wanted = TIMES_CACHE * torch.cuda.get_device_properties(where).L2_cache_size
    return min(max(wanted, 4 * LEAST_BYTES), int(torch.cuda.mem_get_info(where)[0]) // MEMORY_SHARE)


class ThreadTeam:
    """Threads that begin together; thread k always works on piece k, so that its memory stays near it."""

    def __init__(self, size: int) -> None:
        """Prepare the threads; they start with the first task."""
        self.threads = [ThreadPoolExecutor(1) for _ in range(size)]

    def run(self, task: Callable[[int], object]) -> float:
        """Let thread k run task(k), all at the same time; return the seconds until the last is done."""
        started = time.perf_counter()
        done = [thread.submit(task, k) for k, thread in enumerate(self.threads)]
        wait(done)
        seconds = time.perf_counter() - started
        for each in done:
            each.result()
        return seconds

    def close(self) -> None:
        """End the threads."""
        for thread in self.threads:
            thread.shutdown()


def stream_on_cpu(
    team: ThreadTeam, n_bytes: int, loops: Mapping[tuple[str, str], Callable[..., None]]
) -> dict[Any, Workload]:
    """Return (operation, kind of stores) -> workload of a compiled loop on a team, over three arrays of `n_bytes`."""
    n, size = n_bytes // 8 // PIECE * PIECE, len(team.threads)
    a, b, c = (large_page_zeros(n) for _ in range(3))
    ends = [n // PIECE * k // size * PIECE for k in range(size + 1)]

    def touch(k: int) -> None:
        for array, value in ((a, 0.0), (b, 1.0), (c, 2.0)):
            array[ends[k] : ends[k + 1]] = value

    team.run(touch)
    for loop in loops.values():
        loop(a, b, c, FACTOR, 0, 0, 0)  # compiles it, so that no timed run does

    def workload(loop: Callable[..., None]) -> Workload:
        return lambda: team.run(lambda k: loop(a, b, c, FACTOR, ends[k], ends[k + 1], 1))

    return {way: workload(loop) for way, loop in loops.items()}


def cached_triad(n_bytes: int) -> Workload:
    """Return the workload of one triad over three arrays that have `n_bytes` together, on one thread."""
    from mlpctl.bench.compiled_loops import LOOPS

    loop = LOOPS["triad", "ordinary"]
    n = max(n_bytes // 24 // PIECE, 1) * PIECE
    a, b, c = (large_page_zeros(n) for _ in range(3))
    b[:], c[:] = 1.0, 2.0

    def run(times: int) -> float:
        loop(a, b, c, FACTOR, 0, n, 1)  # what ran before has filled the caches with its own
        started = time.perf_counter()
        loop(a, b, c, FACTOR, 0, n, times)
        return (time.perf_counter() - started) / times

    times = max(int(CACHED_SECONDS / run(20)), 1)
    return lambda: run(times)


def stream_on_gpu(device: "torch.device", n_bytes: int) -> dict[Any, Workload]:
    """Return (operation, "device") -> workload on a CUDA GPU, over three arrays of `n_bytes` in float32."""
    import torch

    from mlpctl.bench.matmul_products import cuda_seconds

    a, b, c = (torch.full((n_bytes // 4,), float(k), device=device) for k in range(3))

    def workload(run: Callable[[], object]) -> Workload:
        def once() -> float:
            with torch.cuda.device(device):
                return cuda_seconds(run)

        return once

    return {
        ("copy", "device"): workload(lambda: a.copy_(b)),
        ("scale", "device"): workload(lambda: torch.mul(b, FACTOR, out=a)),
        ("add", "device"): workload(lambda: torch.add(b, c, out=a)),
        ("triad", "device"): workload(lambda: torch.add(b, c, alpha=FACTOR, out=a)),
    }
