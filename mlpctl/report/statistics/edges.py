"""Find axes whose best value is the smallest or the largest that was tried: a better one may lie beyond."""

from mlpctl.errors import UsageError
from mlpctl.report.grouping import distinct_values
from mlpctl.report.summary import Summary
from mlpctl.spec import Spec

MOST_VALUES = 8
"""Values of an axis up to which the next one is written behind them; of more it is written alone."""

FEWEST_VALUES = 3
"""Of two values one is always the best and at an edge."""


def edge_notes(summary: Summary) -> list[str]:
    """Return a sentence per numeric axis whose best value is at an edge, with the axis to try next.

    The next value continues the axis as its last two do: by their ratio where all are positive, else by their distance.
    Epochs are no such axis: more of them are another price, not another setting.
    """
    if summary.best is None:
        return []
    told = []
    for name in summary.varied:
        values = [value for value in distinct_values(summary.rows[name]) if isinstance(value, int | float)]
        best = summary.best[name]
        if name == "epochs" or len(values) < FEWEST_VALUES or best not in (min(values), max(values)):
            continue
        up = best == max(values)
        last, before = sorted(values, reverse=up)[:2]
        beyond = last * last / before if min(values) > 0 else 2 * last - before
        beyond = round(beyond) if isinstance(last, int) else float(f"{beyond:.3g}")
        side, way = ("largest", "larger") if up else ("smallest", "smaller")
        axis = ",".join(f"{value:g}" for value in sorted([*(values if len(values) < MOST_VALUES else ()), beyond]))
        advice = f" Try {way}: --axis {name}={axis}" if _is_valid(name, beyond, last) else ""
        told.append(f"{name}: the best value {last:g} is the {side} you tried.{advice}")
    return told


def _is_valid(name: str, beyond: float, last: float) -> bool:
    if name not in Spec.model_fields or beyond == last:
        return False
    try:
        Spec.from_flat({name: beyond})
    except UsageError:
        return False
    return True
