"""The compiled training loop: epochs of one trial, and the scoring of a part."""

import math
from typing import Any

import numpy as np

from mlpctl.engine.kernel.affine import (
    TILE,
    backward_four_sgd,
    forward,
    forward_sparse,
    input_gradient,
    uses_blas,
    weight_gradient,
)
from mlpctl.engine.kernel.compiling import U, entry, exact, inner
from mlpctl.engine.kernel.layout import (
    ACTIVATION,
    BATCH,
    BETA,
    BETA1,
    BETA2,
    BIAS,
    CLASSES,
    DECAY,
    DROP_BELOW,
    DROPPED,
    GAMMA,
    INPUTS,
    KEPT,
    NORMALIZED,
    OPTIMIZER,
    OUTPUTS,
    SEED_HIGH,
    SEED_LOW,
    STATS,
    SUMMED,
    THRESHOLD,
    WEIGHT,
)
from mlpctl.engine.kernel.pointwise import (
    RELU,
    SGD,
    activate,
    loss_of_row,
    normalize,
    normalize_backward,
    normalize_fixed,
    step,
)
from mlpctl.rng import MASK, philox, purpose_number

_philox = exact(philox)
_DROPOUT = purpose_number("dropout")

N_SUMS = 3
"""Sums of a scoring before those per target: loss, correct, absolute error."""


@inner
def gather(X: Any, scale: Any, shift: Any, rows: Any, n: int, buffer: Any) -> None:
    """Copy n rows of X into the buffer, converted and scaled."""
    width, kind = U(X.shape[1]), buffer.dtype.type
    if scale.shape[0]:
        for r in range(n):
            p = U(rows[r])
            for i in range(width):
                buffer[r * width + i] = kind(X[p, i]) * scale[i] + shift[i]
    else:
        for r in range(n):
            p = U(rows[r])
            for i in range(width):
                buffer[r * width + i] = X[p, i]


