"""The importance of axes where the trials are no complete grid: what a random forest loses without each.

The forest is grown on a resample of the configurations and judged on those that the resample left out; many resamples
give the interval. It is asked only if it predicts them: of a forest that knows nothing there is nothing to learn.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.sklearn_sets import no_joblib_warning
from mlpctl.display.tables import Cell, Table
from mlpctl.report.statistics.design import Design, Refused

if TYPE_CHECKING:
    import pandas as pd

FOREST_RESAMPLES, TREES, SHUFFLES = 40, 30, 4
FEWEST, FEWEST_PER_AXIS = 24, 8
"""Configurations below which a resample leaves out too few to judge by, in all and per axis."""


def forest_table(design: Design, column: str, title: str) -> Table:
    """Return the importance of each factor of a design with its 95 % interval.

    A factor's total is half the mean squared change of the forest's error when its values are shuffled among the
    configurations, as a share of the variance of their scores: Jansen's form of the total Sobol index, on the forest.

    Source: Jansen 1999; Fisher, Rudin and Dominici 2019, "All models are wrong, but many are useful".

    Raises:
        Refused: for too few configurations, or where the forest does not predict.
    """
    configurations = configuration_means(design, column)
    needed = max(FEWEST, FEWEST_PER_AXIS * len(design.factors))
    if len(configurations) < needed:
        raise Refused(
            f"{len(configurations)} configurations have a score, and a forest over {len(design.factors)} axes needs "
            f"{needed} at least"
        )
    scores = configurations["_score"].to_numpy(dtype=np.float64)
    if not np.ptp(scores):
        raise Refused("all scores are equal")
    features, owner = features_of(configurations, design)
    totals, fits = resampled(features, owner, scores, len(design.factors))
    if fits.mean() <= 0:
        raise Refused(
            "a random forest predicts configurations that it has not seen no better than their mean does "
            f"(R² {fits.mean():.2f}), so it does not know what the axes do"
        )
    low, high = np.percentile(totals, [2.5, 97.5], axis=0).clip(0, 1)
    rows: list[dict[str, Cell]] = [
        {"axis": name, "total": float(mean), "low": float(a), "high": float(b)}
        for name, mean, a, b in zip(design.factors, totals.mean(axis=0).clip(0, 1), low, high, strict=True)
    ]
    rows.sort(key=lambda row: -float(row["total"] or 0))
    notes = [
        f"By a random forest over {len(scores)} configurations, of which it predicts those left out with R² "
        f"{fits.mean():.2f}. total: an axis with its interactions, as a share of the variance.",
        f"95 % intervals over {FOREST_RESAMPLES} resamples of the configurations. "
        "About what was tried, not the whole space.",
        *design.notes,
    ]
    return Table(["axis", "total", "low", "high"], rows, title, notes)


def configuration_means(design: Design, column: str) -> "pd.DataFrame":
    """Return a row per configuration that has a score: its factors, and the mean score over its seeds."""
    trials = design.trials.frame()
    good = trials[(trials["status"] == "ok") & trials[column].notna()]
    groups = good.groupby("config", sort=False)
    return groups[list(design.factors)].first().assign(_score=groups[column].mean()).reset_index(drop=True)


def features_of(configurations: "pd.DataFrame", design: Design) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return (features (C, F), the factor of each): numbers as they are, words as one column each, none as -inf."""
    import pandas as pd

    columns: list[NDArray[np.float64]] = []
    owner: list[int] = []
    for number, name in enumerate(design.factors):
        values = configurations[name]
        numbers = pd.to_numeric(values, errors="coerce")
        if numbers.isna().equals(values.isna()):
            below = float(numbers.min()) - 1.0  # an axis that does not exist here: apart from all that do
            columns.append(numbers.fillna(below).to_numpy(dtype=np.float64))
            owner.append(number)
        else:
            words = values.astype("object").fillna("").astype(str)
            for word in sorted(words.unique()):
                columns.append((words == word).to_numpy(dtype=np.float64))
                owner.append(number)
    return np.stack(columns, axis=1), np.array(owner)


def resampled(
    features: NDArray[np.float64], owner: NDArray[np.intp], scores: NDArray[np.float64], factors: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (totals (resamples, factors), R² (resamples,)) on the configurations that each resample left out."""
    with no_joblib_warning():
        from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    totals, fits = np.empty((FOREST_RESAMPLES, factors)), np.empty(FOREST_RESAMPLES)
    variance = scores.var()
    for resample in range(FOREST_RESAMPLES):
        drawn = rng.integers(len(scores), size=len(scores))
        left = np.setdiff1d(np.arange(len(scores)), drawn)
        forest: Any = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=resample)
        forest.fit(features[drawn], scores[drawn])
        truth, known = scores[left], features[left]
        error = np.square(forest.predict(known) - truth).mean()
        fits[resample] = 1 - error / variance
        for factor in range(factors):
            shuffled = np.tile(known, (SHUFFLES, 1))
            for turn in range(SHUFFLES):
                rows = slice(turn * len(left), (turn + 1) * len(left))
                shuffled[rows, owner == factor] = known[rng.permutation(len(left))][:, owner == factor]
            worse = np.square(forest.predict(shuffled) - np.tile(truth, SHUFFLES)).mean() - error
            totals[resample, factor] = worse / (2 * variance)
    return totals, fits
