"""Effect of each axis as the page draws it: mean and interval of each value, and single configurations."""

from collections.abc import Sequence
from typing import Any

from mlpctl.report.axes import ShownAxis, effect
from mlpctl.report.page.encode import evenly, rounded_number
from mlpctl.report.summary import Summary

MOST_EFFECTS = 12
"""Axes whose effects are drawn: the most important ones."""

MOST_POINTS = 400
"""Single configurations behind an axis that is cut into classes; a sample, evenly spaced in rank."""


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
                **{name: [rounded_number(v) for v in table[name]] for name in ("mean", "low", "high")},
                "points": _points(summary, axis),
            }
        )
    return drawn


def _points(summary: Summary, axis: ShownAxis) -> list[list[float | None]]:
    if not axis.classes or axis.absent:
        return []
    scored = summary.ranked.rows(summary.ranked["n"] > 0)
    some = scored.rows(evenly(len(scored), MOST_POINTS))
    numbers = some[axis.name].astype(float)  # a text column may hold numbers alone: batch_size
    return [[rounded_number(x), rounded_number(y)] for x, y in zip(numbers, some["mean"], strict=True)]
