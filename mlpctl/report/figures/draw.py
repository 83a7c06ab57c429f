"""Draw plots as figures: one look, intervals, names at the lines, failures marked."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.display.figure_style import COLOURS, DASHES, GREY, MARKERS, SMALL_SIZE, entitle, panels, styled
from mlpctl.display.tables import as_chosen
from mlpctl.display.text import distinguishing_texts, shortened
from mlpctl.report.figures.draw_heat_map import draw_heat
from mlpctl.report.figures.line_labels import NAME_WIDTH, Named, name_ends
from mlpctl.report.figures.plot import MOST_MEASURED, Heat, Line, Plot, limits, measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

LONGEST_WORD = 32
MARKED_POINTS = 25
"""Points up to which each has its marker."""


def draw(*drawings: Plot | Heat) -> "Figure":
    """Return the figure of a heat map, or of plots beside each other.

    Plots share their y axis where that says the same; names of lines stand at the last alone.
    """
    plots = [drawing for drawing in drawings if isinstance(drawing, Plot)]
    if isinstance(drawings[0], Heat):
        return draw_heat(drawings[0])
    lying = len(plots) == 1 and _lies(plots[0])
    rows = len(plots[0].words) * max(1, 0.6 * len(plots[0].lines))
    height = max(2.4, 1.5 + 0.27 * rows) if lying else 4.2
    longest = 0 if plots[-1].words else min(max(len(line.name) for line in plots[-1].lines), NAME_WIDTH)
    width = (6.8 if len(plots) == 1 else 3.9 * len(plots)) + 0.08 * longest
    figure, all_axes = panels(1, len(plots), width, height)
    for axes, plot in zip(all_axes, plots, strict=True):
        with styled():
            _words(axes, plot, lying=lying) if plot.words else _graph(axes, plot)
        entitle(axes, _title(plot) if len(plots) == 1 else plot.part)
    if len(plots) > 1:
        _share_limits(all_axes)
        entitle(all_axes[0], _title(plots[0]), over=True)
    for axes, plot in zip(all_axes, plots, strict=True):
        if axes is all_axes[-1] and not plot.words:
            _name_lines(axes, plot)
        elif plot.words and len(plot.lines) > 1:
            with styled():
                axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _title(plot: Plot) -> str:
    return "; ".join(part for part in (plot.title, plot.figure_says) if part)


def _share_limits(all_axes: "Sequence[Any]") -> None:
    low = min(axes.get_ylim()[0] for axes in all_axes)
    high = max(axes.get_ylim()[1] for axes in all_axes)
    for axes in all_axes:
        axes.set_ylim(low, high)


def _graph(axes: Any, plot: Plot) -> None:
    """Draw lines over numbers."""
    front = [line for line in plot.lines if not line.behind]
    for line in plot.lines:
        if line.behind:
            axes.plot(line.x, line.y, color=GREY, linewidth=0.7, alpha=0.5, zorder=1)
    for number, line in enumerate(front):
        _line(axes, plot, line, number)
    if plot.log_x:
        positive = [x for x in measured(plot) if x > 0]
        if measured(plot)[0] <= 0:
            axes.set_xscale("symlog", linthresh=positive[0], linscale=0.5)
        else:
            axes.set_xscale("log")
    if plot.log_y:
        axes.set_yscale("log", nonpositive="clip")
        _plain_numbers(axes.yaxis)
    if plot.band:
        axes.margins(x=0.015)
    _set_limits(axes, plot)
    _ticks(axes, plot)
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    _point_out(axes, plot)
    for x in plot.failed:
        axes.plot(x, 0.02, marker="X", color=COLOURS[1], markersize=8, markeredgecolor="white", linestyle="none",
                  transform=axes.get_xaxis_transform(), zorder=4, clip_on=False)  # fmt: skip
    if plot.failed:
        axes.annotate("× no trial has a score", (1.0, 1.0), (0, 4), xycoords="axes fraction", ha="right",
                      va="bottom", textcoords="offset points", fontsize=SMALL_SIZE, color=COLOURS[1])  # fmt: skip


def _line(axes: Any, plot: Plot, line: Line, number: int) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    x, y = np.asarray(line.x, dtype=np.float64), np.asarray(line.y, dtype=np.float64)
    long = len(x) > MARKED_POINTS
    way: dict[str, Any] = {
        "marker": marker,
        "markersize": 4.5,
        "markevery": (number % 5, max(1, len(x) // 10)) if long else 1,
    }
    if line.holds:
        way = {"drawstyle": "steps-post"}
    dashes = DASHES[number % len(DASHES)] if line.holds or long else DASHES[number // len(COLOURS) % len(DASHES)]
    axes.plot(x, y, color=colour, linestyle=dashes, label=line.name, zorder=3, **way)
    if not len(line.low):
        return
    low, high = np.asarray(line.low, dtype=np.float64), np.asarray(line.high, dtype=np.float64)
    if plot.band:
        axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0, zorder=2)
        return
    bars = np.nan_to_num(np.stack([y - low, high - y])).clip(min=0)  # (2, points): an interval may be clipped
    known = np.isfinite(low)
    axes.errorbar(
        x[known], y[known], yerr=bars[:, known], color=colour, linestyle="none", capsize=3, linewidth=1.1, zorder=2
    )


def _set_limits(axes: Any, plot: Plot) -> None:
    """Set the y limits around what has to be seen: wide bands must not hide the lines."""
    low, high = limits(plot)
    if plot.log_y:
        share = (high / low) ** 0.08 if high > low else 1.3
        axes.set_ylim(low / share, high * share)
        return
    margin = 0.09 * (high - low) or 0.05 * abs(high) or 0.05
    if plot.band:
        margin *= 1.6
    top = high + margin
    if "accuracy" in plot.y_label and high <= 1.0:
        top = min(top, 1.0 + 0.04 * (1.0 - low + 2 * margin) if plot.band else top)
    axes.set_ylim(low - margin, top)


def _ticks(axes: Any, plot: Plot) -> None:
    """Put ticks where something was measured, where these are few enough to be read; else at round numbers."""
    from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

    points = measured(plot)
    if 0 < len(points) <= MOST_MEASURED:
        axes.set_xticks(points, distinguishing_texts(points))
        axes.xaxis.set_minor_locator(NullLocator())
        if len(points) == 1:
            axes.set_xlim(points[0] - 1, points[0] + 1)
    elif plot.log_x:
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif all(point.is_integer() for point in points):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))


def _plain_numbers(axis: Any) -> None:
    """Write 1, 2 and 5 times a power of ten as somebody would, where few decades leave room for them."""
    low, high = sorted(axis.get_view_interval())
    wide = low > 0 and high / low > 1e4
    for numbers in (axis.set_major_formatter, axis.set_minor_formatter):
        numbers(lambda value, _: as_chosen(float(value)) if f"{value:e}"[0] in ("1" if wide else "125") else "")


def _point_out(axes: Any, plot: Plot) -> None:
    """Write what is best at its point, beside the interval and not on it."""
    if plot.best is None:
        return
    x, y, text = plot.best
    left, right = axes.get_xlim()
    place = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[0]
    side = -1 if left < right and place > 0.75 else 1
    behind = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.6}
    axes.annotate(text, (x, y), (7 * side, 7), textcoords="offset points", ha="left" if side > 0 else "right",
                  va="bottom", color=COLOURS[0], fontsize=SMALL_SIZE, zorder=5, bbox=behind)  # fmt: skip


def _name_lines(axes: Any, plot: Plot) -> None:
    """Name the lines at their ends; by a legend where that is impossible."""
    front = [line for line in plot.lines if not line.behind]
    ends = []
    for number, line in enumerate(front):
        known = [(x, y) for x, y in zip(line.x, line.y, strict=True) if math.isfinite(y)]
        if line.name and known:
            ends.append(Named(*known[-1], line.name, COLOURS[number % len(COLOURS)]))
    if len(front) > 1 and not name_ends(axes, ends):
        with styled():
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _lies(plot: Plot) -> bool:
    """Return whether the words of a plot need the y axis to be read."""
    return len(plot.words) > 8 or sum(len(word) + 2 for word in plot.words) > 64


def _words(axes: Any, plot: Plot, *, lying: bool) -> None:
    """Draw points at words, along x, or along y from the top where the words are many or long."""
    names = [shortened(word, LONGEST_WORD) for word in plot.words]
    shifts = np.linspace(-0.2, 0.2, len(plot.lines)) if len(plot.lines) > 1 else [0.0]
    for number, (line, shift) in enumerate(zip(plot.lines, shifts, strict=True)):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        place, y = np.asarray(line.x, dtype=np.float64) + shift, np.asarray(line.y, dtype=np.float64)
        across = (y, place) if lying else (place, y)
        axes.plot(*across, color=colour, marker=marker, markersize=6, linestyle="none", label=line.name, zorder=3)
        if len(line.low):
            low, high = np.asarray(line.low, dtype=np.float64), np.asarray(line.high, dtype=np.float64)
            known = np.isfinite(low) & np.isfinite(y)
            ends = np.stack([y - low, high - y]).clip(min=0)[:, known]
            bars = {"xerr": ends} if lying else {"yerr": ends}
            axes.errorbar(*(values[known] for values in across), **bars, color=colour, linestyle="none", capsize=3,
                          linewidth=1.2, zorder=2)  # fmt: skip
    edges = (-0.6, len(names) - 0.4)
    across_axis, along_axis = (axes.yaxis, axes.xaxis) if lying else (axes.xaxis, axes.yaxis)
    across_axis.set_ticks(range(len(names)), names)
    across_axis.grid(visible=lying)
    (axes.set_ylim if lying else axes.set_xlim)(*(edges[::-1] if lying else edges))
    if plot.log_y:
        (axes.set_xscale if lying else axes.set_yscale)("log")
        _plain_numbers(along_axis)
    (axes.set_ylabel if lying else axes.set_xlabel)(plot.x_label)
    (axes.set_xlabel if lying else axes.set_ylabel)(plot.y_label)
    for place in plot.failed:
        where = {"transform": axes.get_yaxis_transform() if lying else axes.get_xaxis_transform()}
        spot = (0.02, place) if lying else (place, 0.03)
        axes.text(
            *spot,
            "× failed",
            color=COLOURS[1],
            fontsize=SMALL_SIZE,
            ha="left" if lying else "center",
            va="center",
            **where,
        )
    if plot.best is not None:
        word, score, text = plot.best
        offset = (0, 6) if lying else (8, 0)
        axes.annotate(text, (score, word) if lying else (word, score), offset, textcoords="offset points",
                      ha="center" if lying else "left", va="bottom" if lying else "center", color=COLOURS[0],
                      fontsize=SMALL_SIZE)  # fmt: skip
        axes.margins(0.08)
