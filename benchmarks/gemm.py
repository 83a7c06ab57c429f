"""The machine's float32 matrix-product rate, in the shapes that are trained: what no trainer can beat by much."""

import time

import numpy as np
from threadpoolctl import threadpool_limits


def gemm_rate(threads: int, runs: int = 30) -> float:
    """Return FLOP/s of 256×784 · 784×256 in float32, `threads` at a time with one BLAS thread each; the median."""
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    operands = [
        (rng.random((256, 784), np.float32), rng.random((784, 256), np.float32), np.empty((256, 256), np.float32))
        for _ in range(threads)
    ]
    per_run, flops = 20, 2 * 256 * 784 * 256

    def products(k: int) -> None:
        a, b, out = operands[k]
        for _ in range(per_run):
            np.dot(a, b, out)

    rates = []
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for _ in range(runs):
            started = time.perf_counter()
            list(pool.map(products, range(threads)))
            rates.append(threads * per_run * flops / (time.perf_counter() - started))
    return float(np.median(rates[3:]))
