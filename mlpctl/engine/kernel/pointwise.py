"""Activations, batch normalization, losses and optimizer steps of compiled code; see mlpctl.models for the formulas."""

import math
from typing import Any

from mlpctl.engine.kernel.compiling import U, inner
from mlpctl.engine.kernel.layout import (
    ACTIVATIONS,
    ALPHA,
    BETA1,
    BETA2,
    CLASSES,
    DECAY,
    DELTA,
    EPS,
    HIGH,
    LOSS,
    LOSSES,
    LOW,
    MOMENTUM,
    OPTIMIZERS,
)
from mlpctl.models.constants import BN_EPS, BN_MOMENTUM, LEAKY_SLOPE

RELU, SIGMOID, TANH, LEAKY, ELU, GELU, SILU, SOFTPLUS, IDENTITY, STEP = range(len(ACTIVATIONS))
CROSS_ENTROPY, NLL, MSE, HALF_MSE, HUBER, L1, BCE, PERCEPTRON = range(len(LOSSES))
SGD, MOMENTUM_SGD, NESTEROV, ADAM, ADAMW, RMSPROP, ADAGRAD = range(len(OPTIMIZERS))


@inner
def activate(code: int, z: Any, z0: int, size: int, slope: Any, s0: int) -> None:
    """Replace pre-activations by activations, and set their derivatives (not for relu: it is read off the output)."""
    kind = z.dtype.type
    zero, one, half = kind(0), kind(1), kind(0.5)
    if code == RELU:
        for k in range(size):
            u = z[z0 + k]
            z[z0 + k] = u if not u < zero else zero  # a NaN stays one
    elif code == IDENTITY:
        for k in range(size):
            slope[s0 + k] = one
    elif code == SIGMOID:
        for k in range(size):
            a = one / (one + math.exp(-z[z0 + k]))
            z[z0 + k] = a
            slope[s0 + k] = a * (one - a)
    elif code == TANH:
        for k in range(size):
            a = math.tanh(z[z0 + k])
            z[z0 + k] = a
            slope[s0 + k] = one - a * a
    elif code == LEAKY:
        low = kind(LEAKY_SLOPE)
        for k in range(size):
            u = z[z0 + k]
            t = one if u > zero else low
            z[z0 + k] = u * t
            slope[s0 + k] = t
    elif code == ELU:
        for k in range(size):
            u = z[z0 + k]
            if u > zero:
                slope[s0 + k] = one
            else:
                a = math.expm1(u)
                z[z0 + k] = a
                slope[s0 + k] = a + one
    elif code == GELU:
        root, density = kind(1 / math.sqrt(2)), kind(1 / math.sqrt(2 * math.pi))
        for k in range(size):
            u = z[z0 + k]
            cdf = half * (one + math.erf(u * root))
            z[z0 + k] = u * cdf
            slope[s0 + k] = cdf + u * math.exp(-u * u * half) * density
    elif code == SILU:
        for k in range(size):
            u = z[z0 + k]
            s = one / (one + math.exp(-u))
            z[z0 + k] = u * s
            slope[s0 + k] = s * (one + u * (one - s))
    elif code == SOFTPLUS:
        for k in range(size):
            u = z[z0 + k]
            z[z0 + k] = max(u, zero) + math.log1p(math.exp(-abs(u)))
            slope[s0 + k] = one / (one + math.exp(-u))
    else:
        for k in range(size):
            z[z0 + k] = one if z[z0 + k] > zero else zero
            slope[s0 + k] = zero


@inner
def normalize(
    z: Any, z0: int, n: int, width: int, normalized: Any, m0: int, inverse: Any, v0: int, theta: Any, gamma: int,
    beta: int, stats: Any, t0: int, mean: Any, square: Any,
) -> None:  # fmt: skip
    """Replace z (n, width) by its batch normalization in training, and move the running statistics.

    Units are the inner loop throughout, so that it is vectors; `mean` and `square` (width,) are scratch.
    """
    kind = z.dtype.type
    zero, one, share = kind(0), kind(1), kind(1.0 / n)
    move, unbiased, eps = kind(BN_MOMENTUM), kind(n / (n - 1.0)), kind(BN_EPS)
    for j in range(width):
        mean[j] = zero
        square[j] = zero
    for r in range(n):
        for j in range(width):
            mean[j] += z[z0 + r * width + j]
    for j in range(width):
        mean[j] *= share
    for r in range(n):
        for j in range(width):
            e = z[z0 + r * width + j] - mean[j]
            normalized[m0 + r * width + j] = e
            square[j] += e * e
    for j in range(width):
        variance = square[j] * share
        inverse[v0 + j] = one / math.sqrt(variance + eps)
        stats[t0 + j] += move * (mean[j] - stats[t0 + j])
        stats[t0 + width + j] += move * (variance * unbiased - stats[t0 + width + j])
    for r in range(n):
        for j in range(width):
            h = normalized[m0 + r * width + j] * inverse[v0 + j]
            normalized[m0 + r * width + j] = h
            z[z0 + r * width + j] = h * theta[gamma + j] + theta[beta + j]


