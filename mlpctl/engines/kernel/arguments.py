"""Number the arguments of compiled code: one block of 64-bit integers, addresses and numbers, by these positions.

One block, because that is all that a call then needs to know of types: the code is kept as machine code and called
without the compiler, whose import alone takes longer than an iris sweep.
"""

import ctypes
from typing import Any

from numpy.typing import NDArray

# Of the data: addresses, except for the first two.
SPARSE, SCALED, X, SCALE, SHIFT, VALUES, COLUMNS, STARTS, LABELS, TARGETS = range(10)
ROWS = 10
"""Address and length of the rows of the validation, the test and the training part, six entries."""

# Of a trial: WHOLE are eight entries, see `layout`.
TABLE, LAYERS, THETA, N_THETA, STATS, N_STATS, FIRST, SECOND, REAL, HALT, WHOLE = range(16, 27)

# Of a call.
ORDERS, N_EPOCHS, N_ROWS, RATES, N_STEPS, STEPS_DONE, EPOCH, RESULTS, N_RESULTS, N_SCORES, AT_A_TIME, TASK = range(
    34, 46
)

# A row of results: one of the epochs.
DUE, LOSS, CORRECT, SCORES = range(4)
N_SUMS = 2
"""Of a scored part: losses, right predictions; squared errors per target follow, and absolute errors per target."""

OUT_OF_MEMORY = -(2**62)
"""Returned where there is none for scratch."""

# Of a helper.
HELPED, MEMBER, PACKED = range(3)

# Of a task: a product that several threads compute together.
JOB, DONE, MEMBERS, PRODUCT = range(4)
"""Number of the product, from 1; helpers that have done their share of it; threads; arguments of the product follow."""
OVER = -1
"""In place of the number of a product: the helpers' threads end."""
TASK_SIZE = 24

# Of a start, in place of a call.
LAWS, KEY_LOW, KEY_HIGH, DRAWN = range(34, 38)

# Of a layer's law: that of its weights, and the bound of its biases, 0 where they are 0.
LAW, SCALE_OF_LAW, BIAS_BOUND = range(3)
N_LAW = 3

# Of orders: see `random_numbers`.
OUT, N, LOW, HIGH, STREAM, SCRATCH, PICKED, N_PICKED, FIRST_EPOCH, EPOCHS = range(10)


def array_address(array: NDArray[Any]) -> int:
    """Return where the first number of an array lies; the caller keeps the array."""
    where: int = array.__array_interface__["data"][0]
    return where


def own_address(array: NDArray[Any]) -> int:
    """Return `array_address` of an array that is writable and not empty, in a quarter of the time."""
    return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]
