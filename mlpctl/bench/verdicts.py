"""Whether works take the same time, from runs taken by turns in random order; and which difference matters.

The order of two works within a round is a coin that we toss ourselves. If both take equally long, then the later, or
the one whose moment was bad, is either with equal probability, however long bad moments last and whatever they do: the
signs of the rounds' differences are fair and independent. So the number of differences above 0 is binomial, and the
interval of their median that follows from it holds for any noise that a run multiplies its time by. It assumes neither
a distribution nor that neighbours are independent. Where the difference itself comes and goes, the bootstrap over
blocks is wider: the interval is from the lower of both ends to the higher.

A verdict needs the whole interval on one side: within the difference that matters is "same" (two one-sided tests),
beyond it "slower" or "faster", anything else "undecided". While rounds are added it is asked several times; each time
has its share of the 5 % that a false verdict may have.

Source: Fisher, "The Design of Experiments", 1935, for the coin; Schuirmann 1987 for the two one-sided tests.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.medians import CONFIDENCE, median_interval
from mlpctl.bench.timing import FEWEST, LOOKS, Samples

Word = Literal["same", "faster", "slower", "undecided"]

MATTERS = 0.05
"""Relative difference that matters, unless the user says otherwise: other runs of one program differ by up to 3 %."""

PER_LOOK = 1 - (1 - CONFIDENCE) / LOOKS
RESAMPLES = 2000


@dataclass(frozen=True)
class Judged:
    """A work against another.

    Attributes:
        ratio: its time over the other's; the exponential of the median of the rounds' logarithms.
        low: lower end of the ratio's interval, 95 % over all looks together.
        high: its upper end.
        rounds: pairs of runs that this rests on.
        verdict: same, faster, slower or undecided.
    """

    ratio: float
    low: float
    high: float
    rounds: int
    verdict: Word


def judge(samples: Samples, work: Hashable, base: Hashable, *, matters: float = MATTERS, scale: float = 1.0) -> Judged:
    """Return how the time of `work`, multiplied by `scale`, compares with that of `base`, over one round at least.

    Args:
        samples: where both are.
        work: what is judged.
        base: what it is compared with.
        matters: relative difference that matters.
        scale: the base's useful operations over the work's, for a verdict per operation.
    """
    places = [samples.works.index(work), samples.works.index(base)]
    times, marked = samples.times()[:, places], samples.marked()[:, places].any(axis=1)
    if (~marked).sum() >= FEWEST:
        times = times[~marked]
    gaps = np.log(times[:, 0] / times[:, 1]) + np.log(scale)  # (rounds,): positive is slower
    low, high = interval(gaps)
    ratio = float(np.exp(np.median(gaps)))
    return Judged(ratio, float(np.exp(low)), float(np.exp(high)), len(gaps), word(low, high, matters))


def word(low: float, high: float, matters: float) -> Word:
    """Return the verdict on an interval of the logarithm of a ratio of times."""
    margin = float(np.log1p(matters))
    if low > margin:
        return "slower"
    if high < -margin:
        return "faster"
    return "same" if -margin < low and high < margin else "undecided"


def interval(gaps: NDArray[np.float64], confidence: float = PER_LOOK) -> tuple[float, float]:
    """Return the interval of the median of gaps (rounds,): by signs and over blocks, whichever end lies further out.

    It has no end where the rounds are too few for any.
    """
    signs = sign_interval(gaps, confidence)
    if not np.isfinite(signs[0]):
        return signs
    blocks = median_interval(gaps, confidence=confidence, resamples=RESAMPLES)
    return min(signs[0], blocks[0]), max(signs[1], blocks[1])


def sign_interval(gaps: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the order statistics of gaps (rounds,) between which their median lies, by the binomial distribution."""
    from scipy.stats import binom

    outside = int(binom.ppf((1 - confidence) / 2, len(gaps), 0.5))  # P(below ≤ outside - 1) < (1 - confidence) / 2
    if outside < 1:
        return -np.inf, np.inf
    ordered = np.sort(gaps)
    return float(ordered[outside - 1]), float(ordered[-outside])
