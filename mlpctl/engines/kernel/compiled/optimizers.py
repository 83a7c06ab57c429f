"""Take optimizer steps in compiled code: SGD, momentum, Adam, RMSProp, AdaGrad; formulas in `models.optimizers`."""

from typing import Any

from mlpctl.engines.kernel.compiled.activations import _adam, _step_of_others
from mlpctl.engines.kernel.compiled.compiling import U, inner
from mlpctl.engines.kernel.compiled.scratch import V
from mlpctl.engines.kernel.compiled.vectors import fill, fma, load, store
from mlpctl.engines.kernel.layout import (
    DECAY,
    OPTIMIZERS,
)

SGD, MOMENTUM_SGD, NESTEROV, ADAM, ADAMW, RMSPROP, ADAGRAD = range(len(OPTIMIZERS))


@inner
def step(
    optimizer: int, real: Any, theta: Any, k: int, n: int, gradient: Any, first: Any, second: Any, rate: Any
) -> None:
    """Take an optimizer's step for n parameters from theta[k] on; `rate` holds what the step's number decides.

    Args:
        optimizer: its code.
        real: hyperparameters.
        theta: parameters.
        k: the first parameter.
        n: how many, whole vectors.
        gradient: (n,), used up.
        first: velocity or first moment, in step with theta.
        second: mean or sum of squares, in step with theta.
        rate: lr, lr / (1 - β1^t), sqrt(1 - β2^t).
    """
    if optimizer == SGD and real[DECAY] == 0:
        pace = fill(-rate[0])
        for j in range(U(0), n, V):
            store(theta, k + j, fma(pace, load(gradient, j), load(theta, k + j)))
    elif optimizer == ADAM and real[DECAY] == 0:
        _adam(real, theta, k, n, gradient, first, second, rate)
    else:
        _step_of_others(optimizer, real, theta, k, n, gradient, first, second, rate)
