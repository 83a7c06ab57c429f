"""Decide the winner: test every configuration against the best, paired by seed, corrected for the number.

The best is picked by the same numbers that it is then tested with. Two things keep that honest: the correction counts
every configuration that could have been picked, and `optimism` says how much too good the best of several equals looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.report.grouping import codes_of, is_there, moments
from mlpctl.report.statistics.student import normal, t_quantile, t_tail
from mlpctl.store.columns import Columns, values_of

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANCE_LEVEL = 0.05
"""Probability with which a configuration that is as good as the best may be excluded by chance."""

PAIRING = ("seed", "init_seed", "data_seed")
"""Trials that agree in these share initial weights and minibatches as far as their networks allow: they are a pair."""


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores of configurations over seeds.

    Attributes:
        names: of the configurations; tuples where several fields name one.
        values: a row per seed, a column per configuration; NaN where one is missing.
    """

    names: Sequence[Any]
    values: NDArray[np.float64]

    def of(self, names: Sequence[Any]) -> "ScoreTable":
        """Return the scores of some configurations, in the order given."""
        place = {name: number for number, name in enumerate(self.names)}
        return ScoreTable(names, np.ascontiguousarray(self.values[:, [place[name] for name in names]]))


@dataclass(frozen=True, eq=False)
class Verdict:
    """Conclusion from scores over seeds.

    Attributes:
        best: the configuration with the best mean.
        tied: the configurations that cannot be told apart from the best, it included, best first.
        compared: how many configurations could have been the best.
        seeds: seeds of the best.
        ranked: the configurations, best first.
        tests: of each of them: `difference` (how much worse than the best, over the seeds both have), `pairs`, and `p`
            (Holm's, of a difference as large as this by chance; NaN where there is no pair of seeds).
        optimism: how much too good the mean of the best is expected to look; None where seeds do not tell.
    """

    best: Any
    tied: tuple[Any, ...]
    compared: int
    seeds: int
    ranked: tuple[Any, ...]
    tests: Columns
    optimism: float | None

    @cached_property
    def p(self) -> "pd.DataFrame":
        """The tests as a DataFrame, a row per configuration, best first."""
        import pandas as pd

        return self.tests.frame().set_axis(pd.Index(self.ranked, tupleize_cols=False))

    @property
    def is_clear(self) -> bool:
        """Return whether exactly one of several configurations can be the best."""
        return self.compared > 1 and len(self.tied) == 1


def compare_scores(scores: ScoreTable, better: Literal["low", "high"] | str, *, best: Any = None) -> Verdict:
    """Return the verdict on scores.

    Two-sided paired t-tests of the best with each other configuration, adjusted by Holm's step-down method for as many
    comparisons as there are configurations: the best one's own selection counts as one of them. Without that, the
    better of two equals would be called the winner in 5 % of cases, not in under 5 %.

    Args:
        scores: of one configuration at least.
        better: whether low or high scores are better.
        best: which column is the best, where somebody else decided; otherwise that with the best mean.

    Source: Holm 1979, Scandinavian Journal of Statistics 6.
    """
    values = scores.values * (1.0 if better == "high" else -1.0)  # (seeds, configurations)
    means = _means(values)
    first = int(np.nanargmax(means)) if best is None else list(scores.names).index(best)
    gaps = values[:, [first]] - values  # positive: worse than the best
    pairs, difference, _, p = paired_test(gaps, resolution(values))
    others = np.arange(len(means)) != first
    adjusted = np.full(len(means), np.nan)
    adjusted[others] = holm(p[others], count=len(means))
    worse = (adjusted < SIGNIFICANCE_LEVEL) & (difference > 0)
    order = np.argsort(np.where(others, np.nan_to_num(-means, nan=np.inf), -np.inf), kind="stable")
    names = list(scores.names)
    tests = {"difference": difference[order], "pairs": pairs[order], "p": adjusted[order]}
    tied = [int(i) for i in order if not worse[i]]
    return Verdict(
        best=names[first],
        tied=tuple(names[i] for i in tied),
        compared=len(names),
        seeds=int(np.isfinite(values[:, first]).sum()),
        ranked=tuple(names[i] for i in order),
        tests=Columns(tests, len(order)),
        optimism=optimism(values[:, tied]),
    )


