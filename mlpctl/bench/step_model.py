"""Model the time of training steps: the limit of a step, and the crossing of two implementations.

time = overhead + factor · floor. The floor is the least that the device allows (`roofline.Ceilings`); the overhead is
what a step takes without any work, a constant and a share per layer. The limit of a step is the largest of overhead,
arithmetic (FLOPs / peak) and memory (bytes / bandwidth); what they leave of its time is the implementation's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.timing_statistics import CONFIDENCE, resampled_medians

StepLimit = Literal["overhead", "arithmetic", "memory"]

FEWEST_ROUNDS = 6  # rounds of every point below which no crossing is certain: resampling so few shows no spread


@dataclass(frozen=True)
class StepTimeFit:
    """The fitted model: time = constant + per_layer · layers + factor · floor."""

    constant: float  # seconds of a step without layers
    per_layer: float  # seconds that a layer adds
    factor: float  # how many times the floor the work takes
    error: float  # median of |time - fit| / time

    def overhead(self, layers: int) -> float:
        """Return the seconds of a step without any work."""
        return self.constant + self.per_layer * layers


def fit_step_times(layers: Sequence[int], floors: Sequence[float], times: Sequence[float]) -> StepTimeFit:
    """Fit layers, floors (seconds) and times (seconds) of points by non-negative least squares of relative errors.

    With one number of layers alone, what a layer adds cannot be told from the constant, and is in it.
    """
    from scipy.optimize import nnls

    t, several = np.asarray(times, dtype=np.float64), len(set(layers)) > 1
    columns = [np.ones_like(t), np.asarray(layers, dtype=np.float64) * several, np.asarray(floors, dtype=np.float64)]
    A = np.stack(columns, axis=1) / t[:, None]  # (points, 3): every point weighs the same, however long it takes
    scale = np.abs(A).max(axis=0)
    scale[scale == 0] = 1.0
    solution = nnls(A / scale, np.ones_like(t))[0] / scale
    constant, per_layer, factor = map(float, solution)
    return StepTimeFit(constant, per_layer, factor, float(np.median(np.abs(A @ solution - 1))))


@dataclass(frozen=True)
class StepShares:
    """Shares of the time of a step."""

    overhead: float
    arithmetic: float
    memory: float

    @property
    def limit(self) -> StepLimit:
        """The part that takes the largest share."""
        limits: tuple[StepLimit, ...] = ("overhead", "arithmetic", "memory")
        return max(limits, key=lambda name: float(getattr(self, name)))


def step_shares(seconds: float, overhead: float, arithmetic: float, memory: float) -> StepShares:
    """Return the shares of a step's seconds; an overhead is never more than the time itself."""
    return StepShares(min(overhead / seconds, 1.0), arithmetic / seconds, memory / seconds)


@dataclass(frozen=True)
class Crossing:
    """The place on an axis at which the faster of two implementations changes."""

    verdict: Literal["crosses", "none", "undecided"]  # undecided: resampled times do not agree whether it does
    at: float | None  # of the first change
    low: float | None  # ends of its 95 % interval
    high: float | None
    first: int  # 0 if the first of the two is faster at the low end of the axis, 1 if the second is
    changes: int  # how often the faster one changes within the range


def find_crossing(x: Sequence[float], gaps: Sequence[NDArray[np.float64]], *, seed: int = 0) -> Crossing:
    """Find where log(time of one / time of the other) changes its sign along x: a straight line over log x.

    The interval holds the first change in 95 % of bootstrap samples, each point's rounds drawn in blocks. "crosses" and
    "none" need as many changes in 95 % of them as are seen, and FEWEST_ROUNDS. x grows from above 0; the gaps (rounds,)
    of each point are differences of logarithms, paired by round.
    """
    log_x = np.log(np.asarray(x, dtype=np.float64))
    medians = np.array([np.median(own) for own in gaps])
    drawn = np.stack([resampled_medians(own, seed=seed + k) for k, own in enumerate(gaps)], axis=1)  # (resamples, x)
    places, first = _sign_changes(log_x, medians), int(medians[0] > 0)
    resampled = [_sign_changes(log_x, row) for row in drawn]
    agreeing = [own for own in resampled if len(own) == len(places)]
    is_clear = len(agreeing) >= CONFIDENCE * len(resampled) and min(map(len, gaps)) >= FEWEST_ROUNDS
    if not places:
        return Crossing("none" if is_clear else "undecided", None, None, None, first, 0)
    if not agreeing:
        return Crossing("undecided", places[0], None, None, first, len(places))
    low, high = np.quantile([own[0] for own in agreeing], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Crossing("crosses" if is_clear else "undecided", places[0], float(low), float(high), first, len(places))


def _sign_changes(log_x: NDArray[np.float64], gaps: NDArray[np.float64]) -> list[float]:
    """Return the x at which a line through gaps over log x goes through zero."""
    before = np.flatnonzero(np.sign(gaps[1:]) * np.sign(gaps[:-1]) < 0)
    shares = gaps[before] / (gaps[before] - gaps[before + 1])
    return [float(x) for x in np.exp(log_x[before] + shares * (log_x[before + 1] - log_x[before]))]


def find_crossings(
    x: Sequence[float], times: Sequence[Mapping[str, NDArray[np.float64]]], names: Sequence[str]
) -> dict[tuple[str, str], Crossing]:
    """Return (one, other) -> crossing, for each pair of names that was timed at two points at least.

    Each point of the growing x has name -> seconds (rounds,), NaN where a run does not count.
    """
    found = {}
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            both = [j for j, own in enumerate(times) if one in own and other in own]
            if len(both) > 1:
                gaps = [_paired_gaps(times[j][one], times[j][other]) for j in both]
                found[one, other] = find_crossing([x[j] for j in both], gaps)
    return found


def _paired_gaps(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(a / b) of the rounds in which both were timed; without any, of the medians."""
    both = ~(np.isnan(a) | np.isnan(b))
    return np.log(a[both] / b[both]) if both.any() else np.array([np.nanmedian(np.log(a)) - np.nanmedian(np.log(b))])
