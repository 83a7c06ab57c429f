"""Rank the values of a hyperparameter over seeds, and estimate differences between two of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mlpctl.metrics import BETTER
from mlpctl.report.dataframes import of_frame, summary_frame
from mlpctl.report.statistics.significance import (
    SIGNIFICANCE_LEVEL,
    Verdict,
    by_seed,
    compare_scores,
    paired_test,
)

if TYPE_CHECKING:
    import pandas as pd

SCORE = "val_accuracy"
"""Metric that the exercises compare: the test set is scored for the value that was chosen."""


@dataclass(frozen=True, eq=False)
class ValueRanking:
    """Values of one hyperparameter, compared over seeds."""

    by: str  # the hyperparameter
    table: "pd.DataFrame"  # a row per value, in the order of the results: n, failed, mean, sd, low, high, p
    verdict: Verdict | None  # on the values with the fewest failures; None if nothing has a score

    def row(self, value: Any) -> "pd.Series[Any]":
        """Return the row of a value."""
        return cast("pd.Series[Any]", self.table[self.table[self.by] == value].iloc[0])

    def mean(self, value: Any) -> float:
        """Return the mean score of a value."""
        return float(self.row(value)["mean"])

    @property
    def tied(self) -> tuple[Any, ...]:
        """The best and the values that cannot be told apart from it, in the order of the table."""
        tied = () if self.verdict is None else self.verdict.tied
        return tuple(value for value in self.table[self.by] if value in tied)


def rank_values(trials: "pd.DataFrame", by: str, column: str = SCORE, better: str | None = None) -> ValueRanking:
    """Return the ranking of the values of one field over seeds; `better` is by metric where it is not given."""
    table = summary_frame(trials, [by], column)
    scored = table[table["n"] > 0]
    if scored.empty:
        return ValueRanking(by, table.assign(p=np.nan), None)
    able = scored.loc[scored["failed"] == scored["failed"].min(), by].tolist()
    scores = by_seed(of_frame(trials), by, column).of(able)
    verdict = compare_scores(scores, better or BETTER[column.rpartition("_")[2]])
    return ValueRanking(by, table.assign(p=table[by].map(verdict.p["p"])), verdict)


@dataclass(frozen=True)
class SeedDifference:
    """Mean difference of two values, paired by seed: 95 % interval, p of the paired t-test; NaN where unknown."""

    mean: float
    low: float
    high: float
    p: float
    pairs: int

    @property
    def is_real(self) -> bool:
        """Return whether it is beyond chance."""
        return bool(self.p < SIGNIFICANCE_LEVEL)


def paired_difference(pairs: NDArray[np.float64], step: float = 0.0) -> SeedDifference:
    """Return the difference first less second of pairs (n, 2) of scores that are rounded to a step."""
    n, mean, half, p = (float(x[0]) for x in paired_test(pairs[:, :1] - pairs[:, 1:], step))
    return SeedDifference(mean, mean - half, mean + half, p, int(n))


def seed_difference(trials: "pd.DataFrame", by: str, value: Any, base: Any, column: str = SCORE) -> SeedDifference:
    """Return how much more `value` scores than `base`, paired by seed."""
    scores = by_seed(of_frame(trials), by, column)
    if value not in scores.names or base not in scores.names:
        return SeedDifference(np.nan, np.nan, np.nan, np.nan, 0)
    pairs = scores.of([value, base]).values
    return paired_difference(pairs[np.isfinite(pairs).all(axis=1)], scores.step)
