"""Figures of a summary: first the data of a figure, then the drawing of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.render import as_chosen, for_people
from mlpctl.report.look import COLOURS, GREY, label, new_figure
from mlpctl.report.summary import Summary, over
from mlpctl.report.tables import check_axis, in_order, plain, rows_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CURVES_SHOWN = 5
CURVES_BEHIND = 60
"""Configurations drawn in colour, and at most behind them in grey."""

CELLS_WRITTEN = 400
"""Cells of a heat map up to which the mean is written in each: more are not legible."""


def effect_of(summary: Summary, axis: str) -> "pd.DataFrame":
    """Return the effect of one axis: a row per value, mean and 95 % interval over everything else."""
    check_axis(summary, axis)
    table = over(summary.trials, [axis], summary.column)
    return in_order(table[table["n"] > 0], [axis])


def draw_effect(summary: Summary, axis: str) -> "Figure":
    """Return the figure of one axis: a line where its values are numbers, points where they are words."""
    import pandas as pd

    table = effect_of(summary, axis)
    figure, axes = new_figure()
    numbers = pd.to_numeric(table[axis], errors="coerce")  # a text column may hold numbers alone: batch_size, widths
    numeric = bool(numbers.notna().all())
    x = numbers.to_numpy(dtype=np.float64) if numeric else np.arange(len(table), dtype=np.float64)
    mean = table["mean"].to_numpy()
    bars = np.nan_to_num(np.abs(table[["low", "high"]].to_numpy().T - mean))  # (2, values): an interval may be clipped
    style = {"color": COLOURS[0], "marker": "o", "capsize": 3, "linestyle": "-" if numeric else "none"}
    axes.errorbar(x, mean, yerr=bars, **style)
    if numeric and is_log_spaced(x):
        axes.set_xscale("log")
    elif not numeric:
        axes.set_xticks(x, [as_chosen(plain(value)) or "none" for value in table[axis]])
        axes.margins(x=0.15)
    axes.set_xlabel(label(axis))
    axes.set_ylabel(f"{summary.on} {summary.metric}")
    best = int(np.nanargmax(mean) if summary.better == "high" else np.nanargmin(mean))
    up = summary.better == "high"
    end = table["high" if up else "low"].to_numpy(dtype=np.float64)[best]
    beyond = mean[best] if np.isnan(end) else end  # past the end of the error bar, not on it
    axes.annotate(f"best {for_people(float(mean[best]))}", (x[best], beyond), textcoords="offset points",
                  xytext=(0, 6 if up else -6), ha="center", va="bottom" if up else "top", color=COLOURS[0])  # fmt: skip
    axes.margins(y=0.15)
    axes.set_title(f"{summary.title}: effect of {label(axis)}\nmean and 95 % interval over the rest", fontsize=10)
    return figure


def draw_effects(summary: Summary, rows: str, columns: str) -> "Figure":
    """Return the heat map of two axes, the mean of every cell written in it."""
    check_axis(summary, rows)
    check_axis(summary, columns)
    table = over(summary.trials, [rows, columns], summary.column)
    across, down = (
        list(dict.fromkeys(plain(value) for value in in_order(table, [name])[name])) for name in (columns, rows)
    )
    grid, words = np.full((len(down), len(across)), np.nan), np.full((len(down), len(across)), "", dtype=object)
    for cell in rows_of(table):
        place = down.index(cell[rows]), across.index(cell[columns])
        mean = cell["mean"]
        grid[place] = np.nan if mean is None else mean
        words[place] = for_people(mean) if mean is not None else "failed" if cell["failed"] else "no score"
    figure, axes = new_figure(1.6 + 0.9 * max(4, grid.shape[1]), 1.6 + 0.5 * max(4, grid.shape[0]))
    image = axes.imshow(grid, cmap="cividis" if summary.better == "high" else "cividis_r", aspect="auto")
    axes.grid(visible=False)
    low, high = np.nanmin(grid), np.nanmax(grid)
    for (r, c), value in np.ndenumerate(grid if grid.size <= CELLS_WRITTEN else np.empty((0, 0))):
        shade = (value - low) / (high - low) if high > low else 0.5
        dark = shade < 0.55 if summary.better == "high" else shade > 0.45
        dark = dark and not np.isnan(value)  # failed, or never run: the cell is white
        axes.text(c, r, words[r, c], ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(across)), [as_chosen(value) or "none" for value in across])
    axes.set_yticks(range(len(down)), [as_chosen(value) or "none" for value in down])
    axes.set_xlabel(label(columns))
    axes.set_ylabel(label(rows))
    axes.set_title(f"{summary.title}: {summary.on} {summary.metric}, mean over everything else", fontsize=10)
    figure.colorbar(image, ax=axes, label=f"{summary.on} {summary.metric}")
    return figure


def curves_of(summary: Summary, epochs: "pd.DataFrame", column: str) -> "pd.DataFrame":
    """Return a row per configuration and epoch: mean, low and high of a column over the seeds; best first."""
    keys = summary.trials.loc[summary.trials["status"] == "ok", ["key", "config"]]
    joined = epochs.merge(keys, on="key")
    table = over(joined.assign(status="ok"), ["config", "epoch"], column).dropna(subset="mean")
    place = {config: number for number, config in enumerate(summary.configurations["config"])}
    table["place"] = table["config"].map(place)
    return table.sort_values(["place", "epoch"], ignore_index=True)


def draw_curves(summary: Summary, epochs: "pd.DataFrame") -> "Figure":
    """Return the learning curves of the best configurations, the others behind them in grey."""
    column = summary.column if epochs[summary.column].notna().any() else f"train_{summary.metric}"
    if column not in epochs or epochs[column].isna().all():
        column = "train_loss"
    table = curves_of(summary, epochs, column)
    figure, axes = new_figure()
    behind = table[(table["place"] >= CURVES_SHOWN) & (table["place"] < CURVES_SHOWN + CURVES_BEHIND)]
    for _, curve in behind.groupby("place"):
        axes.plot(curve["epoch"], curve["mean"], color=GREY, linewidth=0.7, alpha=0.5)
    ends = []
    for place, curve in table[table["place"] < CURVES_SHOWN].groupby("place"):
        number = int(str(place))
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(curve["epoch"], curve["mean"], color=colour, marker="o", markersize=3)
        axes.fill_between(curve["epoch"].astype(float), curve["low"], curve["high"], color=colour, alpha=0.15)
        ends.append((float(curve["mean"].iloc[-1]), float(curve["epoch"].iloc[-1]), _name(summary, number), colour))
    shown = table[table["place"] < CURVES_SHOWN]["mean"]
    margin = 0.25 * float(shown.max() - shown.min()) or 0.05
    top = float(shown.max()) + margin
    top = min(top, 1.02) if column.endswith("accuracy") else top
    axes.set_ylim(float(shown.min()) - margin, top)  # wide intervals must not hide the curves
    _label_ends(axes, ends)
    axes.xaxis.get_major_locator().set_params(integer=True)
    last = table["epoch"].max()
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= last])  # none where only names are
    axes.set_xlabel("epoch")
    axes.set_ylabel(column.replace("_", " "))
    several = table["place"].nunique() > 1
    what = "learning curves\nmean and 95 % interval over seeds, the best in colour" if several else "learning curve"
    axes.set_title(f"{summary.title}: {what}", fontsize=10)
    return figure


def is_log_spaced(x: "Sequence[float] | np.ndarray[Any, Any]") -> bool:
    """Whether positive values are spread more evenly on a log scale than on a linear one."""
    values = np.unique(np.asarray(x, dtype=np.float64))
    if len(values) < 3 or values[0] <= 0:
        return len(values) == 2 and bool(values[0] > 0 and values[1] / values[0] >= 10)
    steps, ratios = np.diff(values), np.diff(np.log(values))
    return bool(np.std(ratios) / np.mean(ratios) < np.std(steps) / np.mean(steps))


def _label_ends(axes: Any, ends: list[tuple[float, float, str, str]]) -> None:
    """Write each curve's name at its end, moved apart where they would overlap."""
    if not ends:
        return
    low, high = axes.get_ylim()
    gap, places = (high - low) * 0.055, list[float]()
    for value, *_ in sorted(ends):
        places.append(max(value, places[-1] + gap) if places else value)
    centre = float(np.mean([value for value, *_ in ends]) - np.mean(places))
    for (value, epoch, name, colour), place in zip(sorted(ends), places, strict=True):
        axes.annotate(name, (epoch, value), xytext=(epoch, place + centre), textcoords="data", color=colour, fontsize=8,
                      va="center", annotation_clip=False, ha="left")  # fmt: skip
    axes.set_xlim(right=axes.get_xlim()[1] + 0.32 * (axes.get_xlim()[1] - axes.get_xlim()[0]))


def _name(summary: Summary, place: int) -> str:
    row = summary.configurations.iloc[place]
    parts = [f"{name.replace('_', ' ')} {as_chosen(plain(row[name]))}" for name in summary.varied]
    return "  " + (", ".join(parts) or "mean")
