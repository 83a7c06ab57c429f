"""How many FLOP/s a device does at most, in float32: by multiplications that wait for nothing, and by library products.

Libraries may fall short of the processor: on AMD's, torch's products stay below half of it. So the roof is measured by
multiplications and additions in registers, and what `bench matmul` reaches is a line below it.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from mlpctl.bench.memory_bandwidth import Team
from mlpctl.bench.timing import Group, Once

VECTOR_FLOPS = 32
"""Of a multiplication and addition of 16 numbers."""

TURNS = 200_000
"""Of a loop in a run: about a millisecond."""

PRODUCT = "product"

LIBRARY_SIZE, GPU_SIZE = 512, 4096
"""Rows and columns of a library's product: large enough for its full speed, small enough for the CPU's caches."""


def register_works(team: Team) -> dict[str, Once]:
    """Return name -> what gives the seconds per FLOP of a loop in registers, on all threads of a team."""
    from mlpctl.bench.memory_loops import MULTIPLICATIONS

    x = np.zeros(32, np.float32)
    x[16:] = 0.5

    def once(loop: Callable[..., object], vectors: int) -> float:
        seconds = team.do(lambda _: loop(x, TURNS))
        return seconds / (len(team.orders) * TURNS * vectors * VECTOR_FLOPS)

    for loop in MULTIPLICATIONS:
        loop(x, 1)
    return {f"{vectors} sums in registers": partial(once, loop, vectors) for loop, vectors in MULTIPLICATIONS.items()}


def library_group(device: str, threads: int = 1, size: int = LIBRARY_SIZE) -> Group:
    """Return what times the product of two square matrices as `bench matmul` does: seconds per FLOP."""
    from mlpctl.bench.matmul_cases import cases_of
    from mlpctl.bench.matmul_products import Operands, Product, setting

    (case,) = cases_of([(size, size, size)], ["float32"], [device], [threads])
    product = Product(case, Operands([case]))
    return Group({PRODUCT: lambda: product() / case.flops}, partial(setting, *case.where))
