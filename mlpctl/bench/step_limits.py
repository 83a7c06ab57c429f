"""What limits a training step, and where one implementation overtakes another: pure functions of measured times.

The model is time = overhead + factor · floor. The floor is what the device allows at best, max(FLOPs / peak, bytes /
bandwidth), both measured; the overhead is what a step takes without any work, a constant and a share per layer. The
limit of a step is the largest of three parts of its time: overhead, arithmetic (FLOPs / peak), memory (bytes /
bandwidth). What is left over is an implementation's own: passes over data that need not be, products below the peak.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.bench.medians import CONFIDENCE, resampled_medians
from mlpctl.bench.step_cost import Step

Limit = Literal["overhead", "arithmetic", "memory"]
Verdict = Literal["crosses", "none", "undecided"]

FEWEST_ROUNDS = 6
"""Rounds of every point below which no crossing is certain: resampling so few shows no spread."""

Series = Sequence[NDArray[np.float64]]
"""Per point the times, or differences of logarithms, of its rounds (rounds,); points may differ in their rounds."""


@dataclass(frozen=True)
class Ceilings:
    """What the device allows.

    Attributes:
        peak: FLOP/s.
        rates: (bytes that a level of memory holds, bytes per second from it), nearest first; the last holds all.
    """

    peak: float
    rates: tuple[tuple[float, float], ...]

    def arithmetic(self, step: Step) -> float:
        """Return the seconds that the FLOPs of a step take at least."""
        return step.flops / self.peak

    def memory(self, step: Step) -> float:
        """Return the seconds that the bytes of a step take at least, from the level that holds what it goes over."""
        rate = next((rate for size, rate in self.rates if step.resident <= size), self.rates[-1][1])
        return step.bytes / rate

    def floor(self, step: Step) -> float:
        """Return the seconds that a step takes at least."""
        return max(self.arithmetic(step), self.memory(step))


@dataclass(frozen=True)
class Fit:
    """time = constant + per_layer · layers + factor · floor.

    Attributes:
        constant: seconds of a step without layers.
        per_layer: seconds a layer adds.
        factor: how many times the floor the work takes.
        error: median of |time - fit| / time.
    """

    constant: float
    per_layer: float
    factor: float
    error: float

    def overhead(self, layers: int) -> float:
        """Return the seconds of a step without any work."""
        return self.constant + self.per_layer * layers


def fit(layers: Sequence[int], floors: Sequence[float], times: Sequence[float]) -> Fit:
    """Return the model that is nearest in relative terms (non-negative least squares); points of one implementation.

    With one number of layers alone, what a layer adds cannot be told from the constant, and is in it.

    Args:
        layers: of each point.
        floors: seconds at least.
        times: seconds measured.
    """
    from scipy.optimize import nnls

    t, several = np.asarray(times, dtype=np.float64), len(set(layers)) > 1
    columns = [np.ones_like(t), np.asarray(layers, dtype=np.float64) * several, np.asarray(floors, dtype=np.float64)]
    A = np.stack(columns, axis=1) / t[:, None]  # (points, 3): every point weighs the same, however long it takes
    scale = np.abs(A).max(axis=0)
    scale[scale == 0] = 1.0
    solution = nnls(A / scale, np.ones_like(t))[0] / scale
    error = float(np.median(np.abs(A @ solution - 1)))
    return Fit(float(solution[0]), float(solution[1]), float(solution[2]), error)


@dataclass(frozen=True)
class Parts:
    """Shares of the time of a step; what they leave of 1 is the implementation's own.

    Attributes:
        overhead: of the fit.
        arithmetic: FLOPs at the peak.
        memory: bytes at the bandwidth.
    """

    overhead: float
    arithmetic: float
    memory: float

    @property
    def limit(self) -> Limit:
        """The largest."""
        parts: dict[Limit, float] = {
            "overhead": self.overhead, "arithmetic": self.arithmetic, "memory": self.memory,
        }  # fmt: skip
        return max(parts, key=lambda name: parts[name])


def parts_of(step: Step, layers: int, seconds: float, model: Fit, ceilings: Ceilings) -> Parts:
    """Return what the time of a step is made of; an overhead is never more than the time itself."""
    overhead = min(model.overhead(layers), seconds)
    return Parts(overhead / seconds, ceilings.arithmetic(step) / seconds, ceilings.memory(step) / seconds)


@dataclass(frozen=True)
class Crossing:
    """Where the faster of two changes, along one axis.

    Attributes:
        verdict: crosses, or none within the range, or undecided: resampled times do not agree whether it does.
        at: of the first change; None without one.
        low: lower end of its 95 % interval.
        high: upper end.
        first: 0 if the first of the two is faster at the low end of the axis, 1 if the second is.
        changes: how often the faster one changes within the range.
    """

    verdict: Verdict
    at: float | None
    low: float | None
    high: float | None
    first: int
    changes: int


def crossing(x: Sequence[float], gaps: Series, *, seed: int = 0) -> Crossing:
    """Return where log(time of one / time of the other) changes its sign along x.

    Between two points the gap is a straight line over log x. The interval holds the first change in 95 % of bootstrap
    samples, each point's rounds drawn in blocks; "crosses" and "none" need as many changes in 95 % of them as are seen,
    and FEWEST_ROUNDS.

    Args:
        x: growing, positive.
        gaps: per point the differences of logarithms (rounds,), paired by round.
        seed: of the resampling.
    """
    seen = np.array([np.median(own) for own in gaps])
    drawn = np.stack([resampled_medians(own, seed=seed + k) for k, own in enumerate(gaps)], axis=1)  # (resamples, x)
    first = int(seen[0] > 0)
    places = _changes(np.asarray(x, dtype=np.float64), seen)
    every = [_changes(np.asarray(x, dtype=np.float64), row) for row in drawn]
    agreeing = [own for own in every if len(own) == len(places)]
    is_clear = len(agreeing) >= CONFIDENCE * len(every) and min(map(len, gaps)) >= FEWEST_ROUNDS
    if not places:
        return Crossing("none" if is_clear else "undecided", None, None, None, first, 0)
    if not agreeing:
        return Crossing("undecided", places[0], None, None, first, len(places))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile([own[0] for own in agreeing], [tail, 1 - tail])
    return Crossing("crosses" if is_clear else "undecided", places[0], float(low), float(high), first, len(places))


def _changes(x: NDArray[np.float64], gaps: NDArray[np.float64]) -> list[float]:
    """Return where a line through gaps over log x goes through zero."""
    places, log = [], np.log(x)
    for k in np.flatnonzero(np.sign(gaps[1:]) * np.sign(gaps[:-1]) < 0):
        share = gaps[k] / (gaps[k] - gaps[k + 1])
        places.append(float(np.exp(log[k] + share * (log[k + 1] - log[k]))))
    return places


def pairs_of(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(a / b) of the rounds in which both were timed; NaN is no time."""
    both = ~(np.isnan(a) | np.isnan(b))
    return np.log(a[both] / b[both]) if both.any() else np.array([np.nanmedian(np.log(a)) - np.nanmedian(np.log(b))])


def crossings(
    x: Sequence[float], times: Sequence[Mapping[str, NDArray[np.float64]]], names: Sequence[str]
) -> dict[tuple[str, str], Crossing]:
    """Return (one, other) -> where the faster changes, for each pair that was timed at every point of two at least.

    Args:
        x: growing.
        times: per point name -> seconds (rounds,); a name may be missing.
        names: of all.
    """
    found = {}
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            both = [j for j, own in enumerate(times) if one in own and other in own]
            if len(both) > 1:
                gaps = [pairs_of(times[j][one], times[j][other]) for j in both]
                found[one, other] = crossing([x[j] for j in both], gaps)
    return found
