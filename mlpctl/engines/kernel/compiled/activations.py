"""Compute activations and their slopes in compiled code; formulas in `models.numpy`."""

import math
from typing import Any

from mlpctl.engines.kernel.compiled.compiling import U, apart, inner
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
    store,
    sub,
    with_sign,
)
from mlpctl.engines.kernel.compiled.vectors import first as first_of
from mlpctl.engines.kernel.layout import (
    ACTIVATIONS,
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
