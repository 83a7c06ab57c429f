"""Train an epoch in compiled code."""

import math
from typing import Any

import numpy as np

from mlpctl.engines.kernel.compiled.activations import RELU, activate
from mlpctl.engines.kernel.compiled.affine import forward, forward_sparse, gradients
from mlpctl.engines.kernel.compiled.batch_norm import (
    normalize,
    normalize_backward,
    normalize_backward_four,
    normalize_four,
)
from mlpctl.engines.kernel.compiled.compiling import U, inner
from mlpctl.engines.kernel.compiled.losses import loss_of_row
from mlpctl.engines.kernel.compiled.optimizers import ADAM, ADAMW, SGD, step
from mlpctl.engines.kernel.compiled.pointers import moved, number
from mlpctl.engines.kernel.compiled.random_numbers import MASKED, mask
from mlpctl.engines.kernel.compiled.scoring import gather, predicted
from mlpctl.engines.kernel.compiled.scratch import VV, V, whole_vectors
from mlpctl.engines.kernel.compiled.threads import look
from mlpctl.engines.kernel.compiled.vectors import add, fill, fma, load, mul, store, where_positive
from mlpctl.engines.kernel.layout import (
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
    N_COLUMNS,
    NORMALIZED,
    OPTIMIZER,
    OUTPUTS,
    SEED_HIGH,
    SEED_LOW,
    STATS,
    SUMMED,
    THRESHOLD,
    UNITS,
    WEIGHT,
)
from mlpctl.rng import purpose_number

_DROPOUT = purpose_number("dropout")


