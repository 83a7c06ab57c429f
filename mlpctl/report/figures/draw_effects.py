"""Figures of a summary: what they show is computed first (`effects`), then drawn (`drawing`)."""

from typing import TYPE_CHECKING

from mlpctl.report.figures.draw import draw, draw_heat, draw_side_by_side
from mlpctl.report.figures.effects import (
    CURVES_BEHIND,
    CURVES_SHOWN,
    curve_plots,
    curves_of,
    effect_of,
    effect_plot,
    heat_of,
)
from mlpctl.report.figures.plot import is_log_spaced
from mlpctl.report.summary import Summary
from mlpctl.store.columns import Columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "CURVES_BEHIND",
    "CURVES_SHOWN",
    "curves_of",
    "draw_curves",
    "draw_effect",
    "draw_effects",
    "effect_of",
    "is_log_spaced",
]


def draw_effect(summary: Summary, axis: str) -> "Figure":
    """Return the figure of one axis: mean and interval per value."""
    return draw(effect_plot(summary, axis))


def draw_effects(summary: Summary, rows: str, columns: str) -> "Figure":
    """Return the heat map of two axes, the mean of every cell written in it."""
    return draw_heat(heat_of(summary, rows, columns))


def draw_curves(summary: Summary, epochs: Columns) -> "Figure":
    """Return the learning curves of the best configurations, the others behind them in grey."""
    return draw_side_by_side(curve_plots(summary, epochs)[::-1])
