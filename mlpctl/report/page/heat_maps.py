"""Heat maps of any two axes as the page draws them."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mlpctl.report.axes import ShownAxis
from mlpctl.report.page.encode import rounded_number
from mlpctl.report.summary import Summary, over

MOST_PAIRED = 6
"""Axes of which any two make a heat map: the most important ones."""


def heat_maps(summary: Summary, axes: Sequence[ShownAxis]) -> list[dict[str, Any]]:
    """Return the heat map of any two axes: which they are, mean, n and failures of each cell (rows, columns).

    None is the mean of a cell that was never run, or has no score.
    """
    drawn = []
    for (i, rows), (j, columns) in combinations(enumerate(axes[:MOST_PAIRED]), 2):
        told = summary.compared.plus({"_row": rows.codes, "_column": columns.codes})
        table = over(told, ["_row", "_column"], summary.column)
        shape = len(rows.values), len(columns.values)
        grids = {name: np.full(shape, np.nan) for name in ("mean", "n", "failed")}
        for name, grid in grids.items():
            grid[table["_row"], table["_column"]] = table[name]
        drawn.append({"rows": i, "columns": j} | {
            name: [[rounded_number(cell) for cell in line] for line in grid] for name, grid in grids.items()
        })  # fmt: skip
    return drawn
