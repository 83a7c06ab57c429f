"""Activations, losses and optimizer steps of compiled code; see mlpctl.models for the formulas."""

import math
from typing import Any

from mlpctl.engines.kernel.compiled.compiling import U, apart, inner
from mlpctl.engines.kernel.compiled.losses import BCE, HALF_MSE, HUBER, L1, MSE, PERCEPTRON
from mlpctl.engines.kernel.compiled.optimizers import ADAM, ADAMW, MOMENTUM_SGD, NESTEROV, RMSPROP, SGD
from mlpctl.engines.kernel.compiled.pointers import number
from mlpctl.engines.kernel.compiled.scratch import V
from mlpctl.engines.kernel.compiled.vectors import (
    add,
    div,
    exponential,
    exponential_less_one,
    fill,
    fma,
    load,
    magnitude,
    mul,
    not_negative,
    root,
    store,
    sub,
    with_sign,
)
from mlpctl.engines.kernel.compiled.vectors import first as first_of
from mlpctl.engines.kernel.layout import (
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
    LOW,
    MOMENTUM,
)
from mlpctl.models.constants import LEAKY_SLOPE

RELU, SIGMOID, TANH, LEAKY, ELU, GELU, SILU, SOFTPLUS, IDENTITY, STEP = range(len(ACTIVATIONS))


@inner
def activate(code: int, z: Any, z0: int, n: int, units: int, outputs: int, slope: Any, s0: int) -> None:
    """Replace pre-activations (n, units) by activations, and set their derivatives; not the padding's, which is zero.

    The derivative of relu is read off its output.
    """
    if code == RELU:
        for k in range(U(0), n * outputs, V):
            store(z, z0 + k, not_negative(load(z, z0 + k)))
    else:
        for r in range(n):
            _activate_row(code, z, z0 + r * outputs, units, slope, s0 + r * outputs)


@inner
def _logistic(u: Any, zero: Any, one: Any) -> Any:
    """Return 1 / (1 + e^-u)."""
    return div(one, add(one, exponential(sub(zero, u))))


@inner
def _put(z: Any, k: int, a: Any, slope: Any, s: int, derivative: Any, n: int, zero: Any) -> None:
    """Store the first n activations and derivatives; the padding stays zero."""
    store(z, k, first_of(n, a, zero))
    store(slope, s, first_of(n, derivative, zero))


@apart
def _activate_row(code: int, z: Any, z0: int, size: int, slope: Any, s0: int) -> None:
    zero, one, half = number(z, 0), number(z, 1), number(z, 0.5)
    zeros, ones = fill(zero), fill(one)
    if code == IDENTITY:
        for k in range(size):
            slope[s0 + k] = one
    elif code == SIGMOID:
        for k in range(U(0), size, V):
            a = _logistic(load(z, z0 + k), zeros, ones)
            _put(z, z0 + k, a, slope, s0 + k, mul(a, sub(ones, a)), size - k, zeros)
    elif code == TANH:
        for k in range(U(0), size, V):
            u = load(z, z0 + k)
            t = exponential_less_one(mul(fill(number(z, -2)), magnitude(u)))  # in (-1, 0], so nothing overflows
            a = with_sign(div(t, add(t, fill(number(z, 2)))), u)
            _put(z, z0 + k, a, slope, s0 + k, sub(ones, mul(a, a)), size - k, zeros)
    elif code == LEAKY:
        low = number(z, LEAKY_SLOPE)
        for k in range(size):
            u = z[z0 + k]
            t = one if u > zero else low
            z[z0 + k] = u * t
            slope[s0 + k] = t
    elif code == ELU:
        for k in range(U(0), size, V):
            u = load(z, z0 + k)
            above, below = not_negative(u), exponential_less_one(sub(zeros, not_negative(sub(zeros, u))))
            a = add(above, below)
            _put(z, z0 + k, a, slope, s0 + k, add(below, ones), size - k, zeros)
    elif code == GELU:
        root, density = number(z, 1 / math.sqrt(2)), number(z, 1 / math.sqrt(2 * math.pi))
        for k in range(size):
            u = z[z0 + k]
            cdf = half * (one + math.erf(u * root))
            z[z0 + k] = u * cdf
            slope[s0 + k] = cdf + u * math.exp(-u * u * half) * density
    elif code == SILU:
        for k in range(U(0), size, V):
            u = load(z, z0 + k)
            s = _logistic(u, zeros, ones)
            a = mul(u, s)
            _put(z, z0 + k, a, slope, s0 + k, fma(sub(ones, s), a, s), size - k, zeros)
    elif code == SOFTPLUS:
        for k in range(size):
            u = z[z0 + k]
            z[z0 + k] = max(u, zero) + math.log1p(math.exp(-abs(u)))
            slope[s0 + k] = one / (one + math.exp(-u))
    else:
        for k in range(size):
            z[z0 + k] = one if z[z0 + k] > zero else zero
            slope[s0 + k] = zero


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
        gradient[g0 + c] = g / number(z, outputs)
    return value / number(z, outputs)


@inner
def _adam(real: Any, theta: Any, k: int, n: int, gradient: Any, first: Any, second: Any, rate: Any) -> None:
    """Take a step of Adam without weight decay, see `step`."""
    one = number(theta, 1)
    b1, b2, rest1, rest2 = fill(real[BETA1]), fill(real[BETA2]), fill(one - real[BETA1]), fill(one - real[BETA2])
    eps, pace, correction = fill(real[EPS]), fill(rate[1]), fill(one / rate[2])
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
    lr, decay = rate[0], real[DECAY]
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
        _adam(real, theta, k, n, gradient, first, second, rate)
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
