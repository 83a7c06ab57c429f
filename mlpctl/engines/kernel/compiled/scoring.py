"""Score a part in compiled code: gathered rows, forward pass, sums of losses and right predictions."""

import math
from typing import Any

import numpy as np

from mlpctl.engines.kernel.arguments import N_SUMS
from mlpctl.engines.kernel.compiled.activations import activate
from mlpctl.engines.kernel.compiled.affine import forward, forward_sparse
from mlpctl.engines.kernel.compiled.batch_norm import normalize_fixed
from mlpctl.engines.kernel.compiled.compiling import U, apart, inner
from mlpctl.engines.kernel.compiled.losses import loss_of_row
from mlpctl.engines.kernel.compiled.pointers import moved, number
from mlpctl.engines.kernel.compiled.scratch import LINE, VV, whole_vectors
from mlpctl.engines.kernel.layout import (
    ACTIVATION,
    BETA,
    BIAS,
    CLASSES,
    GAMMA,
    INPUTS,
    N_COLUMNS,
    NORMALIZED,
    OUTPUTS,
    STATS,
    THRESHOLD,
    UNITS,
    WEIGHT,
)


@inner
def gather(X: Any, scaled: bool, scale: Any, shift: Any, rows: Any, n: int, width: int, buffer: Any) -> None:
    """Copy n rows of X (N, width) into the buffer, converted and scaled."""
    for r in range(n):
        p, b = U(rows[r]) * width, r * width
        if scaled:
            for i in range(width):
                buffer[b + i] = number(buffer, X[p + i]) * scale[i] + shift[i]
        else:
            for i in range(width):
                buffer[b + i] = number(buffer, X[p + i])


@inner
def predicted(z: Any, z0: int, units: int, threshold: Any) -> Any:
    """Return the predicted class of one row of outputs; -1 if one of them is NaN."""
    for c in range(units):
        if math.isnan(z[z0 + c]):
            return np.int64(-1)
    if units == U(1):
        return np.int64(1) if z[z0] > threshold else np.int64(0)
    best = U(0)
    for c in range(U(1), units):
        if z[z0 + c] > z[z0 + best]:
            best = c
    return np.int64(best)


@inner
def widest_of(table: Any, layers: int, sparse: bool) -> Any:
    """Return the widest outputs or inputs of a layer, padded; sparse inputs are not laid out."""
    widest = U(1)
    for l in range(layers):
        row = moved(table, l * U(N_COLUMNS))
        widest = max(widest, row[OUTPUTS], U(0) if (l == 0 and sparse) else row[INPUTS])
    return widest


@inner
def room(table: Any, layers: int, sparse: bool, at_once: int) -> Any:
    """Return the numbers of scratch memory that `score` needs for so many rows together, its alignment included."""
    widest = widest_of(table, layers, sparse)
    return U(3) * whole_vectors(at_once * widest) + (VV + U(2)) * widest + U(4) * LINE


@apart
def score(
    X: Any, scaled: bool, scale: Any, shift: Any, sparse: bool, values: Any, columns: Any, starts: Any, labels: Any,
    targets: Any, rows: Any, n_rows: int, table: Any, layers: int, whole: Any, real: Any, theta: Any, stats: Any,
    at_a_time: int, buffer: Any, task: Any, sums: Any,
) -> None:  # fmt: skip
    """Add to `sums` (2 + 2 C,) the loss, the right predictions, per target the squared and then the absolute errors.

    `rows` (n_rows,) are scored, `at_a_time` together; see `epochs_for` for the other arguments, all of them pointers.
    """
    top = moved(table, (layers - U(1)) * U(N_COLUMNS))
    last, units = top[OUTPUTS], top[UNITS]
    at_once, widest = min(at_a_time, n_rows), widest_of(table, layers, sparse)
    half = whole_vectors(at_once * widest)
    slope, scale_of = moved(buffer, U(2) * half), moved(buffer, U(3) * half)
    packed = moved(scale_of, whole_vectors(widest))
    unused = moved(packed, VV * widest)
    begin = U(0)
    while begin < n_rows:
        some, n, x0, z0 = moved(rows, begin), min(at_once, n_rows - begin), U(0), half
        if not sparse:
            gather(X, scaled, scale, shift, some, n, table[INPUTS], buffer)
        for l in range(layers):
            row = moved(table, l * U(N_COLUMNS))
            outputs = row[OUTPUTS]
            if l == 0 and sparse:
                forward_sparse(values, columns, starts, some, n, outputs, theta, row[WEIGHT], row[BIAS], buffer, z0)
            else:
                forward(buffer, x0, n, row[INPUTS], outputs, theta, row[WEIGHT], row[BIAS], z0, packed, task)
            if row[NORMALIZED]:
                normalize_fixed(buffer, z0, n, outputs, theta, row[GAMMA], row[BETA], stats, row[STATS], scale_of)
            if l + U(1) < layers:
                activate(row[ACTIVATION], buffer, z0, n, row[UNITS], outputs, slope, U(0))
            x0, z0 = z0, x0
        for r in range(n):
            example, o0 = U(some[r]), x0 + r * last
            label = U(labels[example]) if whole[CLASSES] else U(0)
            sums[0] += loss_of_row(whole, real, buffer, o0, units, label, targets, example, unused, U(0))
            if whole[CLASSES]:
                sums[1] += predicted(buffer, o0, units, number(buffer, real[THRESHOLD])) == np.int64(label)
            else:
                for c in range(units):
                    error = float(buffer[o0 + c]) - float(targets[example * units + c])
                    sums[U(N_SUMS) + c] += error * error
                    sums[U(N_SUMS) + units + c] += abs(error)
        begin += at_once
