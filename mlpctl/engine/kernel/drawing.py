"""The shared random numbers, compiled: the same words as `mlpctl.rng`, 50 times faster for small networks."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.engine.kernel.compiling import exact, exact_entry
from mlpctl.engine.order import order
from mlpctl.rng import MASK, Purpose, philox, purpose_number

_philox = exact(philox)
SMALL = 4096
"""Rows up to which an order is drawn here; beyond, numpy's vectorized sort is faster than a compiled one."""


@exact_entry
def fill_words(out: Any, low: int, high: int, stream: int, epoch: int) -> None:
    """Fill `out` (uint64) with random words of 32 bits."""
    n = out.shape[0]
    for block in range((n + 3) // 4):
        a, b, c, d = _philox(
            np.int64(block), np.int64(epoch), np.int64(stream), np.int64(0), np.int64(low), np.int64(high)
        )
        k = 4 * block
        out[k] = np.uint64(a & MASK)
        if k + 1 < n:
            out[k + 1] = np.uint64(b & MASK)
        if k + 2 < n:
            out[k + 2] = np.uint64(c & MASK)
        if k + 3 < n:
            out[k + 3] = np.uint64(d & MASK)


@exact_entry
def fill_uniforms(words: Any, out: Any) -> None:
    """Fill `out` with uniforms of 53 bits from pairs of words."""
    for k in range(out.shape[0]):
        high, low = words[2 * k] >> np.uint64(5), words[2 * k + 1] >> np.uint64(6)
        out[k] = (np.float64(high) * 67108864.0 + np.float64(low)) / 9007199254740992.0


@exact_entry
def fill_normals(u: Any, out: Any) -> None:
    """Fill `out` with normals from pairs of uniforms."""
    for k in range(out.shape[0] // 2):
        radius = math.sqrt(-2.0 * math.log(1.0 - u[2 * k]))
        angle = 2.0 * math.pi * u[2 * k + 1]
        out[2 * k] = radius * math.cos(angle)
        out[2 * k + 1] = radius * math.sin(angle)


@exact_entry
def fill_orders(out: Any, keys: Any, low: int, high: int, stream: int, first_epoch: int, rows: Any) -> None:
    """Fill `out` (epochs, used) with rows in the order of each epoch; `keys` (n,) is scratch."""
    for e in range(out.shape[0]):
        fill_words(keys, low, high, stream, first_epoch + e)
        for i in range(keys.shape[0]):
            keys[i] = (keys[i] << np.uint64(32)) | np.uint64(i)
        keys.sort()
        for i in range(out.shape[1]):
            out[e, i] = rows[np.int64(keys[i] & np.uint64(MASK))]


def uniforms(seed: int, purpose: Purpose, n: int, *, epoch: int = 0, layer: int = 0) -> NDArray[np.float64]:
    """Return `mlpctl.rng.uniforms`, to the bit."""
    words, out = np.empty(2 * n, dtype=np.uint64), np.empty(n)
    fill_words(words, seed & MASK, seed >> 32, (purpose_number(purpose) << 16) | layer, epoch)
    fill_uniforms(words, out)
    return out


def normals(seed: int, purpose: Purpose, n: int, *, epoch: int = 0, layer: int = 0) -> NDArray[np.float64]:
    """Return `mlpctl.rng.normals`, up to the rounding of log, cos and sin."""
    even = n + n % 2
    out = np.empty(even)
    fill_normals(uniforms(seed, purpose, even, epoch=epoch, layer=layer), out)
    return out[:n]


def orders(seed: int, first_epoch: int, epochs: int, rows: NDArray[np.int64], used: int) -> NDArray[np.int64]:
    """Return (epochs, used): the rows of the training part in the order of each epoch, as `engine.order` has them."""
    n = len(rows)
    out = np.empty((epochs, used), dtype=np.int64)
    if n > SMALL:
        for e in range(epochs):
            out[e] = rows[order(seed, first_epoch + e, n)[:used]]
        return out
    stream = purpose_number("order") << 16
    fill_orders(out, np.empty(n, dtype=np.uint64), seed & MASK, seed >> 32, stream, first_epoch, rows)
    return out