@inner
def drop(
    whole: Any, real: Any, epoch: int, at: int, layer: int, n: int, units: int, outputs: int, z: Any, z0: int,
    slope: Any, factors: Any,
) -> None:  # fmt: skip
    """Drop units of a layer (n, units) by the shared masks; kept ones are scaled up, in value and derivative.

    `factors` is scratch for 2 · n · outputs numbers: the mask, whose rows have no padding, and a vector beyond it.
    """
    stream = np.int64((_DROPOUT << 16) | np.int64(layer))
    for k in range(U(0), n * units + V, U(MASKED)):
        mask(factors, k, np.int64(k // U(4)), np.int64(epoch), stream, np.int64(at), whole[SEED_LOW], whole[SEED_HIGH],
             whole[DROP_BELOW], number(z, real[KEPT]))  # fmt: skip
    for r in range(n):
        for j in range(U(0), outputs, V):
            k, factor = z0 + r * outputs + j, load(factors, r * units + j)
            store(z, k, where_positive(factor, mul(load(z, k), factor)))
            store(slope, k, where_positive(factor, mul(load(slope, k), factor)))


@inner
def sizes(table: Any, layers: int, batch: int, sparse: bool, at: Any) -> tuple[int, int, int, int]:
    """Return the sizes of scratch memory, and set where the inputs of each layer begin in a buffer; the outputs last.

    Returns:
        Numbers in a buffer of all layers' inputs and the outputs; in the widest layer's outputs; in the largest
        weights; in the longest dimension.
    """
    size, widest, largest, deepest = U(0), U(MASKED) // U(2), U(0), batch  # so that there is room for a mask
    for l in range(layers):
        row = moved(table, l * U(N_COLUMNS))
        at[l] = size
        if l or not sparse:
            size += whole_vectors(batch * row[INPUTS])
            deepest = max(deepest, row[INPUTS])
        largest = max(largest, row[INPUTS] * row[OUTPUTS])
        widest = max(widest, row[OUTPUTS], row[INPUTS] if l else U(0))
        if l + U(1) == layers:
            at[layers] = size
            size += batch * row[OUTPUTS]
    return size, widest, largest, max(deepest, widest)


@inner
def train(
    X: Any, scaled: bool, scale: Any, shift: Any, sparse: bool, values: Any, columns: Any, starts: Any, labels: Any,
    targets: Any, order: Any, n_rows: int, table: Any, layers: int, whole: Any, real: Any, theta: Any, stats: Any,
    first: Any, second: Any, steps_done: int, rates: Any, steps: int, epoch: int, at: Any, buffer: Any,
    task: Any, halt: Any, sums: Any,
) -> None:  # fmt: skip
    """Train for one epoch; see `epochs_for` for the arguments, all of them pointers."""
    optimizer, threshold, classes = whole[OPTIMIZER], number(theta, real[THRESHOLD]), whole[CLASSES] > 0
    plain = optimizer == SGD and real[DECAY] == 0
    batch = min(U(whole[BATCH]), n_rows)
    size, widest, largest, deepest = sizes(table, layers, batch, sparse, at)
    top = moved(table, (layers - U(1)) * U(N_COLUMNS))
    last, units = top[OUTPUTS], top[UNITS]
    slope, normalized, inverse = moved(buffer, size), moved(buffer, U(2) * size), moved(buffer, U(3) * size)
    delta = moved(buffer, U(4) * size)
    before = moved(delta, batch * widest)
    gradient = moved(before, batch * widest)
    other = moved(gradient, widest)
    matrix = moved(other, widest)
    nothing = moved(matrix, largest)
    packed = moved(nothing, widest)
    rate = moved(packed, VV * deepest)

    loss_sum, correct = 0.0, 0
    for s in range(steps):
        if look(halt, U(0)) != 0:
            break
        rows, n = moved(order, s * batch), min(batch, n_rows - s * batch)
        steps_done += 1
        lr = rates[s]
        rate[0] = lr
        if optimizer in (ADAM, ADAMW):
            rate[1] = lr / (1 - real[BETA1] ** steps_done)  # in float64: 1 - β^t cancels
            rate[2] = math.sqrt(1 - real[BETA2] ** steps_done)

        if not sparse:
            gather(X, scaled, scale, shift, rows, n, table[INPUTS], buffer)
        for l in range(layers):
            row = moved(table, l * U(N_COLUMNS))
            outputs, z0, code = row[OUTPUTS], at[l + U(1)], row[ACTIVATION]
            if l == 0 and sparse:
                forward_sparse(values, columns, starts, rows, n, outputs, theta, row[WEIGHT], row[BIAS],
                               buffer, z0)  # fmt: skip
            else:
                forward(buffer, at[l], n, row[INPUTS], outputs, theta, row[WEIGHT], row[BIAS], z0, packed, task)
            relu = code == RELU and l + U(1) < layers
            if row[NORMALIZED] and n == U(4):
                normalize_four(buffer, z0, outputs, normalized, inverse, theta, row[GAMMA], row[BETA], stats,
                               row[STATS], relu)  # fmt: skip
            elif row[NORMALIZED]:
                normalize(buffer, z0, n, outputs, normalized, inverse, theta, row[GAMMA], row[BETA], stats,
                          row[STATS], gradient, other)  # fmt: skip
            if l + U(1) < layers:
                if not (relu and row[NORMALIZED] and n == U(4)):
                    activate(code, buffer, z0, n, row[UNITS], outputs, slope, z0)
                if row[DROPPED]:
                    if relu:
                        for k in range(z0, z0 + n * outputs):
                            slope[k] = number(slope, 1)
                    drop(whole, real, epoch, s, l, n, row[UNITS], outputs, buffer, z0, slope, delta)

        z0 = at[layers]
        for r in range(n):
            example = U(rows[r])
            label = U(labels[example]) if classes else U(0)
            for j in range(units, last):
                delta[r * last + j] = number(delta, 0)
            loss_sum += loss_of_row(whole, real, buffer, z0 + r * last, units, label, targets, example, delta, r * last)
            if classes:
                correct += predicted(buffer, z0 + r * last, units, threshold) == np.int64(label)
        if whole[SUMMED] == 0:
            share = number(delta, 1.0 / n)
            for k in range(n * last):
                delta[k] *= share

        for above in range(layers):
            l = layers - U(1) - above
            row = moved(table, l * U(N_COLUMNS))
            inputs, outputs, z0, w0 = row[INPUTS], row[OUTPUTS], at[l + U(1)], row[WEIGHT]
            relu = l + U(1) < layers and row[ACTIVATION] == RELU
            fused = relu and n == U(4) and row[NORMALIZED] and not row[DROPPED]
            if l + U(1) < layers and not fused:
                if not relu or row[DROPPED]:
                    for k in range(U(0), n * outputs, V):
                        store(delta, k, mul(load(delta, k), load(slope, z0 + k)))
                if relu:
                    for k in range(U(0), n * outputs, V):
                        store(delta, k, where_positive(load(buffer, z0 + k), load(delta, k)))
            if row[NORMALIZED]:
                if n == U(4):
                    normalize_backward_four(delta, outputs, buffer, z0, normalized, inverse, theta, row[GAMMA],
                                            gradient, other, fused)  # fmt: skip
                else:
                    normalize_backward(delta, n, outputs, normalized, z0, inverse, theta, row[GAMMA], gradient,
                                       other)  # fmt: skip
                step(optimizer, real, theta, row[GAMMA], outputs, gradient, first, second, rate)
                step(optimizer, real, theta, row[BETA], outputs, other, first, second, rate)
            for j in range(U(0), outputs, V):
                total = fill(number(theta, 0))
                if not row[NORMALIZED]:  # else it is zero, see Manual.backward
                    for r in range(n):
                        total = add(total, load(delta, r * outputs + j))
                store(gradient, j, total)
            step(optimizer, real, theta, row[BIAS], outputs, gradient, first, second, rate)

            if l == 0 and sparse:
                _step_sparse(values, columns, starts, rows, n, inputs, outputs, w0, optimizer, real, theta, delta,
                             matrix, first, second, rate)  # fmt: skip
            else:
                target, t0, factor = theta, w0, -lr  # plain SGD adds its step where the weights are
                if not plain:
                    target, t0, factor = matrix, U(0), number(theta, 1)
                    for k in range(U(0), inputs * outputs, V):
                        store(matrix, k, fill(number(theta, 0)))
                gradients(buffer, at[l], n, inputs, outputs, theta, w0, delta, before, l > U(0), target, t0, factor,
                          nothing, packed, task)  # fmt: skip
                if not plain:
                    step(optimizer, real, theta, w0, inputs * outputs, matrix, first, second, rate)
            delta, before = before, delta
    sums[0], sums[1] = loss_sum, correct


@inner
def _step_sparse(
    values: Any, columns: Any, starts: Any, rows: Any, n: int, inputs: int, outputs: int, w0: int, optimizer: int,
    real: Any, theta: Any, delta: Any, matrix: Any, first: Any, second: Any, rate: Any,
) -> None:  # fmt: skip
    """Take the step of a first layer with sparse inputs; with plain SGD its cost follows the non-zeros."""
    if optimizer == SGD and real[DECAY] == 0:
        _add_sparse(values, columns, starts, rows, n, outputs, delta, -rate[0], theta, w0)
        return
    for k in range(U(0), inputs * outputs, V):
        store(matrix, k, fill(number(matrix, 0)))
    _add_sparse(values, columns, starts, rows, n, outputs, delta, number(theta, 1), matrix, U(0))
    step(optimizer, real, theta, w0, inputs * outputs, matrix, first, second, rate)


@inner
def _add_sparse(
    values: Any, columns: Any, starts: Any, rows: Any, n: int, outputs: int, delta: Any, factor: Any, target: Any,
    t0: int,
) -> None:  # fmt: skip
    """Add factor · Xᵀ delta to the target (inputs, outputs)."""
    for r in range(n):
        for k in range(starts[rows[r]], starts[rows[r] + 1]):
            a, t = fill(factor * values[k]), t0 + U(columns[k]) * outputs
            for j in range(U(0), outputs, V):
                store(target, t + j, fma(a, load(delta, r * outputs + j), load(target, t + j)))