@inner
def normalize_fixed(
    z: Any, z0: int, n: int, width: int, theta: Any, gamma: int, beta: int, stats: Any, t0: int, scale: Any
) -> None:
    """Replace z (n, width) by its normalization with the running statistics; `scale` (width,) is scratch."""
    eps = z.dtype.type(BN_EPS)
    for j in range(width):
        scale[j] = theta[gamma + j] / math.sqrt(stats[t0 + width + j] + eps)
    for r in range(n):
        for j in range(width):
            k = z0 + r * width + j
            z[k] = (z[k] - stats[t0 + j]) * scale[j] + theta[beta + j]


@inner
def normalize_backward(
    delta: Any, n: int, width: int, normalized: Any, m0: int, inverse: Any, v0: int, theta: Any, gamma: int,
    by_gamma: Any, by_beta: Any,
) -> None:  # fmt: skip
    """Replace delta (n, width) after a normalization by that before it; set the gradients of its scale and shift."""
    kind = delta.dtype.type
    zero, share = kind(0), kind(1.0 / n)
    for j in range(width):
        by_gamma[j] = zero
        by_beta[j] = zero
    for r in range(n):
        for j in range(width):
            d = delta[r * width + j]
            by_beta[j] += d
            by_gamma[j] += d * normalized[m0 + r * width + j]
    for r in range(n):
        for j in range(width):
            k = r * width + j
            centred = delta[k] - by_beta[j] * share - normalized[m0 + k] * (by_gamma[j] * share)
            delta[k] = theta[gamma + j] * inverse[v0 + j] * centred


@inner
def loss_of_row(
    whole: Any, real: Any, z: Any, z0: int, outputs: int, label: int, targets: Any, row: int, gradient: Any, g0: int
) -> Any:
    """Return the loss of an example, its gradient with respect to the outputs (outputs,) set; see models.losses."""
    kind = z.dtype.type
    zero, one, half = kind(0), kind(1), kind(0.5)
    loss = whole[LOSS]
    if loss in (CROSS_ENTROPY, NLL):
        top = z[z0]
        for c in range(U(1), outputs):
            top = max(top, z[z0 + c])
        total = zero
        for c in range(outputs):
            e = math.exp(z[z0 + c] - top)
            gradient[g0 + c] = e
            total += e
        for c in range(outputs):
            gradient[g0 + c] /= total
        gradient[g0 + label] -= one
        return math.log(total) + top - z[z0 + label]
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
            t = targets[row, c]
        elif outputs == U(1):
            t = real[HIGH] if label == U(1) else real[LOW]
        else:
            t = real[HIGH] if label == c else real[LOW]
        u = z[z0 + c]
        e = u - t
        if loss == MSE:
            value += e * e
            g = e + e
        elif loss == HALF_MSE:
            value += e * e * half
            g = e
        elif loss == HUBER:
            delta = real[DELTA]
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
        gradient[g0 + c] = g / kind(outputs)
    return value / kind(outputs)


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
        n: how many.
        gradient: (n,), used up.
        first: velocity or first moment, in step with theta.
        second: mean or sum of squares, in step with theta.
        rate: lr, lr / (1 - β1^t), sqrt(1 - β2^t).
    """
    kind = theta.dtype.type
    one = kind(1)
    lr, decay = rate[0], real[DECAY]
    if optimizer == ADAMW:
        for j in range(n):
            theta[k + j] *= one - lr * decay
    elif decay > 0:
        for j in range(n):
            gradient[j] += decay * theta[k + j]
    if optimizer == SGD:
        for j in range(n):
            theta[k + j] -= lr * gradient[j]
    elif optimizer == MOMENTUM_SGD:
        mu = real[MOMENTUM]
        for j in range(n):
            velocity = mu * first[k + j] + gradient[j]
            first[k + j] = velocity
            theta[k + j] -= lr * velocity
    elif optimizer == NESTEROV:
        mu = real[MOMENTUM]
        for j in range(n):
            velocity = mu * first[k + j] + gradient[j]
            first[k + j] = velocity
            theta[k + j] -= lr * (gradient[j] + mu * velocity)
    elif optimizer in (ADAM, ADAMW):
        b1, b2, eps, pace, correction = real[BETA1], real[BETA2], real[EPS], rate[1], one / rate[2]
        for j in range(n):
            g = gradient[j]
            mean = b1 * first[k + j] + (one - b1) * g
            square = b2 * second[k + j] + (one - b2) * g * g
            first[k + j] = mean
            second[k + j] = square
            theta[k + j] -= pace * mean / (math.sqrt(square) * correction + eps)
    elif optimizer == RMSPROP:
        alpha, mu, eps = real[ALPHA], real[MOMENTUM], real[EPS]
        for j in range(n):
            g = gradient[j]
            square = alpha * second[k + j] + (one - alpha) * g * g
            second[k + j] = square
            change = mu * first[k + j] + g / (math.sqrt(square) + eps)
            first[k + j] = change
            theta[k + j] -= lr * change
    else:
        eps = real[EPS]
        for j in range(n):
            g = gradient[j]
            square = second[k + j] + g * g
            second[k + j] = square
            theta[k + j] -= lr * g / (math.sqrt(square) + eps)
