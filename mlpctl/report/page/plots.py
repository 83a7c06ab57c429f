"""What the plots of a page draw: effects of axes, heat maps of two, learning curves. Plain numbers, no drawing."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mlpctl.report.figures.draw_effects import CURVES_BEHIND, CURVES_SHOWN, curves_of
from mlpctl.report.grouping import distinct, is_in, is_there
from mlpctl.report.page.axes import ShownAxis, effect, named
from mlpctl.report.page.encode import rounded
from mlpctl.report.summary import Summary, over
from mlpctl.store.columns import Array, Columns

MOST_EFFECTS = 12
MOST_PAIRED = 6
"""Axes whose effects are drawn, and of which any two make a heat map: the most important ones."""

MOST_POINTS = 400
"""Single configurations behind an axis that is cut into classes; a sample, evenly spaced in rank."""

MOST_EPOCHS = 150
"""Points of a learning curve: about what a screen can tell apart."""


def effects(summary: Summary, axes: Sequence[ShownAxis]) -> list[dict[str, Any]]:
    """Return what is drawn for each axis: its values with n, failed, mean and 95 % interval, and single configurations.

    Single configurations are there where the values were cut into classes.
    """
    drawn = []
    for axis in axes[:MOST_EFFECTS]:
        table = effect(summary, axis)
        drawn.append(
            {
                "axis": axis.label,
                "scale": "words" if axis.absent else axis.scale,
                "classes": axis.classes,
                "values": [axis.values[int(code)] for code in table["value"]],
                "x": [axis.places[int(code)] for code in table["value"]],
                "n": table["n"].tolist(),
                "failed": table["failed"].tolist(),
                **{name: [rounded(v) for v in table[name]] for name in ("mean", "low", "high")},
                "points": _points(summary, axis),
            }
        )
    return drawn


def _points(summary: Summary, axis: ShownAxis) -> list[list[float | None]]:
    if not axis.classes or axis.absent:
        return []
    scored = summary.ranked.rows(summary.ranked["n"] > 0)
    some = scored.rows(_evenly(len(scored), MOST_POINTS))
    return [[rounded(x), rounded(y)] for x, y in zip(some[axis.name], some["mean"], strict=True)]


def pairs(summary: Summary, axes: Sequence[ShownAxis]) -> list[dict[str, Any]]:
    """Return the heat map of any two axes: which they are, mean, n and failures of each cell (rows, columns).

    None is the mean of a cell that was never run, or has no score.
    """
    drawn = []
    for (i, rows), (j, columns) in combinations(enumerate(axes[:MOST_PAIRED]), 2):
        told = summary.rows.plus({"_row": rows.codes, "_column": columns.codes})
        table = over(told, ["_row", "_column"], summary.column)
        shape = len(rows.values), len(columns.values)
        grids = {name: np.full(shape, np.nan) for name in ("mean", "n", "failed")}
        for name, grid in grids.items():
            grid[table["_row"], table["_column"]] = table[name]
        drawn.append({"rows": i, "columns": j} | {
            name: [[rounded(cell) for cell in line] for line in grid] for name, grid in grids.items()
        })  # fmt: skip
    return drawn


def curves(summary: Summary, epochs: Columns, axes: Sequence[ShownAxis]) -> dict[str, Any]:
    """Return the learning curves of the leading configurations: what is drawn, then a curve each, best first.

    The leading few have a name and the 95 % interval over seeds, those behind them their mean alone.
    """
    leading = is_in(summary.rows["config"], summary.ranked["config"][: CURVES_SHOWN + CURVES_BEHIND])
    some = epochs.rows(is_in(epochs["key"], summary.rows["key"][leading]))
    scores = (summary.column, f"train_{summary.metric}", "train_loss")
    told = [name for name in scores if name in some and is_there(some[name]).any()]
    if not told:
        return {"column": "", "curves": []}
    table = curves_of(summary, some, told[0])
    drawn = []
    for number in distinct(table["place"]):
        curve, own = table.rows(table["place"] == number), summary.ranked.rows(np.array([number]))
        thin = curve.rows(_evenly(len(curve), MOST_EPOCHS))
        columns = ("mean", "low", "high") if number < CURVES_SHOWN else ("mean",)
        drawn.append(
            {
                "place": number + 1,
                "name": named(next(own.records()), [axis.name for axis in axes]),
                "epoch": thin["epoch"].tolist(),
                **{name: [rounded(v) for v in thin[name]] for name in columns},
            }
        )
    return {"column": told[0].replace("_", " "), "named": CURVES_SHOWN, "curves": drawn}


def _evenly(n: int, most: int) -> Array:
    """Return at most so many of n places, evenly spaced, both ends among them."""
    return np.unique(np.linspace(0, max(n - 1, 0), min(n, most)).round().astype(np.intp))