def paired_test(
    gaps: NDArray[np.float64], step: float
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (pairs, mean, half the 95 % interval, p) of differences (pairs, comparisons); NaN: no such pair.

    The two-sided t-test of a mean of 0. Scores are rounded where they are shares of few examples; a standard deviation
    is never taken to be smaller than what rounding by `step` alone makes it, so that three equal differences of one
    example are no certainty.

    Source: Sheppard 1897 for the variance of rounding, step²/12 for each of the two scores.
    """
    pairs = np.isfinite(gaps).sum(axis=0)
    mean = _means(gaps)
    if (pairs < 2).all():
        return pairs, mean, np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    freedom = np.maximum(pairs - 1, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(pairs > 1, np.nansum((gaps - mean) ** 2, axis=0) / freedom, np.nan)
        error = np.sqrt(np.maximum(variance, step**2 / 6) / pairs)
        t = np.where((mean == 0) & (pairs > 1), 0.0, np.abs(mean) / error)
        return pairs, mean, t_quantile(0.975, freedom) * error, 2 * t_tail(t, freedom)


def holm(p: "Sequence[float] | NDArray[np.float64]", *, count: int | None = None) -> NDArray[np.float64]:
    """Return p-values adjusted for `count` comparisons (their own number at least) by Holm's step-down method.

    A NaN counts as a comparison and stays NaN.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values)  # NaN last
    factors = max(count or 0, len(values)) - np.arange(len(values))
    adjusted = np.empty(len(values))
    adjusted[order] = np.maximum.accumulate(np.minimum(values[order] * factors, 1.0))
    return adjusted


def optimism(scores: NDArray[np.float64]) -> float | None:
    """Return about how much the best mean of equals exceeds what it would score again, by selection alone.

    The largest of k means of n equally noisy scores is expected e_k·σ/√n too high, where e_k is the expected maximum
    of k standard normals. σ is the smaller of two estimates: what is left of the scores (seeds, configurations) without
    the means of their rows and columns, because what a seed does to all alike selects none of them; and the standard
    deviation of the first column, the best, because a noisy configuration far below it selects nothing either.

    Returns None where fewer than two seeds have all configurations; 0 for one configuration: then nothing was selected.
    """
    whole = scores[np.isfinite(scores).all(axis=1)]
    n, k = whole.shape
    if k == 1:
        return 0.0
    if n < 2:
        return None
    rest = whole - whole.mean(axis=0) - whole.mean(axis=1, keepdims=True) + whole.mean()
    sigma = min(np.sqrt((rest**2).sum() / ((n - 1) * (k - 1))), whole[:, 0].std(ddof=1))
    return float(expected_maximum(k) * sigma / np.sqrt(n))


def expected_maximum(k: int) -> float:
    """Return the expected maximum of k independent standard normals: ∫ x k φ(x) Φ(x)^(k−1) dx."""
    x = np.linspace(-9.0, 9.0, 3601)
    density = k * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * normal(x) ** (k - 1)
    return float(np.trapezoid(x * density, x))


def by_seed(trials: Columns, by: str | Sequence[str], column: str) -> ScoreTable:
    """Return the scores of good trials, of each value of `by` (each combination, of several) that has any."""
    good = trials.rows((trials["status"] == "ok") & is_there(trials[column]))
    seeds, first_of_seed = codes_of(*(good[name] for name in PAIRING if name in good))
    fields = [by] if isinstance(by, str) else list(by)
    wanted, first_of_name = codes_of(*(good[name] for name in fields))
    cells, first_of_cell = codes_of(seeds, wanted)
    _, means, _ = moments(good[column], cells, len(first_of_cell))
    values = np.full((len(first_of_seed), len(first_of_name)), np.nan)
    values[seeds[first_of_cell], wanted[first_of_cell]] = means
    named = [values_of(good[name][first_of_name]) for name in fields]
    return ScoreTable(named[0] if isinstance(by, str) else list(zip(*named, strict=True)), values)


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = np.isfinite(values).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nansum(values, axis=0) / counts)


def resolution(values: NDArray[np.float64]) -> float:
    """Return the smallest distance between two different scores: what they are rounded to, if they are."""
    steps = np.diff(np.sort(values[np.isfinite(values)]))
    steps = steps[steps > 1e-12]
    return float(steps.min()) if len(steps) else 0.0
