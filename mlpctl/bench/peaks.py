"""How many FLOP/s a device does at most, in float32: by multiplications that wait for nothing, and by library products.

Libraries may fall short of the processor: on AMD's, torch's products stay below half of it. So the roof is measured by
multiplications and additions in registers, and what `bench matmul` reaches is a line below it.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from mlpctl.bench.moving import Team
from mlpctl.bench.sampling import Once

VECTOR_FLOPS = 32
"""Of a multiplication and addition of 16 numbers."""

TURNS = 200_000
"""Of a loop in a run: about a millisecond."""

LIBRARY_SIZE = 512
"""Rows and columns of the library's product: 3 MiB, and large enough for its full speed."""


def register_works(team: Team) -> dict[str, Once]:
    """Return name -> what gives the seconds per FLOP of a loop in registers, on all threads of a team."""
    from mlpctl.bench.loops import MULTIPLICATIONS

    x = np.zeros(32, np.float32)
    x[16:] = 0.5

    def once(loop: Callable[..., object], vectors: int) -> float:
        seconds = team.do(lambda _: loop(x, TURNS))
        return seconds / (len(team.orders) * TURNS * vectors * VECTOR_FLOPS)

    for loop in MULTIPLICATIONS:
        loop(x, 1)
    return {f"{vectors} sums in registers": partial(once, loop, vectors) for loop, vectors in MULTIPLICATIONS.items()}


def library_works(threads: int) -> Once:
    """Return what gives the seconds per FLOP of a product of two square matrices, as `bench matmul` times it."""
    import torch

    from mlpctl.bench.matmul import Case, _product

    product = _product(Case(LIBRARY_SIZE, "float32", "cpu", threads))

    def once() -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        seconds = product() / (2 * LIBRARY_SIZE**3)
        torch.set_num_threads(before)
        return seconds

    return once


def device_peak(device: str, size: int = 4096) -> Once:
    """Return what gives the seconds per FLOP of a large float32 product on a CUDA GPU, for want of another loop."""
    from mlpctl.bench.matmul import Case, _product

    product = _product(Case(size, "float32", device, 1))
    return lambda: product() / (2 * size**3)
