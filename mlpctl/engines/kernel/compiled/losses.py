"""Compute losses and their gradients in compiled code; formulas in `models.numpy`."""

import math
from typing import Any

from mlpctl.engines.kernel.compiled.compiling import U, apart, inner
from mlpctl.engines.kernel.compiled.pointers import number
from mlpctl.engines.kernel.compiled.scratch import V
from mlpctl.engines.kernel.compiled.vectors import add, exponential, fill, larger, load, mul, store, sub, sum_of, top_of
from mlpctl.engines.kernel.compiled.vectors import first as first_of
from mlpctl.engines.kernel.layout import CLASSES, DELTA, HIGH, LOSS, LOSSES, LOW

CROSS_ENTROPY, NLL, MSE, HALF_MSE, HUBER, L1, BCE, PERCEPTRON = range(len(LOSSES))


@inner
def loss_of_row(
    whole: Any, real: Any, z: Any, z0: int, outputs: int, label: int, targets: Any, row: int, gradient: Any, g0: int
) -> Any:
    """Return the loss of an example, its gradient with respect to the outputs (outputs,) set; see models.numpy."""
    one, loss = number(z, 1), whole[LOSS]
    if loss in (CROSS_ENTROPY, NLL):
        low, nothing = fill(number(z, -math.inf)), fill(number(z, 0))
        highest = low
        for j in range(U(0), outputs, V):
            highest = larger(highest, first_of(outputs - j, load(z, z0 + j), low))
        top, total = top_of(highest), nothing
        for j in range(U(0), outputs, V):
            e = first_of(outputs - j, exponential(sub(load(z, z0 + j), fill(top))), nothing)
            store(gradient, g0 + j, e)
            total = add(total, e)
        share = sum_of(total)
        for j in range(U(0), outputs, V):
            store(gradient, g0 + j, mul(load(gradient, g0 + j), fill(one / share)))
        gradient[g0 + label] -= one
        return math.log(share) + top - z[z0 + label]
    return _other_loss(whole, real, z, z0, outputs, label, targets, row, gradient, g0)


@apart
def _other_loss(
    whole: Any, real: Any, z: Any, z0: int, outputs: int, label: int, targets: Any, row: int, gradient: Any, g0: int
) -> Any:
    """Return a loss other than cross-entropy, see `loss_of_row`."""
    zero, one, half, loss = number(z, 0), number(z, 1), number(z, 0.5), whole[LOSS]
    if loss == PERCEPTRON and outputs > U(1):
        rival = U(1) if label == U(0) else U(0)
        for c in range(outputs):
            gradient[g0 + c] = zero
            if c != label and z[z0 + c] > z[z0 + rival]:
                rival = c
        margin = z[z0 + label] - z[z0 + rival]
        if margin <= zero:
            gradient[g0 + rival] = one
            gradient[g0 + label] = -one
        return max(-margin, zero)
    value = zero
    for c in range(outputs):
        if whole[CLASSES] == 0:
            t = targets[row * outputs + c]
        elif outputs == U(1):
            t = number(z, real[HIGH] if label == U(1) else real[LOW])
        else:
            t = number(z, real[HIGH] if label == c else real[LOW])
        u = z[z0 + c]
        e = u - t
        if loss == MSE:
            value += e * e
            g = e + e
        elif loss == HALF_MSE:
            value += e * e * half
            g = e
        elif loss == HUBER:
            delta = number(z, real[DELTA])
            value += e * e * half if abs(e) < delta else delta * (abs(e) - half * delta)
            g = min(max(e, -delta), delta)
        elif loss == L1:
            value += abs(e)
            g = one if e > zero else (-one if e < zero else zero)
        elif loss == BCE:
            value += max(u, zero) - t * u + math.log1p(math.exp(-abs(u)))
            g = one / (one + math.exp(-u)) - t
        else:
            value += max(-t * u, zero)
            g = -t if t * u <= zero else zero
        gradient[g0 + c] = g / number(z, outputs)
    return value / number(z, outputs)