@inner
def drop(whole: Any, real: Any, epoch: int, at: int, layer: int, n: int, z: Any, z0: int, slope: Any) -> None:
    """Drop units of a layer (n numbers) by the shared masks; kept ones are scaled up, in value and derivative."""
    zero, kept = z.dtype.type(0), real[KEPT]
    for block in range((n + U(3)) // U(4)):
        words = _philox(
            np.int64(block), np.int64(epoch), np.int64((_DROPOUT << 16) | np.int64(layer)), np.int64(at),
            whole[SEED_LOW], whole[SEED_HIGH],
        )  # fmt: skip
        for lane in range(min(U(4), n - U(4) * block)):
            k = z0 + U(4) * block + lane
            word = words[0] if lane == 0 else words[1] if lane == 1 else words[2] if lane == 2 else words[3]
            if (word & MASK) < whole[DROP_BELOW]:
                z[k] = zero
                slope[k] = zero
            else:
                z[k] *= kept
                slope[k] *= kept


@inner
def predicted(z: Any, z0: int, outputs: int, threshold: Any) -> Any:
    """Return the predicted class of one row of outputs; -1 if one of them is NaN."""
    for c in range(outputs):
        if math.isnan(z[z0 + c]):
            return np.int64(-1)
    if outputs == U(1):
        return np.int64(1) if z[z0] > threshold else np.int64(0)
    best = U(0)
    for c in range(U(1), outputs):
        if z[z0 + c] > z[z0 + best]:
            best = c
    return np.int64(best)


@inner
def train(
    X: Any, scale: Any, shift: Any, values: Any, columns: Any, starts: Any, labels: Any, targets: Any, order: Any,
    table: Any, whole: Any, real: Any, theta: Any, stats: Any, first: Any, second: Any, steps_done: int, rates: Any,
    epoch: int, sums: Any,
) -> bool:  # fmt: skip
    """Train for one epoch and return whether loss and weights are finite; see `epochs` for the arguments."""
    kind = theta.dtype.type
    layers, batch = U(table.shape[0]), min(U(whole[BATCH]), U(order.shape[0]))
    widest, last = U(1), table[layers - U(1), OUTPUTS]
    at = np.zeros(layers + U(1), np.uint64)  # where the inputs of each layer begin in the buffers; the outputs last
    largest = U(1)
    for l in range(layers):
        widest = max(widest, table[l, OUTPUTS], table[l, INPUTS] if l else U(0))
        at[l + U(1)] = at[l] + (U(0) if l == 0 and starts.shape[0] else batch * table[l, INPUTS])
        if l or not starts.shape[0]:
            largest = max(largest, table[l, INPUTS] * table[l, OUTPUTS])
    size = at[layers] + batch * last
    buffer, slope = np.zeros(size, theta.dtype), np.zeros(size, theta.dtype)
    normalized, inverse = np.zeros(size, theta.dtype), np.zeros(size, theta.dtype)
    delta, before = np.zeros(batch * widest, theta.dtype), np.zeros(batch * widest, theta.dtype)
    gradient, other = np.zeros(widest, theta.dtype), np.zeros(widest, theta.dtype)
    matrix, tile = np.zeros(largest, theta.dtype), np.zeros(4 * TILE, theta.dtype)
    rate = np.zeros(3, theta.dtype)
    optimizer, n_rows = whole[OPTIMIZER], U(order.shape[0])
    plain = optimizer == SGD
    threshold = real[THRESHOLD]

    loss_sum, correct = 0.0, 0
    for s in range(U(rates.shape[0])):
        rows = order[s * batch : min((s + U(1)) * batch, n_rows)]
        n = U(rows.shape[0])
        steps_done += 1
        lr = rates[s]
        rate[0] = lr
        rate[1] = lr / (1 - float(real[BETA1]) ** steps_done)
        rate[2] = math.sqrt(1 - float(real[BETA2]) ** steps_done)

        if starts.shape[0] == 0:
            gather(X, scale, shift, rows, n, buffer)
        for l in range(layers):
            width, z0 = table[l, OUTPUTS], at[l + U(1)]
            if l == 0 and starts.shape[0]:
                forward_sparse(values, columns, starts, rows, n, width, theta, table[l, WEIGHT], table[l, BIAS],
                               buffer, z0)  # fmt: skip
            else:
                forward(buffer, at[l], n, table[l, INPUTS], width, theta, table[l, WEIGHT], table[l, BIAS], z0, tile)
            if table[l, NORMALIZED]:
                normalize(buffer, z0, n, width, normalized, z0, inverse, z0, theta, table[l, GAMMA],
                          table[l, BETA], stats, table[l, STATS], gradient, other)  # fmt: skip
            if l + U(1) < layers:
                activate(table[l, ACTIVATION], buffer, z0, n * width, slope, z0)
                if table[l, DROPPED]:
                    if table[l, ACTIVATION] == RELU:
                        for k in range(z0, z0 + n * width):
                            slope[k] = kind(1)
                    drop(whole, real, epoch, s, l, n * width, buffer, z0, slope)

        z0 = at[layers]
        for r in range(n):
            row = rows[r]
            label = U(labels[row]) if labels.shape[0] else U(0)
            loss_sum += loss_of_row(whole, real, buffer, z0 + r * last, last, label, targets, row, delta, r * last)
            if labels.shape[0]:
                correct += predicted(buffer, z0 + r * last, last, threshold) == np.int64(label)
        if whole[SUMMED] == 0:
            share = kind(1.0 / n)
            for k in range(n * last):
                delta[k] *= share

        for above in range(layers):
            l = layers - U(1) - above
            inputs, width, z0, w0 = table[l, INPUTS], table[l, OUTPUTS], at[l + U(1)], table[l, WEIGHT]
            if l + U(1) < layers:
                if table[l, ACTIVATION] == RELU:
                    if table[l, DROPPED]:
                        for k in range(n * width):
                            delta[k] = delta[k] * slope[z0 + k] if buffer[z0 + k] > 0 else kind(0)
                    else:
                        for k in range(n * width):
                            delta[k] = delta[k] if buffer[z0 + k] > 0 else kind(0)
                else:
                    for k in range(n * width):
                        delta[k] *= slope[z0 + k]
            if table[l, NORMALIZED]:
                normalize_backward(delta, n, width, normalized, z0, inverse, z0, theta, table[l, GAMMA], gradient,
                                   other)  # fmt: skip
                step(optimizer, real, theta, table[l, GAMMA], width, gradient, first, second, rate)
                step(optimizer, real, theta, table[l, BETA], width, other, first, second, rate)
            for j in range(width):
                gradient[j] = kind(0)
            if not table[l, NORMALIZED]:  # else it is zero, see Scratch.backward
                for r in range(n):
                    for j in range(width):
                        gradient[j] += delta[r * width + j]
            step(optimizer, real, theta, table[l, BIAS], width, gradient, first, second, rate)

            if l == 0 and starts.shape[0]:
                _step_sparse(values, columns, starts, rows, n, inputs, width, w0, optimizer, real, theta, delta,
                             gradient, first, second, rate)  # fmt: skip
            elif l and plain and n == U(4) and not uses_blas(n, inputs, width):
                shrink = kind(1) - rate[0] * real[DECAY]
                backward_four_sgd(buffer, at[l], inputs, width, theta, w0, delta, before, rate[0], shrink)
            else:
                if l:
                    input_gradient(delta, n, inputs, width, theta, w0, before)
                weight_gradient(buffer, at[l], n, inputs, width, delta, matrix)
                step(optimizer, real, theta, w0, inputs * width, matrix, first, second, rate)
            delta, before = before, delta
    sums[0], sums[1] = loss_sum, correct
    return math.isfinite(loss_sum) and _finite(theta) and _finite(stats)


@inner
def _finite(numbers: Any) -> bool:
    for k in range(U(numbers.shape[0])):
        if not math.isfinite(numbers[k]):
            return False
    return True  # a loop and not all(): compiled code has no generators


@inner
def _step_sparse(
    values: Any, columns: Any, starts: Any, rows: Any, n: int, inputs: int, width: int, w0: int, optimizer: int,
    real: Any, theta: Any, delta: Any, gradient: Any, first: Any, second: Any, rate: Any,
) -> None:  # fmt: skip
    """Take the step of a first layer with sparse inputs; with plain SGD its cost follows the non-zeros."""
    kind = theta.dtype.type
    if optimizer == SGD and real[DECAY] == 0:
        lr = rate[0]
        for r in range(n):
            for k in range(starts[rows[r]], starts[rows[r] + 1]):
                a, w = lr * values[k], w0 + U(columns[k]) * width
                for j in range(width):
                    theta[w + j] -= a * delta[r * width + j]
        return
    matrix = np.zeros(inputs * width, theta.dtype)
    for r in range(n):
        for k in range(starts[rows[r]], starts[rows[r] + 1]):
            a, w = values[k], U(columns[k]) * width
            for j in range(width):
                matrix[w + j] += a * delta[r * width + j]
    for i in range(inputs):
        for j in range(width):
            gradient[j] = matrix[i * width + j] + kind(0)
        step(optimizer, real, theta, w0 + i * width, width, gradient, first, second, rate)


@inner
def score(
    X: Any, scale: Any, shift: Any, values: Any, columns: Any, starts: Any, labels: Any, targets: Any, rows: Any,
    table: Any, whole: Any, real: Any, theta: Any, stats: Any, at_a_time: int, sums: Any,
) -> None:  # fmt: skip
    """Add to `sums` (3 + C,) the loss, the right predictions, the absolute errors, the squared errors per target.

    `rows` (n,) are scored, `at_a_time` together; see `epochs` for the other arguments.
    """
    layers = U(table.shape[0])
    outputs, widest, at_once = table[layers - U(1), OUTPUTS], U(1), U(at_a_time)
    for l in range(layers):
        widest = max(widest, table[l, OUTPUTS], U(0) if (l == 0 and starts.shape[0]) else table[l, INPUTS])
    buffer = np.zeros(U(2) * at_once * widest, theta.dtype)
    scale_of, slope = np.zeros(widest, theta.dtype), np.zeros(at_once * widest, theta.dtype)
    half = at_once * widest
    unused, tile = np.zeros(outputs, theta.dtype), np.zeros(4 * TILE, theta.dtype)
    for begin in range(0, rows.shape[0], at_a_time):
        some = rows[begin : min(begin + at_a_time, rows.shape[0])]
        n, x0, z0 = U(some.shape[0]), U(0), half
        if starts.shape[0] == 0:
            gather(X, scale, shift, some, n, buffer)
        for l in range(layers):
            width = table[l, OUTPUTS]
            if l == 0 and starts.shape[0]:
                forward_sparse(values, columns, starts, some, n, width, theta, table[l, WEIGHT], table[l, BIAS], buffer,
                               z0)  # fmt: skip
            else:
                forward(buffer, x0, n, table[l, INPUTS], width, theta, table[l, WEIGHT], table[l, BIAS], z0, tile)
            if table[l, NORMALIZED]:
                normalize_fixed(buffer, z0, n, width, theta, table[l, GAMMA], table[l, BETA], stats, table[l, STATS],
                                scale_of)  # fmt: skip
            if l + U(1) < layers:
                activate(table[l, ACTIVATION], buffer, z0, n * width, slope, U(0))
            x0, z0 = z0, x0
        for r in range(n):
            row, o0 = some[r], x0 + r * outputs
            label = U(labels[row]) if labels.shape[0] else U(0)
            sums[0] += loss_of_row(whole, real, buffer, o0, outputs, label, targets, row, unused, U(0))
            if whole[CLASSES]:
                sums[1] += predicted(buffer, o0, outputs, real[THRESHOLD]) == np.int64(label)
            else:
                for c in range(outputs):
                    error = float(buffer[o0 + c]) - float(targets[row, c])
                    sums[2] += abs(error) / outputs
                    sums[U(N_SUMS) + c] += error * error


@entry
def epochs(
    X: Any, scale: Any, shift: Any, values: Any, columns: Any, starts: Any, labels: Any, targets: Any, orders: Any,
    table: Any, whole: Any, real: Any, theta: Any, stats: Any, first: Any, second: Any, steps_done: int, rates: Any,
    epoch: int, sums: Any, val: Any, test: Any, fit: Any, due: Any, scores: Any, at_a_time: int,
) -> Any:  # fmt: skip
    """Train for some epochs and score what is due after each; return the epochs begun, fewer if one diverged.

    Args:
        X: inputs (N, D), uint8 or the trial's dtype; (0, D) where they are sparse.
        scale: (D,) for uint8 inputs, else (0,).
        shift: as scale.
        values: of a CSR matrix, else (0,).
        columns: of a CSR matrix, else (0,).
        starts: of a CSR matrix, else (0,).
        labels: classes (N,), or (0,).
        targets: (N, C), or (0, 0).
        orders: rows (epochs, n) in the order in which they are visited.
        table: see `layout`.
        whole: see `layout`.
        real: see `layout`.
        theta: parameters, changed.
        stats: running statistics, changed.
        first: velocity or first moments like theta, or (1,).
        second: mean or sum of squares like theta, or (1,).
        steps_done: optimizer steps before.
        rates: learning rates (epochs, steps).
        epoch: the first epoch's number.
        sums: (epochs, 2), set to the sum of losses and the number of right predictions in training.
        val: rows of the validation part.
        test: rows of the test part.
        fit: rows of the training part.
        due: (epochs, 3) whether each of these is scored after an epoch.
        scores: (epochs, 3, 3 + C), zeros, see `score`.
        at_a_time: rows scored together.
    """
    for e in range(orders.shape[0]):
        finite = train(
            X, scale, shift, values, columns, starts, labels, targets, orders[e], table, whole, real, theta, stats,
            first, second, steps_done + e * rates.shape[1], rates[e], epoch + e, sums[e],
        )  # fmt: skip
        for part in range(3):
            if due[e, part]:
                rows = val if part == 0 else test if part == 1 else fit
                score(
                    X, scale, shift, values, columns, starts, labels, targets, rows, table, whole, real, theta, stats,
                    at_a_time, scores[e, part],
                )  # fmt: skip
        if not finite:
            return e + 1
    return orders.shape[0]
