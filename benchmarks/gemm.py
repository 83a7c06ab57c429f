"""The machine's float32 matrix-product rate, in the shape that is trained: what no trainer can beat by much."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ROWS, INPUTS, OUTPUTS, PER_RUN = 256, 784, 256, 20
AS_THEY_COME = ("numpy", "torch")
"""The better of these is the machine's GEMM rate: what a user gets who calls a library."""

WIDE = "numpy told to use 512 bits"
"""OpenBLAS does not do so by itself on AMD's processors; measured beside, where the processor can."""


def gemm_rates(threads: int) -> dict[str, float]:
    """Return library -> FLOP/s with `threads` products at a time, each library in a process of its own.

    Raises:
        subprocess.CalledProcessError: where a library is not there.
    """
    from llvmlite.binding import get_host_cpu_features

    runs: list[tuple[str, str, dict[str, str]]] = [(library, library, {}) for library in AS_THEY_COME]
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
    return max(some[library] for some in rates for library in AS_THEY_COME)


def measure(library: str, threads: int, runs: int = 30) -> float:
    """Return FLOP/s of 256×784 · 784×256, `threads` at a time with one BLAS thread each; the median."""
    import statistics
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import threadpool_limits

    product = _torch_product if library == "torch" else _numpy_product
    products = [product() for _ in range(threads)]
    rates = []
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for _ in range(runs):
            started = time.perf_counter()
            list(pool.map(lambda one: [one() for _ in range(PER_RUN)], products))
            flops = threads * PER_RUN * 2 * ROWS * INPUTS * OUTPUTS
            rates.append(flops / (time.perf_counter() - started))
    return statistics.median(rates[3:])


def _numpy_product() -> Callable[[], Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = rng.random((ROWS, INPUTS), np.float32), rng.random((INPUTS, OUTPUTS), np.float32)
    out = np.empty((ROWS, OUTPUTS), np.float32)
    return lambda: np.dot(a, b, out)


def _torch_product() -> Callable[[], Any]:
    import torch

    torch.set_num_threads(1)
    a, b, out = torch.rand(ROWS, INPUTS), torch.rand(INPUTS, OUTPUTS), torch.empty(ROWS, OUTPUTS)
    return lambda: torch.mm(a, b, out=out)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
