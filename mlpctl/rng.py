"""Draw random numbers by a counter, alike in every engine: any of them can be drawn at any time, anywhere.

Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011). The key is the
seed; the counter is the purpose of the number: (block, epoch, purpose and layer, extra). Nothing has a state, so a
trial's numbers do not depend on which trials were drawn before it, nor on which engine draws them.
"""

from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Purpose = Literal["weight", "bias", "order", "dropout", "split", "data", "search"]
PURPOSES: tuple[Purpose, ...] = ("weight", "bias", "order", "dropout", "split", "data", "search")

MASK = 0xFFFFFFFF
Words = TypeVar("Words", bound=Any)


def purpose_number(purpose: Purpose) -> int:
    """Return the number that stands for a purpose in the counter."""
    return PURPOSES.index(purpose)


def philox(c0: Words, c1: Words, c2: Words, c3: Words, k0: Words, k1: Words) -> tuple[Words, Words, Words, Words]:
    """Return four random 32-bit words for a counter of four and a key of two 32-bit words.

    The arguments are integers of 64 bits: numpy uint64 arrays, numba uint64 or torch int64 (each shift is masked, so
    the sign does not matter): one definition serves all engines.
    """
    for _ in range(10):
        p0 = c0 * 0xD2511F53
        p1 = c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (
            ((p1 >> 32) & MASK) ^ c1 ^ k0,
            p1 & MASK,
            ((p0 >> 32) & MASK) ^ c3 ^ k1,
            p0 & MASK,
        )
        k0 = (k0 + 0x9E3779B9) & MASK
        k1 = (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def words(seed: int, purpose: Purpose, n: int, *, epoch: int = 0, layer: int = 0, extra: int = 0) -> NDArray[np.uint64]:
    """Return n random words (n,), each in [0, 2**32)."""
    block = np.arange((n + 3) // 4, dtype=np.uint64)
    one = np.ones_like(block)
    stream = (purpose_number(purpose) << 16) | layer
    four = philox(block, one * epoch, one * stream, one * extra, one * (seed & MASK), one * (seed >> 32))
    return np.stack(four, axis=1).reshape(-1)[:n]


def uniforms(seed: int, purpose: Purpose, n: int, *, epoch: int = 0, layer: int = 0) -> NDArray[np.float64]:
    """Return n numbers (n,) uniform in [0, 1), of 53 random bits each."""
    pairs = words(seed, purpose, 2 * n, epoch=epoch, layer=layer)
    high, low = pairs[0::2] >> np.uint64(5), pairs[1::2] >> np.uint64(6)
    return (high * 67108864.0 + low) / 9007199254740992.0


def normals(seed: int, purpose: Purpose, n: int, *, epoch: int = 0, layer: int = 0) -> NDArray[np.float64]:
    """Return n standard normal numbers (n,), by Box and Muller's transform of pairs of uniforms."""
    u = uniforms(seed, purpose, n + n % 2, epoch=epoch, layer=layer)
    radius = np.sqrt(-2.0 * np.log(1.0 - u[0::2]))
    angle = 2.0 * np.pi * u[1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:n]


def permutation(seed: int, purpose: Purpose, n: int, *, epoch: int = 0, layer: int = 0) -> NDArray[np.int64]:
    """Return a random order (n,) of 0 … n-1: the order of n random words, ties broken by position."""
    keys = (words(seed, purpose, n, epoch=epoch, layer=layer) << np.uint64(32)) | np.arange(n, dtype=np.uint64)
    return (np.sort(keys) & np.uint64(MASK)).astype(np.int64)
