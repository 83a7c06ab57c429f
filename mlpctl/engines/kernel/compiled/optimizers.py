"""Take optimizer steps in compiled code: SGD, momentum, Adam, RMSProp, AdaGrad; formulas in `models.numpy`."""

import math
from typing import Any

from mlpctl.engines.kernel.compiled.compiling import U, apart, inner
from mlpctl.engines.kernel.compiled.pointers import number
from mlpctl.engines.kernel.compiled.scratch import V
from mlpctl.engines.kernel.compiled.vectors import div, fill, fma, load, mul, root, store, sub
from mlpctl.engines.kernel.layout import ALPHA, BETA1, BETA2, DECAY, EPS, MOMENTUM, OPTIMIZERS

SGD, MOMENTUM_SGD, NESTEROV, ADAM, ADAMW, RMSPROP, ADAGRAD = range(len(OPTIMIZERS))


@inner
def step(
    optimizer: int, real: Any, theta: Any, k: int, n: int, gradient: Any, first: Any, second: Any, rate: Any
) -> None:
    """Take an optimizer's step for n parameters from theta[k] on; `rate` holds what the step's number decides.

    Args:
        optimizer: code of the optimizer.
        real: hyperparameters, float64: 1 - β is computed before it is rounded.
        theta: parameters.
        k: the first parameter.
        n: number of parameters, whole vectors.
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


@inner
def _adam(real: Any, theta: Any, k: int, n: int, gradient: Any, first: Any, second: Any, rate: Any) -> None:
    """Take a step of Adam without weight decay, see `step`."""
    b1, b2 = fill(number(theta, real[BETA1])), fill(number(theta, real[BETA2]))
    rest1, rest2 = fill(number(theta, 1 - real[BETA1])), fill(number(theta, 1 - real[BETA2]))
    eps, pace, correction = fill(number(theta, real[EPS])), fill(rate[1]), fill(number(theta, 1) / rate[2])
    for j in range(U(0), n, V):
        g = load(gradient, j)
        mean = fma(b1, load(first, k + j), mul(rest1, g))
        square = fma(b2, load(second, k + j), mul(mul(rest2, g), g))
        store(first, k + j, mean)
        store(second, k + j, square)
        change = div(mul(pace, mean), fma(root(square), correction, eps))
        store(theta, k + j, sub(load(theta, k + j), change))


@apart
def _step_of_others(
    optimizer: int, real: Any, theta: Any, k: int, n: int, gradient: Any, first: Any, second: Any, rate: Any
) -> None:
    """Take a step of anything but plain SGD and Adam, see `step`."""
    one = number(theta, 1)
    lr, decay = rate[0], number(theta, real[DECAY])
    if optimizer == ADAMW:
        for j in range(n):
            theta[k + j] *= one - lr * decay
    elif decay > 0:
        for j in range(n):
            gradient[j] += decay * theta[k + j]
    if optimizer == SGD:
        pace = fill(-lr)
        for j in range(U(0), n, V):
            store(theta, k + j, fma(pace, load(gradient, j), load(theta, k + j)))
    elif optimizer == MOMENTUM_SGD:
        mu = number(theta, real[MOMENTUM])
        for j in range(n):
            velocity = mu * first[k + j] + gradient[j]
            first[k + j] = velocity
            theta[k + j] -= lr * velocity
    elif optimizer == NESTEROV:
        mu = number(theta, real[MOMENTUM])
        for j in range(n):
            velocity = mu * first[k + j] + gradient[j]
            first[k + j] = velocity
            theta[k + j] -= lr * (gradient[j] + mu * velocity)
    elif optimizer in (ADAM, ADAMW):
        _adam(real, theta, k, n, gradient, first, second, rate)
    elif optimizer == RMSPROP:
        alpha, rest = number(theta, real[ALPHA]), number(theta, 1 - real[ALPHA])
        mu, eps = number(theta, real[MOMENTUM]), number(theta, real[EPS])
        for j in range(n):
            g = gradient[j]
            square = alpha * second[k + j] + rest * g * g
            second[k + j] = square
            change = mu * first[k + j] + g / (math.sqrt(square) + eps)
            first[k + j] = change
            theta[k + j] -= lr * change
    else:
        eps = number(theta, real[EPS])
        for j in range(n):
            g = gradient[j]
            square = second[k + j] + g * g
            second[k + j] = square
            theta[k + j] -= lr * g / (math.sqrt(square) + eps)
