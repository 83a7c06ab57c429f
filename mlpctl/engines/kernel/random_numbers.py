"""Draw the shared random numbers in compiled code: initial weights, and the orders of epochs."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.minibatches import order
from mlpctl.engines.initial_weights import bias_bound, law
from mlpctl.engines.kernel.arguments import TABLE, array_address, own_address
from mlpctl.engines.kernel.cache import start_name
from mlpctl.engines.kernel.layout import KINDS
from mlpctl.engines.kernel.native import native_function
from mlpctl.rng import MASK, purpose_number

if TYPE_CHECKING:
    from mlpctl.models.network import Network
    from mlpctl.spec import Spec

SMALL = 4096
"""Rows up to which an order is drawn here; beyond, numpy's vectorized sort is faster than a compiled one."""

_NO_DATA = (0,) * TABLE
"""Entries of a block before those of a trial."""


def draw_start(network: "Network", spec: "Spec", trial: list[int]) -> None:
    """Set a trial of zeros to the numbers of `engines.initial_weights`; normal ones but for rounding of log, cos, sin.

    Args:
        network: none that is set by itself, see `engines.initial_weights.by_itself`.
        spec: resolved.
        trial: its entries of the block.
    """
    laws = []
    for layer in network.layers:
        kind, scale = law(layer, spec)
        laws.append((KINDS.index(kind), scale, bias_bound(layer, spec)))
    table, scratch, key = np.array(laws), np.empty(16), spec.init_key
    native_function(start_name(spec.dtype))(
        *_NO_DATA, *trial, own_address(table), key & MASK, key >> 32, own_address(scratch)
    )  # fmt: skip


def orders(seed: int, first_epoch: int, epochs: int, rows: NDArray[np.int64], used: int) -> NDArray[np.int64]:
    """Return (epochs, used): the rows of the training part in each epoch's order, as `data.minibatches` has them."""
    n = len(rows)
    out = np.empty((epochs, used), dtype=np.int64)
    if n > SMALL:
        for e in range(epochs):
            out[e] = rows[order(seed, first_epoch + e, n)[:used]]
        return out
    scratch = np.empty((2, n), np.uint64)
    native_function("orders")(
        array_address(out), n, seed & MASK, seed >> 32, purpose_number("order") << 16,
        array_address(scratch), array_address(rows), used, first_epoch, epochs,
    )  # fmt: skip
    return out
