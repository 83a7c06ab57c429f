"""Normalize batches in compiled code: Ioffe and Szegedy 2015; formulas in `models.numpy`.

A minibatch of four, the size where nothing else takes much time, is held in registers and goes through once.
"""

import math
from typing import Any

from mlpctl.engines.kernel.compiled.compiling import U, inner
from mlpctl.engines.kernel.compiled.pointers import number
from mlpctl.engines.kernel.compiled.scratch import V
from mlpctl.engines.kernel.compiled.vectors import (
    add,
    div,
    fill,
    fma,
    load,
    mul,
    not_negative,
    root,
    store,
    sub,
    where_positive,
)
from mlpctl.models.constants import BN_EPS, BN_MOMENTUM


@inner
def normalize(
    z: Any, z0: int, n: int, width: int, normalized: Any, inverse: Any, theta: Any, gamma: int, beta: int, stats: Any,
    t0: int, mean: Any, square: Any,
) -> None:  # fmt: skip
    """Replace z (n, width) by its batch normalization in training, and move the running statistics.

    Units are the inner loop throughout, so that it is vectors; `mean` and `square` (width,) are scratch.
    """
    zero, one, share = number(z, 0), number(z, 1), number(z, 1.0 / n)
    move, unbiased, eps = number(z, BN_MOMENTUM), number(z, n / (n - 1.0)), number(z, BN_EPS)
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
            normalized[z0 + r * width + j] = e
            square[j] += e * e
    for j in range(width):
        variance = square[j] * share
        inverse[z0 + j] = one / math.sqrt(variance + eps)
        stats[t0 + j] += move * (mean[j] - stats[t0 + j])
        stats[t0 + width + j] += move * (variance * unbiased - stats[t0 + width + j])
    for r in range(n):
        for j in range(width):
            h = normalized[z0 + r * width + j] * inverse[z0 + j]
            normalized[z0 + r * width + j] = h
            z[z0 + r * width + j] = h * theta[gamma + j] + theta[beta + j]


@inner
def normalize_four(
    z: Any, z0: int, width: int, normalized: Any, inverse: Any, theta: Any, gamma: int, beta: int, stats: Any, t0: int,
    relu: bool,
) -> None:  # fmt: skip
    """Do `normalize` for four rows, with the relu that follows if there is one."""
    quarter, move, unbiased = fill(number(z, 0.25)), fill(number(z, BN_MOMENTUM)), fill(number(z, BN_MOMENTUM * 4 / 3))
    kept, eps, one = fill(number(z, 1 - BN_MOMENTUM)), fill(number(z, BN_EPS)), fill(number(z, 1))
    z1, z2, z3 = z0 + width, z0 + U(2) * width, z0 + U(3) * width
    for j in range(U(0), width, V):
        a, b, c, d = load(z, z0 + j), load(z, z1 + j), load(z, z2 + j), load(z, z3 + j)
        mean = mul(quarter, add(add(a, b), add(c, d)))
        a, b, c, d = sub(a, mean), sub(b, mean), sub(c, mean), sub(d, mean)
        variance = mul(quarter, fma(a, a, fma(b, b, fma(c, c, mul(d, d)))))
        scale = div(one, root(add(variance, eps)))
        store(inverse, z0 + j, scale)
        m, v = t0 + j, t0 + width + j
        store(stats, m, fma(move, mean, mul(kept, load(stats, m))))
        store(stats, v, fma(unbiased, variance, mul(kept, load(stats, v))))
        a, b, c, d = mul(a, scale), mul(b, scale), mul(c, scale), mul(d, scale)
        store(normalized, z0 + j, a)
        store(normalized, z1 + j, b)
        store(normalized, z2 + j, c)
        store(normalized, z3 + j, d)
        g, s = load(theta, gamma + j), load(theta, beta + j)
        a, b, c, d = fma(a, g, s), fma(b, g, s), fma(c, g, s), fma(d, g, s)
        if relu:
            a, b, c, d = not_negative(a), not_negative(b), not_negative(c), not_negative(d)
        store(z, z0 + j, a)
        store(z, z1 + j, b)
        store(z, z2 + j, c)
        store(z, z3 + j, d)


@inner
def normalize_fixed(
    z: Any, z0: int, n: int, width: int, theta: Any, gamma: int, beta: int, stats: Any, t0: int, scale: Any
) -> None:
    """Replace z (n, width) by its normalization with the running statistics; `scale` (width,) is scratch."""
    eps = number(z, BN_EPS)
    for j in range(width):
        scale[j] = theta[gamma + j] / math.sqrt(stats[t0 + width + j] + eps)
    for r in range(n):
        for j in range(width):
            k = z0 + r * width + j
            z[k] = (z[k] - stats[t0 + j]) * scale[j] + theta[beta + j]


@inner
def normalize_backward(
    delta: Any, n: int, width: int, normalized: Any, z0: int, inverse: Any, theta: Any, gamma: int, by_gamma: Any,
    by_beta: Any,
) -> None:  # fmt: skip
    """Replace delta (n, width) after a normalization by that before it; set the gradients of its scale and shift."""
    zero, share = number(delta, 0), number(delta, 1.0 / n)
    for j in range(width):
        by_gamma[j] = zero
        by_beta[j] = zero
    for r in range(n):
        for j in range(width):
            d = delta[r * width + j]
            by_beta[j] += d
            by_gamma[j] += d * normalized[z0 + r * width + j]
    for r in range(n):
        for j in range(width):
            k = r * width + j
            centred = delta[k] - by_beta[j] * share - normalized[z0 + k] * (by_gamma[j] * share)
            delta[k] = theta[gamma + j] * inverse[z0 + j] * centred


@inner
def normalize_backward_four(
    delta: Any, width: int, z: Any, z0: int, normalized: Any, inverse: Any, theta: Any, gamma: int, by_gamma: Any,
    by_beta: Any, relu: bool,
) -> None:  # fmt: skip
    """Do `normalize_backward` for four rows, after that of the relu that follows, with outputs z, if there is one."""
    quarter = fill(number(delta, -0.25))
    z1, z2, z3 = z0 + width, z0 + U(2) * width, z0 + U(3) * width
    d1, d2, d3 = width, U(2) * width, U(3) * width
    for j in range(U(0), width, V):
        a, b, c, d = load(delta, j), load(delta, d1 + j), load(delta, d2 + j), load(delta, d3 + j)
        if relu:
            a, b = where_positive(load(z, z0 + j), a), where_positive(load(z, z1 + j), b)
            c, d = where_positive(load(z, z2 + j), c), where_positive(load(z, z3 + j), d)
        h0, h1 = load(normalized, z0 + j), load(normalized, z1 + j)
        h2, h3 = load(normalized, z2 + j), load(normalized, z3 + j)
        total = add(add(a, b), add(c, d))
        along = fma(a, h0, fma(b, h1, fma(c, h2, mul(d, h3))))
        store(by_beta, j, total)
        store(by_gamma, j, along)
        total, along = mul(quarter, total), mul(quarter, along)
        scale = mul(load(theta, gamma + j), load(inverse, z0 + j))
        store(delta, j, mul(scale, fma(h0, along, add(a, total))))
        store(delta, d1 + j, mul(scale, fma(h1, along, add(b, total))))
        store(delta, d2 + j, mul(scale, fma(h2, along, add(c, total))))
        store(delta, d3 + j, mul(scale, fma(h3, along, add(d, total))))
