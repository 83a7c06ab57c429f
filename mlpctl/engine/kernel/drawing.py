"""The shared random numbers as compiled code draws them, see `draws`."""

import numpy as np
from numpy.typing import NDArray

from mlpctl.engine.kernel.arguments import address
from mlpctl.engine.kernel.native import function
from mlpctl.engine.order import order
from mlpctl.rng import MASK, Purpose, purpose_number

SMALL = 4096
"""Rows up to which an order is drawn here; beyond, numpy's vectorized sort is faster than a compiled one."""


def uniforms(seed: int, purpose: Purpose, n: int, *, layer: int = 0) -> NDArray[np.float64]:
    """Return `mlpctl.rng.uniforms`, to the bit."""
    return _drawn(seed, purpose, n, layer, 0)


def normals(seed: int, purpose: Purpose, n: int, *, layer: int = 0) -> NDArray[np.float64]:
    """Return `mlpctl.rng.normals`, up to the rounding of log, cos and sin."""
    return _drawn(seed, purpose, n, layer, 1)


def _drawn(seed: int, purpose: Purpose, n: int, layer: int, kind: int) -> NDArray[np.float64]:
    out = np.empty(n)
    function("draw")(address(out), n, seed & MASK, seed >> 32, (purpose_number(purpose) << 16) | layer, kind)
    return out


def orders(seed: int, first_epoch: int, epochs: int, rows: NDArray[np.int64], used: int) -> NDArray[np.int64]:
    """Return (epochs, used): the rows of the training part in the order of each epoch, as `engine.order` has them."""
    n = len(rows)
    out = np.empty((epochs, used), dtype=np.int64)
    if n > SMALL:
        for e in range(epochs):
            out[e] = rows[order(seed, first_epoch + e, n)[:used]]
        return out
    scratch = np.empty((2, n), np.uint64)
    function("orders")(
        address(out), n, seed & MASK, seed >> 32, purpose_number("order") << 16, 0, address(scratch), address(rows),
        used, first_epoch, epochs,
    )  # fmt: skip
    return out
