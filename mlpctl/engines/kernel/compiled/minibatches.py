"""Draw the orders of the training part in compiled code: those of `data.minibatches`, faster for small data."""

from typing import Any

import numpy as np

from mlpctl.engines.kernel import arguments as given
from mlpctl.engines.kernel.compiled.compiling import U, exact
from mlpctl.engines.kernel.compiled.pointers import at
from mlpctl.rng import MASK, philox

_philox = exact(philox)


@exact
def orders(block: int) -> int:
    """Set OUT (EPOCHS, N_PICKED) int64 to PICKED (N,) in the order of each epoch; SCRATCH is (2, N) uint64."""
    a = at(block, np.int64)
    n, used = U(a[given.N]), U(a[given.N_PICKED])
    out, rows = at(a[given.OUT], np.int64), at(a[given.PICKED], np.int64)
    keys, spare = at(a[given.SCRATCH], np.uint64), at(a[given.SCRATCH] + np.int64(U(8) * n), np.uint64)
    for e in range(U(a[given.EPOCHS])):
        for part in range((n + U(3)) // U(4)):
            words = _philox(
                np.int64(part), a[given.FIRST_EPOCH] + np.int64(e), a[given.STREAM], np.int64(0), a[given.LOW],
                a[given.HIGH],
            )  # fmt: skip
            for k in range(min(U(4), n - U(4) * part)):
                word = words[0] if k == 0 else words[1] if k == 1 else words[2] if k == 2 else words[3]
                keys[U(4) * part + k] = (U(word) << U(32)) | (U(4) * part + k)
        in_order = _merged(keys, spare, n)
        for k in range(used):
            out[e * used + k] = rows[in_order[k] & U(MASK)]
    return 0


@exact
def _merged(keys: Any, spare: Any, n: int) -> Any:
    """Return keys or spare, whichever holds the n keys in order in the end; both are overwritten."""
    run = U(1)
    while run < n:
        begin = U(0)
        while begin < n:
            middle, end = min(begin + run, n), min(begin + U(2) * run, n)
            left, right = begin, middle
            for k in range(begin, end):
                if left < middle and (right >= end or keys[left] < keys[right]):
                    spare[k] = keys[left]
                    left += U(1)
                else:
                    spare[k] = keys[right]
                    right += U(1)
            begin = end
        keys, spare = spare, keys
        run *= U(2)
    return keys
