"""Draw initial weights in place, all layers of a network in one call: the numbers of `engines.initial_weights`."""

import math
from typing import Any

import numpy as np

from mlpctl.engines.kernel import arguments as given
from mlpctl.engines.kernel.arguments import BIAS_BOUND, LAW, N_LAW, SCALE_OF_LAW
from mlpctl.engines.kernel.compiled.compiling import Function, U, exact
from mlpctl.engines.kernel.compiled.pointers import at, moved, number
from mlpctl.engines.kernel.compiled.random_numbers import COUNTERS, uniforms
from mlpctl.engines.kernel.layout import (
    BIAS,
    GAMMA,
    INPUTS,
    KINDS,
    N_COLUMNS,
    NORMALIZED,
    OUTPUTS,
    STATS,
    UNITS,
    WEIGHT,
)
from mlpctl.rng import purpose_number

CONSTANT, UNIFORM, NORMAL = range(len(KINDS))
_WEIGHTS, _BIASES = np.int64(purpose_number("weight") << 16), np.int64(purpose_number("bias") << 16)

PAIRS = U(COUNTERS)
AT_ONCE = U(2 * COUNTERS)


@exact
def _set(
    to: Any, rows: int, columns: int, stride: int, kind: int, scale: float, stream: int, low: int, high: int, drawn: Any
) -> None:
    """Set a matrix of rows that are `stride` apart to numbers by a law of `engines.initial_weights`; uses `drawn`."""
    row, column = U(0), U(0)
    for block in range((rows * columns + AT_ONCE - U(1)) // AT_ONCE):
        if kind == CONSTANT:
            for k in range(AT_ONCE):
                drawn[k] = scale
        else:
            uniforms(drawn, np.int64(U(block) * PAIRS), stream, low, high)
            for pair in range(PAIRS):
                one, other = drawn[U(2) * pair], drawn[U(2) * pair + U(1)]
                if kind == UNIFORM:
                    one, other = 2.0 * one - 1.0, 2.0 * other - 1.0
                else:
                    radius, angle = math.sqrt(-2.0 * math.log(1.0 - one)), 2.0 * math.pi * other
                    one, other = radius * math.cos(angle), radius * math.sin(angle)
                drawn[U(2) * pair], drawn[U(2) * pair + U(1)] = scale * one, scale * other
        for k in range(min(AT_ONCE, rows * columns - U(block) * AT_ONCE)):
            to[row * stride + column] = number(to, drawn[k])
            column += U(1)
            if column == columns:
                row, column = row + U(1), U(0)


def start_for(dtype: Any) -> Function:
    """Return the function that sets THETA and STATS, zeros before, to what a trial starts from, to be compiled.

    It takes the address of a block, see `arguments`: of a trial TABLE, LAYERS, THETA and STATS; LAWS: float64 (LAYERS,
    N_LAW); KEY_LOW, KEY_HIGH: the halves of the seed of the weights; DRAWN: scratch, float64 (16,). Returns 0.

    Args:
        dtype: numpy's type of the arithmetic; the numbers are drawn as float64 and rounded to it.
    """

    @exact
    def start(block: int) -> Any:
        a = at(block, np.int64)
        table, laws = at(a[given.TABLE], np.uint64), at(a[given.LAWS], np.float64)
        theta, stats = at(a[given.THETA], dtype), at(a[given.STATS], dtype)
        low, high, drawn = a[given.KEY_LOW], a[given.KEY_HIGH], at(a[given.DRAWN], np.float64)
        inputs = table[INPUTS]
        for k in range(U(a[given.LAYERS])):
            layer, law = moved(table, k * U(N_COLUMNS)), moved(laws, k * U(N_LAW))
            units, stride, number_of = layer[UNITS], layer[OUTPUTS], np.int64(k)
            _set(moved(theta, layer[WEIGHT]), inputs, units, stride, np.int64(law[LAW]), law[SCALE_OF_LAW],
                 _WEIGHTS | number_of, low, high, drawn)  # fmt: skip
            bound = law[BIAS_BOUND]
            if bound > 0:
                _set(moved(theta, layer[BIAS]), U(1), units, stride, np.int64(UNIFORM), bound, _BIASES | number_of,
                     low, high, drawn)  # fmt: skip
            if layer[NORMALIZED]:
                gamma, variance = moved(theta, layer[GAMMA]), moved(stats, layer[STATS] + stride)
                for unit in range(units):
                    gamma[unit] = variance[unit] = number(theta, 1)
            inputs = units
        return np.int64(0)

    return start
