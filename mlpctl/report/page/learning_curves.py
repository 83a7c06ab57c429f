"""Learning curves as the page draws them: the leading configurations by name, those behind them by their mean."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpctl.report.axes import ShownAxis, named
from mlpctl.report.figures.effects import CURVES_BEHIND, CURVES_SHOWN, curves_of
from mlpctl.report.grouping import distinct_values, is_in, is_there
from mlpctl.report.page.encode import evenly, rounded_number
from mlpctl.report.summary import Summary
from mlpctl.store.columns import Columns

MOST_CURVE_POINTS = 150
"""Points of a learning curve: about what a screen can tell apart."""


def learning_curves(summary: Summary, epochs: Columns, axes: Sequence[ShownAxis]) -> dict[str, Any]:
    """Return the learning curves of the leading configurations: what is drawn, then a curve each, best first.

    The leading few have a name and the 95 % interval over seeds, those behind them their mean alone.
    """
    leading = is_in(summary.compared["config"], summary.ranked["config"][: CURVES_SHOWN + CURVES_BEHIND])
    some = epochs.rows(is_in(epochs["key"], summary.compared["key"][leading]))
    scores = (summary.column, f"train_{summary.metric}", "train_loss")
    told = [name for name in scores if name in some and is_there(some[name]).any()]
    if not told:
        return {"column": "", "curves": []}
    table = curves_of(summary, some, told[0])
    drawn = []
    for number in distinct_values(table["place"]):
        curve, own = table.rows(table["place"] == number), summary.ranked.rows(np.array([number]))
        thin = curve.rows(evenly(len(curve), MOST_CURVE_POINTS))
        columns = ("mean", "low", "high") if number < CURVES_SHOWN else ("mean",)
        drawn.append(
            {
                "place": number + 1,
                "name": named(next(own.records()), [axis.name for axis in axes]),
                "epoch": thin["epoch"].tolist(),
                **{name: [rounded_number(v) for v in thin[name]] for name in columns},
            }
        )
    return {"column": told[0].replace("_", " "), "named": CURVES_SHOWN, "curves": drawn}
