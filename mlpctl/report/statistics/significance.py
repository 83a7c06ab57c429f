"""Decide the winner: test every configuration against the best, corrected for their number.

The best is picked by the same numbers that it is then tested with. Two things keep that honest: the correction counts
every configuration that could have been picked, and `optimism` says how much too good the best of several equals looks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.report.grouping import codes_of, is_there, moments
from mlpctl.report.statistics.moderation import moderated_variances, seed_correlation
from mlpctl.report.statistics.student import Array, normal, t_quantile, t_tail
from mlpctl.store.columns import Columns, values_of

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANCE_LEVEL = 0.05
"""Probability with which a configuration that is as good as the best may be excluded by chance."""

MODERATED_FROM = 4
"""Configurations from which their variances are moderated: fewer tell too little about how variances vary."""

TINY = 1e-24
"""Least variance of a score in squares of the largest mean: what is left of equal scores is rounding of arithmetic."""

EXAMPLES_OF = {"train": "train_examples", "fit": "train_examples", "val": "val_examples", "test": "test_examples"}
"""Column of the number of examples that a prefix of scores is about."""

MOST_EXAMPLES = 1_000_000
"""Most examples of a part that a step is derived for from the scores alone."""

PAIRING = ("seed", "init_seed", "data_seed")
"""Trials that agree in these share initial weights and minibatches as far as their networks allow: they are a pair."""


Standing = Literal["best", "close", "behind", "worse"]
"""Verdict on a configuration: the best; close, within the margin; behind by more than that, not proven; worse."""


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Scores of configurations over seeds.

    Attributes:
        names: of the configurations; tuples where several fields name one.
        values: a row per seed, a column per configuration; NaN where one is missing.
        step: what scores are rounded to, see `rounding_step`.
        overlap: see `overlap_of`.
    """

    names: Sequence[Any]
    values: Array
    step: float = 0.0
    overlap: float = 0.0

    def of(self, names: Sequence[Any]) -> "ScoreTable":
        """Return the scores of some configurations, in the order given."""
        place = {name: number for number, name in enumerate(self.names)}
        return ScoreTable(
            names, np.ascontiguousarray(self.values[:, [place[name] for name in names]]), self.step, self.overlap
        )


@dataclass(frozen=True, eq=False)
class Verdict:
    """Conclusion from scores over seeds.

    Attributes:
        best: the configuration with the best mean.
        tied: the configurations that are not shown to be worse than the best, it included, best first.
        margin: difference from the best up to which a configuration is close to it.
        compared: how many configurations could have been the best.
        seeds: seeds of the best.
        ranked: the configurations, best first.
        tests: of each of them: `difference` (how much worse than the best), `seeds`, and `p` (Holm's, of a difference
            as large as this by chance; NaN where one of the two has one seed).
        optimism: how much too good the mean of the best is expected to look; None where seeds do not tell.
    """

    best: Any
    tied: tuple[Any, ...]
    margin: float
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

    @cached_property
    def standings(self) -> dict[Any, Standing]:
        """Verdict on each configuration, best first."""
        tied = set(self.tied)
        found = {name: self._standing(gap, is_open=name in tied) for name, gap in self.gaps.items()}
        return {**found, self.best: "best"}

    @cached_property
    def gaps(self) -> dict[Any, float]:
        """Difference of each configuration from the best, larger is worse, best first; NaN without a score."""
        return dict(zip(self.ranked, self.tests["difference"].tolist(), strict=True))

    def _standing(self, gap: float, *, is_open: bool) -> Standing:
        if not is_open:
            return "worse"
        return "close" if gap <= self.margin * (1 + 1e-9) else "behind"  # two examples are not exactly two steps

    @property
    def is_clear(self) -> bool:
        """Return whether exactly one of several configurations can be the best."""
        return self.compared > 1 and len(self.tied) == 1


def compare_scores(
    scores: ScoreTable, better: Literal["low", "high"] | str, *, best: Any = None, margin: float = 0.0
) -> Verdict:
    """Return the verdict on scores.

    Two-sided t-tests of the best with each other configuration, each with its own variance. Of four configurations and
    more, variances are moderated across them. What their seeds have in common is taken off where the scores show it.
    The tests are adjusted by Holm's step-down method for as many comparisons as there are configurations: the best
    one's own selection counts as one of them. Without that, the better of two equals would be called the winner in 5 %
    of cases, not in under 5 %. `docs/statistics.md` has the measured errors and powers.

    Args:
        scores: of one configuration at least.
        better: whether low or high scores are better.
        best: which column is the best, where somebody else decided; otherwise that with the best mean.
        margin: difference that does not matter.

    Source: Welch 1947, Biometrika 34; Smyth 2004 for moderation; Holm 1979, Scandinavian Journal of Statistics 6.
    """
    values = scores.values * (1.0 if better == "high" else -1.0)  # (seeds, configurations)
    means, seeds = _means(values), np.isfinite(values).sum(axis=0)
    first = int(np.nanargmax(means)) if best is None else list(scores.names).index(best)
    p = _differences_p(values, means, first, scores.step, scores.overlap)
    others = np.arange(len(means)) != first
    adjusted = np.full(len(means), np.nan)
    adjusted[others] = holm(p[others], count=len(means))
    difference = means[first] - means
    worse = (adjusted < SIGNIFICANCE_LEVEL) & (difference > 0)
    order = np.argsort(np.where(others, np.nan_to_num(-means, nan=np.inf), -np.inf), kind="stable")
    names = list(scores.names)
    tests = {"difference": difference[order], "seeds": seeds[order], "p": adjusted[order]}
    tied = [int(i) for i in order if not worse[i]]
    return Verdict(
        best=names[first],
        tied=tuple(names[i] for i in tied),
        margin=margin,
        compared=len(names),
        seeds=int(seeds[first]),
        ranked=tuple(names[i] for i in order),
        tests=Columns(tests, len(order)),
        optimism=optimism(values[:, tied]),
    )


