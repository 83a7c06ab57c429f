"""Learning curves as the page draws them: the leading configurations by name, those behind them by their mean."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlpctl.report.figures.effects import CURVES_BEHIND, CURVES_SHOWN, curves_of
from mlpctl.report.page.axes import ShownAxis, named
from mlpctl.report.page.encode import evenly, rounded
from mlpctl.report.summary import Summary

if TYPE_CHECKING:
    import pandas as pd

MOST_EPOCHS = 150
"""Points of a learning curve: about what a screen can tell apart."""


def learning_curves(summary: Summary, epochs: "pd.DataFrame", axes: Sequence[ShownAxis]) -> dict[str, Any]:
    """Return the learning curves of the leading configurations: what is drawn, then a curve each, best first.

    The leading few have a name and the 95 % interval over seeds, those behind them their mean alone.
    """
    leading = summary.configurations.head(CURVES_SHOWN + CURVES_BEHIND)
    keys = summary.trials.loc[summary.trials["config"].isin(leading["config"]), "key"]
    some = epochs[epochs["key"].isin(keys)]
    told = [name for name in (summary.column, f"train_{summary.metric}", "train_loss") if _has_values(some, name)]
    if not told:
        return {"column": "", "curves": []}
    table = curves_of(summary, some, told[0])
    drawn = []
    for place, curve in table.groupby("place"):
        number = int(str(place))
        thin = curve.iloc[evenly(len(curve), MOST_EPOCHS)]
        columns = ("mean", "low", "high") if number < CURVES_SHOWN else ("mean",)
        drawn.append(
            {
                "place": number + 1,
                "name": named(summary.configurations.iloc[number].to_dict(), [axis.name for axis in axes]),
                "epoch": thin["epoch"].tolist(),
                **{name: [rounded(v) for v in thin[name]] for name in columns},
            }
        )
    return {"column": told[0].replace("_", " "), "named": CURVES_SHOWN, "curves": drawn}


def _has_values(epochs: "pd.DataFrame", name: str) -> bool:
    return name in epochs and bool(epochs[name].notna().any())
