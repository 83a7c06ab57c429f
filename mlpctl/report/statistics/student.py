"""Student's t, Fisher's F and the normal distribution, by numpy: to import `scipy.special` takes 0.2 s."""

import math
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

TERMS = 500
"""Of the continued fraction, at most; degrees of freedom of 10,000 need 60."""

NEWTON_STEPS = 60
"""Of Newton's method, at most; a few do, but for quantiles far out at one degree of freedom."""

erfc = np.vectorize(math.erfc, otypes=[np.float64])
log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])


def t_tail(t: ArrayLike, freedom: ArrayLike) -> Array:
    """Return P(T > t) of Student's t, for t ≥ 0; NaN stays NaN.

    Args:
        t: numbers, of any shape; infinite ones are allowed.
        freedom: degrees of freedom, above 0, of a shape that goes with it.
    """
    t, freedom = np.broadcast_arrays(np.asarray(t, np.float64), np.asarray(freedom, np.float64))
    with np.errstate(over="ignore"):
        return 0.5 * beta_share(freedom / 2, np.full(t.shape, 0.5), freedom / (freedom + t**2))


def t_quantile(p: float, freedom: ArrayLike) -> Array:
    """Return where Student's t is below with probability p, for 0.5 < p < 1, by Newton's method.

    The tail is convex and the normal quantile lies before the one that is looked for, so no step goes too far.

    Args:
        p: the probability.
        freedom: degrees of freedom, above 0, of any shape.
    """
    each, back = np.unique(np.asarray(freedom, np.float64), return_inverse=True)
    scale = np.exp(log_gamma((each + 1) / 2) - log_gamma(each / 2)) / np.sqrt(each * np.pi)
    t = np.full(each.shape, NormalDist().inv_cdf(p))
    for _ in range(NEWTON_STEPS):
        step = (t_tail(t, each) - (1 - p)) / (scale * (1 + t**2 / each) ** (-(each + 1) / 2))
        t += step
        if (np.abs(step) <= 1e-13 * t).all():
            break
    return t[back].reshape(np.shape(freedom))


@cache
def t95(freedom: int) -> float:
    """Return half of the 95 % interval of a mean, in standard errors of it."""
    return float(t_quantile(0.975, freedom))


def f_tail(f: float, between: int, within: int) -> float:
    """Return P(F > f) of Fisher's F with so many degrees of freedom."""
    share = beta_share(np.array([within / 2]), np.array([between / 2]), np.array([within / (within + between * f)]))
    return float(share[0])


def digamma(x: Array) -> Array:
    """Return ψ(x), the derivative of log Γ, for x > 0.

    Source: recurrence and asymptotic series, DLMF 5.5.2 and 5.11.2.
    """
    steps = np.arange(8.0)
    far = x + 8
    series = (
        np.log(far) - 1 / (2 * far) - 1 / (12 * far**2) + 1 / (120 * far**4) - 1 / (252 * far**6) + 1 / (240 * far**8)
        - (1 / (x[..., None] + steps)).sum(axis=-1)
    )  # fmt: skip
    return np.asarray(series)


def trigamma(x: Array) -> Array:
    """Return ψ′(x), the second derivative of log Γ, for x > 0.

    Source: recurrence and asymptotic series, DLMF 5.15.5 and 5.15.8.
    """
    steps = np.arange(8.0)
    far = x + 8
    series = (
        1 / far + 1 / (2 * far**2) + 1 / (6 * far**3) - 1 / (30 * far**5) + 1 / (42 * far**7) - 1 / (30 * far**9)
        + (1 / (x[..., None] + steps) ** 2).sum(axis=-1)
    )  # fmt: skip
    return np.asarray(series)


def normal(x: Array) -> Array:
    """Return P(X < x) of the standard normal distribution."""
    return np.asarray(0.5 * erfc(-x / math.sqrt(2)))


def beta_share(a: Array, b: Array, x: Array) -> Array:
    """Return the regularized incomplete beta function I_x(a, b), to about 14 digits.

    Args:
        a: above 0.
        b: above 0, of the same shape.
        x: in [0, 1], of the same shape.

    Source: the continued fraction of DLMF 8.17.22, evaluated by the method of Lentz 1976.
    """
    flip = x > (a + 1) / (a + b + 2)  # there the fraction of the other tail converges faster
    p, q, y = np.where(flip, b, a), np.where(flip, a, b), np.where(flip, 1 - x, x)
    with np.errstate(divide="ignore", invalid="ignore", under="ignore"):
        front = np.exp(log_gamma(p + q) - log_gamma(p) - log_gamma(q) + p * np.log(y) + q * np.log1p(-y)) / p
        share = np.where(y == 0, 0.0, front / _fraction(p, q, y))
    return np.where(flip, 1 - share, share)


def _fraction(p: Array, q: Array, y: Array) -> Array:
    tiny = 1e-300
    c, d, value = np.ones(y.shape), np.zeros(y.shape), np.ones(y.shape)
    for term in range(1, TERMS):
        m = term // 2
        if term % 2:
            part = -(p + m) * (p + q + m) * y / ((p + 2 * m) * (p + 2 * m + 1))
        else:
            part = m * (q - m) * y / ((p + 2 * m - 1) * (p + 2 * m))
        d = 1 + part * d
        d = 1 / np.where(d == 0, tiny, d)
        c = 1 + part / c
        c = np.where(c == 0, tiny, c)
        value = value * c * d
        if not (np.abs(c * d - 1) > 1e-15).any():  # NaN is as good as done
            break
    return value
