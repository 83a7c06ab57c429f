"""Estimate the variances and the correlation of few seeds by what all configurations of a table share.

Three seeds say little about one configuration's variance, and much about those of nine together.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mlpctl.report.statistics.student import digamma, f_tail, trigamma

Array = NDArray[np.float64]

MOST_PRIOR = 2.0
"""Most degrees of freedom that the other configurations lend to one: with more, a configuration whose seeds really vary
more than the others' would be trusted too much."""

BOUND = 0.90
"""Confidence with which the correlation of seeds is at least what is taken off the variance of a difference."""

HIGHEST = 0.9999
"""Correlation that is never exceeded: beyond it, differences would be left with no variance."""


def moderated_variances(variances: Array, freedom: Array) -> tuple[Array, Array]:
    """Return variances drawn towards their common value, and the degrees of freedom that they have then.

    Variances are taken to be draws s² ~ σ² χ²_d / d with 1/σ² ~ χ²_d0 / (d0 s0²); d0 and s0² are fitted by the moments
    of log s².

    Args:
        variances: (k,), above 0; NaN where a configuration has one seed.
        freedom: (k,) degrees of freedom d of each.

    Source: Smyth 2004, Statistical Applications in Genetics and Molecular Biology 3, section 6.2; d0 is at most 2.
    """
    known = np.isfinite(variances)
    if known.sum() < 2:
        return variances, freedom
    half = freedom[known] / 2
    logs = np.log(variances[known]) - digamma(half) + np.log(half)
    excess = logs.var(ddof=1) - trigamma(half).mean()
    prior = min(2 * _inverse_trigamma(excess), MOST_PRIOR) if excess > 0 else MOST_PRIOR
    common = np.exp(logs.mean() + digamma(np.array([prior / 2]))[0] - math.log(prior / 2))
    return (prior * common + freedom * variances) / (prior + freedom), np.where(known, prior + freedom, freedom)


def seed_correlation(scores: Array) -> float:
    """Return a lower bound of how configurations correlate over seeds; 0 where they are not shown to.

    The correlation within seeds (ICC(1) of the standardised residuals) at the lower 90 % bound of its F ratio.

    Args:
        scores: (n, k) scores; only seeds that have all configurations count.

    Source: Shrout and Fleiss 1979, Psychological Bulletin 86, ICC of single ratings.
    """
    whole = scores[np.isfinite(scores).all(axis=1)]
    residuals = whole - whole.mean(axis=0) if len(whole) else whole
    varies = residuals.std(axis=0) > 1e-12 if len(whole) else np.zeros(scores.shape[1], bool)
    n, k = len(whole), int(varies.sum())
    if n < 3 or k < 2:
        return 0.0
    z = residuals[:, varies] / residuals[:, varies].std(axis=0, ddof=1)
    between = (z.sum(axis=1) ** 2).sum() / k
    within = ((z**2).sum() - between) / ((n - 1) * (k - 1))
    ratio = between / (n - 1) / max(within, 1e-12) / _f_quantile(BOUND, n - 1, (n - 1) * (k - 1))
    return float(np.clip((ratio - 1) / (ratio + k - 1), 0.0, HIGHEST))


def _inverse_trigamma(value: float) -> float:
    """Return y with trigamma(y) = value > 0, by Newton's method on 1 / trigamma, which is nearly straight."""
    y = 0.5 + 1 / value
    for _ in range(60):
        here = trigamma(np.array([y]))[0]
        slope = (trigamma(np.array([y * (1 + 1e-6)]))[0] - here) / (y * 1e-6)
        step = here * (1 - here / value) / slope
        y += step
        if abs(step) < 1e-8 * y:
            break
    return y


@cache
def _f_quantile(p: float, between: int, within: int) -> float:
    """Return where Fisher's F is below with probability p, by halving."""
    low, high = 0.0, 1.0
    while f_tail(high, between, within) > 1 - p:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if f_tail(middle, between, within) > 1 - p else (low, middle)
    return high
