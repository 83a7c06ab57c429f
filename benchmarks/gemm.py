"""Measure the float32 matrix-product rate in the shape that is trained: no trainer can beat it by much."""

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

ROWS, INPUTS, OUTPUTS, PER_RUN, RUNS = 256, 784, 256, 20, 30

LIBRARIES = ("numpy", "torch")
"""The better of these is the machine's GEMM rate, as a user gets it who calls a library."""

WIDE = "numpy told to use 512 bits"
"""OpenBLAS does not do so by itself on AMD's processors; measured beside, where the processor can."""


def gemm_rates(threads: int) -> dict[str, float]:
    """Return library -> FLOP/s with `threads` products at a time, each library in a process of its own.

    Raises:
        subprocess.CalledProcessError: where a library is not there.
    """
    from llvmlite.binding import get_host_cpu_features

    runs: list[tuple[str, str, dict[str, str]]] = [(library, library, {}) for library in LIBRARIES]
    if get_host_cpu_features().get("avx512vl"):
        runs.append((WIDE, "numpy", {"OPENBLAS_CORETYPE": "SkylakeX"}))
    rates = {}
    for name, library, settings in runs:
        command = [sys.executable, "-m", "benchmarks.gemm", library, str(threads)]
        done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, **settings})
        rates[name] = float(json.loads(done.stdout))
    return rates


def best(rates: list[dict[str, float]]) -> float:
    """Return the machine's GEMM rate of several measurements."""
    return max(some[library] for some in rates for library in LIBRARIES)


def measure(library: str, threads: int) -> float:
    """Return FLOP/s of 256×784 · 784×256, `threads` at a time with one BLAS thread each; the median."""
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    a, b = rng.random((ROWS, INPUTS), np.float32), rng.random((INPUTS, OUTPUTS), np.float32)
    multiply: Any = np.dot
    arrays: list[Any] = [(a.copy(), b.copy(), np.empty((ROWS, OUTPUTS), np.float32)) for _ in range(threads)]
    if library == "torch":
        import torch

        torch.set_num_threads(1)
        multiply, arrays = torch.mm, [tuple(map(torch.from_numpy, own)) for own in arrays]

    def run(own: Any) -> None:
        for _ in range(PER_RUN):
            multiply(own[0], own[1], out=own[2])

    rates = []
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for _ in range(RUNS):
            started = time.perf_counter()
            list(pool.map(run, arrays))
            rates.append(threads * PER_RUN * 2 * ROWS * INPUTS * OUTPUTS / (time.perf_counter() - started))
    return statistics.median(rates[3:])


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
