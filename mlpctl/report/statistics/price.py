"""Compute the price of a search in model-epochs, beside that of a grid or random search for the same result.

Only what is in the store is known. A configuration that was never trained, or not to its end, has no score, and what
another search would have made of it is then said to be unknown.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlpctl.display.tables import Table
from mlpctl.engines.schedule import PREFIXES
from mlpctl.errors import UsageError
from mlpctl.report.grouping import codes_of, is_in
from mlpctl.report.summary import Summary
from mlpctl.runner.experiment import Experiment, groups, most_epochs
from mlpctl.search.axes import make_axis
from mlpctl.search.listed import make_list
from mlpctl.search.space import Space
from mlpctl.search.table import BY_EPOCHS
from mlpctl.spec import SEED_FIELDS, Spec
from mlpctl.store.columns import Columns


def price(summary: Summary, experiment: Mapping[str, Any]) -> Table | None:
    """Return what the search that an experiment names cost, in words; None where nothing was searched.

    Args:
        summary: of its trials.
        experiment: as its file says it.
    """
    if summary.best is None or len(summary.ranked) < 2 or "spec" not in experiment:
        return None
    try:
        space = space_of(experiment)
    except UsageError:
        return None  # written by a version that knew other axes
    method, most = experiment.get("search", {}).get("method", "grid"), most_epochs(experiment["spec"])
    if method == "grid":
        return None  # nothing was searched: every configuration was trained
    seeds = len(experiment.get("seeds", [0]))
    begun = configuration_count(summary.rows, but=("epochs",) if method in BY_EPOCHS else ())
    trained = epochs_trained(summary.rows)
    spent = f"{method} trained {trained:,} model-epochs"
    if method in BY_EPOCHS:
        said = _price_by_epochs(spent, trained, begun, begun * most * seeds, most, space.size())
    else:
        said = _price_of_draws(spent, trained, begun, int(trained / max(begun, 1)), space.size())
    return Table((), (), "Price of the search", said)


def space_of(experiment: Mapping[str, Any]) -> Space:
    """Return the space of an experiment that was read from a results folder; no search is made, so none is imported.

    Raises:
        UsageError: for an experiment that this version does not know.
    """
    rows = experiment.get("list") or []
    return Experiment(
        "",
        experiment["spec"],
        tuple(make_axis(name, axis) for name, axis in experiment.get("axes", {}).items()),
        groups(experiment.get("zip", [])),
        make_list(rows, [f"list {number + 1}" for number in range(len(rows))]) if rows else None,
    ).space()


def configuration_count(trials: Columns, *, but: tuple[str, ...] = ()) -> int:
    """Return how many configurations there are among trials, some fields not counted."""
    fields = [name for name in Spec.model_fields if name not in (*SEED_FIELDS, *but)]
    return len(codes_of(*(trials[name] for name in fields))[1])


def epochs_trained(trials: Columns) -> int:
    """Return the model-epochs of some trials; those that differ in epochs alone are one training, where they can be."""
    alone = ~is_in(trials["lr_schedule"], (None, *PREFIXES))
    own = np.where(alone, codes_of(trials["epochs"])[0] + 1, 0)
    codes, firsts = codes_of(*(trials[name] for name in Spec.model_fields if name != "epochs"), own)
    most = np.zeros(len(firsts))
    np.maximum.at(most, codes, np.nan_to_num(trials["epochs_done"].astype(np.float64)))
    return int(most.sum())


def _price_by_epochs(spent: str, trained: int, begun: int, all_: int, most: int, whole: float) -> list[str]:
    grid = " (the whole grid)" if begun == whole else ""
    said = [
        f"{spent}; its {begun:,} configurations{grid} with {most} epochs each would be {all_:,}: "
        f"{trained / max(all_, 1):.0%} of them."
    ]
    if begun < whole < math.inf:
        said.append(f"The grid has {whole:,.0f} configurations: {all_ // begun * whole:,.0f} model-epochs.")
    drawn = all_ * (begun + 1) / (2 * begun)
    said.append(
        f"Random search, all with {most} epochs, meets one certain configuration of the {begun:,} after {drawn:,.0f} "
        "model-epochs on average; sooner if one that was given up would have been as good, which is not known."
    )
    return said


def _price_of_draws(spent: str, trained: int, begun: int, each: int, whole: float) -> list[str]:
    if math.isinf(whole):
        return [f"{spent}, {each:,} a configuration; the axes are ranges, so no grid has a price."]
    grid = each * whole
    said = f"{spent}; the grid of {whole:,.0f} configurations would be {grid:,.0f}: {trained / max(grid, 1):.0%} of it."
    if begun < whole:
        said += (
            f" How good the other {whole - begun:,.0f} are is not known, nor when a random search finds one as good."
        )
    return [said]