def _differences_p(values: Array, means: Array, first: int, step: float, overlap: float) -> Array:
    """Return p of each configuration's difference from one of them, not adjusted; NaN where either has one seed.

    Args:
        values: scores (seeds, configurations), NaN where one is missing.
        means: of the configurations.
        first: the configuration that the others are compared with.
        step: what scores are rounded to, see `least_variance`.
        overlap: see `overlap_of`.
    """
    there = np.isfinite(values)
    n, shared = there.sum(axis=0), (there & there[:, [first]]).sum(axis=0)
    freedom = np.maximum(n - 1, 1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = np.nansum((values - means) ** 2, axis=0)
        variance = np.where(
            n > 1, np.maximum(sums / freedom, max(least_variance(step), TINY * np.nanmax(np.abs(means)) ** 2)), np.nan
        )
        if len(means) >= MODERATED_FROM:
            variance, freedom = moderated_variances(variance, freedom)
        own, best = variance * (1 / n + overlap), variance[first] * (1 / n[first] + overlap)
        common = 2 * seed_correlation(values) * np.sqrt(variance * variance[first])
        common *= shared / (n * n[first]) + overlap * (shared > 0)
        error = own + best - common
        least = np.minimum(freedom, freedom[first])
        welch = (own + best) ** 2 / (own**2 / freedom + best**2 / freedom[first])
        paired = np.clip(error**2 / (own**2 / freedom + best**2 / freedom[first]), least, 2 * least)
        difference = means[first] - means
        t = np.where((difference == 0) & (n > 1), 0.0, np.abs(difference) / np.sqrt(error))
        return 2 * t_tail(t, np.where(common > 0, paired, welch))


def paired_test(gaps: Array, step: float, overlap: float = 0.0) -> tuple[NDArray[np.intp], Array, Array, Array]:
    """Return (pairs, mean, half the 95 % interval, p) of differences (pairs, comparisons); NaN: no such pair.

    The two-sided t-test of a mean of 0. Scores are rounded where they are shares of few examples: a variance is never
    taken to be smaller than `least_variance` of both, so that three equal differences of one example are no certainty.
    """
    pairs = np.isfinite(gaps).sum(axis=0)
    mean = _means(gaps)
    if (pairs < 2).all():
        return pairs, mean, np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    freedom = np.maximum(pairs - 1, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(pairs > 1, np.nansum((gaps - mean) ** 2, axis=0) / freedom, np.nan)
        error = np.sqrt(np.maximum(variance, 2 * least_variance(step)) * (1 / pairs + overlap))
        t = np.where((mean == 0) & (pairs > 1), 0.0, np.abs(mean) / error)
        return pairs, mean, t_quantile(0.975, freedom) * error, 2 * t_tail(t, freedom)


def least_variance(step: float) -> float:
    """Return the variance of scores that are rounded to a step, where the seeds show a smaller one or none.

    It is that of one example which is right every other time, step²/4: seeds that all score the same exclude no less.
    """
    return step**2 / 4


def holm(p: Sequence[float] | Array, *, count: int | None = None) -> Array:
    """Return p-values adjusted for `count` comparisons (their own number at least) by Holm's step-down method.

    A NaN counts as a comparison and stays NaN.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values)  # NaN last
    factors = max(count or 0, len(values)) - np.arange(len(values))
    adjusted = np.empty(len(values))
    adjusted[order] = np.maximum.accumulate(np.minimum(values[order] * factors, 1.0))
    return adjusted


def optimism(scores: Array) -> float | None:
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
    names = named[0] if isinstance(by, str) else list(zip(*named, strict=True))
    return ScoreTable(names, values, rounding_step(good, column), overlap_of(good))


def overlap_of(trials: Columns) -> float:
    """Return what scores of folds have in common, to be added to 1/n in the variance of their mean; 0 without folds.

    The training parts of K folds share most rows, so that their scores are no n independent draws. It is the ratio of
    the rows that are held out to those that train, 1/(K - 1).

    Source: Nadeau and Bengio 2003, Machine Learning 52, section 4, formula 15.
    """
    folds = [int(count) for count in values_of(trials["folds"]) if count] if "folds" in trials else []
    return 1.0 / (min(folds) - 1) if folds else 0.0


def _means(values: Array) -> Array:
    counts = np.isfinite(values).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nansum(values, axis=0) / counts)


def rounding_step(trials: Columns, column: str) -> float:
    """Return what the scores of a column are rounded to: 1/m for accuracies of m examples, 0 for real numbers.

    Rows from before the column of m existed tell an upper bound: the largest step of which all scores are multiples.

    Args:
        trials: rows of `trials.csv`.
        column: that holds the scores.
    """
    part, _, metric = column.partition("_")
    if metric != "accuracy":
        return 0.0
    scored = trials.rows(is_there(trials[column]))
    counts = values_of(scored[EXAMPLES_OF[part]]) if EXAMPLES_OF.get(part) in scored else []
    if not len(scored):
        return 0.0
    if known := [int(count) for count in counts if count]:
        return 1.0 / min(known)
    examples = 1
    for score in set(values_of(scored[column])):
        examples = math.lcm(examples, Fraction(score).limit_denominator(MOST_EXAMPLES).denominator)
        if examples > MOST_EXAMPLES:
            return 0.0
    return 1.0 / examples
