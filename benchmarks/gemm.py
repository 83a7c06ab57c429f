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

INSTRUCTIONS: dict[int, dict[str, str]] = {
    16: {"OPENBLAS_CORETYPE": "SkylakeX"},  # OpenBLAS does not take 512 bits by itself on AMD's processors
    8: {
        "OPENBLAS_CORETYPE": "Haswell",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
    4: {"OPENBLAS_CORETYPE": "Nehalem", "ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default",
        "XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"},
}  # fmt: skip
"""Width of mlpctl's vectors -> environment in which every library uses all instructions of that width, none wider."""


def gemm_rates(threads: int, width: int) -> dict[str, float]:
    """Return library -> FLOP/s with `threads` products at a time, each library in a process of its own.

    Args:
        threads: products at a time.
        width: of mlpctl's vectors; the libraries use all instructions of that width.

    Raises:
        subprocess.CalledProcessError: where a library is not there.
    """
    rates = {}
    for library in ("numpy", "torch"):
        command = [sys.executable, "-m", "benchmarks.gemm", library, str(threads)]
        done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, **INSTRUCTIONS[width]})
        rates[library] = float(json.loads(done.stdout))
    return rates


def best(rates: list[dict[str, float]]) -> float:
    """Return the machine's GEMM rate: the best of several measurements, of the better library."""
    return max(rate for some in rates for rate in some.values())


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
