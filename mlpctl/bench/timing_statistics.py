"""Estimate times and compare them: medians with bootstrap intervals, and verdicts that hold for any noise.

The order of two workloads within a round is drawn by us. If both take equally long, each is the slower one of a round
with probability 1/2, whatever the machine does meanwhile: the number of rounds in which one is slower is binomial, and
the interval of the median ratio follows without assuming a distribution or independent neighbours. Where the difference
itself comes and goes, a bootstrap over blocks is wider; the interval spans both.

A verdict needs the whole interval on one side: within the difference that matters it is "same" (two one-sided tests),
beyond it "slower" or "faster", else "undecided". Each look at growing samples has
its share of the 5 % of false verdicts.

Source: Fisher, "The Design of Experiments", 1935 (random order); Schuirmann 1987 (two one-sided tests).
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.sampling import LEAST_UNMARKED, MOST_LOOKS, Samples

TimingVerdict = Literal["same", "faster", "slower", "undecided"]

RESAMPLES, RATIO_RESAMPLES = 1000, 2000
CONFIDENCE = 0.95
CONFIDENCE_PER_LOOK = 1 - (1 - CONFIDENCE) / MOST_LOOKS

MATTERS = 0.05
"""Relative difference that matters, unless the user says otherwise: two runs of one program differ by up to 3 %."""


@dataclass(frozen=True)
class Estimate:
    """The times of a workload in short, in seconds."""

    runs: int
    median: float
    low: float  # ends of the median's 95 % interval
    high: float
    iqr: float  # distance between the quartiles
    min: float
    max: float


@dataclass(frozen=True)
class TimeRatio:
    """A workload's time against another's."""

    ratio: float  # of the times, the median over the rounds
    low: float  # ends of the ratio's interval, 95 % over all looks together
    high: float
    rounds: int
    verdict: TimingVerdict


def estimate(times: NDArray[np.float64], *, seed: int = 0) -> Estimate:
    """Return median, interval and spread of times (runs,), one at least, in the order in which they were taken."""
    low, high = median_interval(times, seed=seed)
    quarter, median, three = (float(q) for q in np.quantile(times, [0.25, 0.5, 0.75]))
    return Estimate(len(times), median, low, high, three - quarter, float(times.min()), float(times.max()))


def is_narrow(samples: Samples, share: float) -> bool:
    """Return whether the interval of every workload's median is at most a share of the median."""
    found = [estimate(samples.of(workload)) for workload in samples.workloads]
    return all(one.high - one.low <= share * one.median for one in found)


def compare_times(
    samples: Samples, workload: Hashable, base: Hashable, *, matters: float = MATTERS, scale: float = 1.0
) -> TimeRatio:
    """Compare the time of a workload, multiplied by `scale`, with that of a base over the same rounds, one at least.

    A relative difference of `matters` counts; for a verdict per useful operation, `scale` is the base's operations over
    the workload's.
    """
    columns = [samples.workloads.index(workload), samples.workloads.index(base)]
    times, marked = samples.times()[:, columns], samples.marked()[:, columns].any(axis=1)
    if (~marked).sum() >= LEAST_UNMARKED:
        times = times[~marked]
    gaps = np.log(times[:, 0] / times[:, 1]) + np.log(scale)  # (rounds,): positive is slower
    low, high = ratio_interval(gaps)
    ratio = float(np.exp(np.median(gaps)))
    return TimeRatio(ratio, float(np.exp(low)), float(np.exp(high)), len(gaps), verdict_of(low, high, matters))


def verdict_of(low: float, high: float, matters: float) -> TimingVerdict:
    """Return the verdict on an interval of the logarithm of a ratio of times."""
    margin = float(np.log1p(matters))
    if low > margin:
        return "slower"
    if high < -margin:
        return "faster"
    return "same" if -margin < low and high < margin else "undecided"


def ratio_interval(gaps: NDArray[np.float64], confidence: float = CONFIDENCE_PER_LOOK) -> tuple[float, float]:
    """Return the interval of the median of gaps (rounds,): that of their signs, widened to that of their blocks.

    It is infinite where the rounds are too few for any.
    """
    signs = sign_interval(gaps, confidence)
    if not np.isfinite(signs[0]):
        return signs
    blocks = median_interval(gaps, confidence=confidence, resamples=RATIO_RESAMPLES)
    return min(signs[0], blocks[0]), max(signs[1], blocks[1])


def sign_interval(gaps: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the order statistics of gaps (rounds,) between which their median lies, by the binomial distribution."""
    from scipy.stats import binom

    outside = int(binom.ppf((1 - confidence) / 2, len(gaps), 0.5))  # P(below ≤ outside - 1) < (1 - confidence) / 2
    if outside < 1:
        return -np.inf, np.inf
    ordered = np.sort(gaps)
    return float(ordered[outside - 1]), float(ordered[-outside])


def median_interval(
    x: NDArray[np.float64], *, confidence: float = CONFIDENCE, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the bootstrap interval of the median of a series x (n,): percentiles over circular blocks.

    Source: Politis and Romano, "A circular block-resampling procedure for stationary data", 1992.
    """
    medians = resampled_medians(x, seed=seed, resamples=resamples)
    low, high = np.quantile(medians, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def resampled_medians(x: NDArray[np.float64], *, seed: int = 0, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """Return the medians (resamples,) of series that are drawn from x (n,) in circular blocks."""
    n, length = len(x), block_length(x)
    starts = np.random.default_rng(seed).integers(n, size=(resamples, -(-n // length), 1))
    places = ((starts + np.arange(length)) % n).reshape(resamples, -1)[:, :n]  # (resamples, n)
    return np.asarray(np.median(x[places], axis=1))


def block_length(x: NDArray[np.float64]) -> int:
    """Return the length of the blocks in which a series x (n,) is resampled: 1 where neighbours are independent.

    (2 rho / (1 - rho²))^(2/3) n^(1/3), at most n / 4, suits an autoregressive series. The median depends on which
    values lie above it, so rho is the correlation of neighbours' signs.
    Source: Carlstein, "The use of subseries values for estimating the variance of a general statistic", 1986.
    """
    n = len(x)
    signs = np.sign(x - np.median(x))
    power = float(signs @ signs)
    if n < 8 or power == 0:
        return 1
    rho = min(max(float(signs[1:] @ signs[:-1]) / power, 0.0), 0.99)
    return int(np.clip(np.ceil((2 * rho / (1 - rho**2)) ** (2 / 3) * n ** (1 / 3)), 1, n // 4))
