"""Compute losses and their gradients in compiled code; formulas in `models.losses`."""

import math
from typing import Any

from mlpctl.engines.kernel.compiled.activations import _other_loss
from mlpctl.engines.kernel.compiled.compiling import U, inner
from mlpctl.engines.kernel.compiled.pointers import number
from mlpctl.engines.kernel.compiled.scratch import V
from mlpctl.engines.kernel.compiled.vectors import add, exponential, fill, larger, load, mul, store, sub, sum_of, top_of
from mlpctl.engines.kernel.compiled.vectors import first as first_of
from mlpctl.engines.kernel.layout import LOSS, LOSSES

CROSS_ENTROPY, NLL, MSE, HALF_MSE, HUBER, L1, BCE, PERCEPTRON = range(len(LOSSES))


@inner
def loss_of_row(
    whole: Any, real: Any, z: Any, z0: int, outputs: int, label: int, targets: Any, row: int, gradient: Any, g0: int
) -> Any:
    """Return the loss of an example, its gradient with respect to the outputs (outputs,) set; see models.losses."""
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
