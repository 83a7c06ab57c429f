"""The results of `mlpctl bench train` as tables, and as a plot of time per step against width."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.bench.medians import Estimate, estimate
from mlpctl.bench.records import stamped
from mlpctl.bench.step_limits import Crossing
from mlpctl.bench.train import AXES, Timed
from mlpctl.bench.train_steps import CLOSE
from mlpctl.display.tables import Cell, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ("what", "name", "other", "device", "width", "depth", "batch", "lanes", *Estimate.__dataclass_fields__,
           "per_example", "flops_per_step", "bytes_per_step", "resident_bytes", "flops", "overhead", "arithmetic",
           "memory", "limit", "axis", "verdict", "at", "at_low", "at_high", "per_layer", "factor", "error")  # fmt: skip
"""Of the table for machines, behind the stamp. Times are seconds of a step of one trial; in rows of steps overhead,
arithmetic and memory are shares of it, elsewhere overhead is seconds and memory bytes per second."""

UNITS = {"width": "hidden units", "depth": "hidden layers", "batch": "examples"}


def rows_of(timed: Timed) -> list[dict[str, Cell]]:
    """Return a row per point and implementation, per fit, per crossing, and one for the ceilings."""
    device, rows = timed.asked.device, list[dict[str, Cell]]()
    fits = {name: timed.fit(name) for name in timed.asked.names}
    for point, own in timed.times.items():
        step = timed.steps[point]
        for name, times in own.items():
            found, parts = estimate(times[~np.isnan(times)]), timed.parts(point, name, fits[name])
            told = asdict(parts) | {"limit": parts.limit} if parts else {}
            rows.append(
                {
                    "what": "step", "name": name, "device": device, **asdict(point), **asdict(found),
                    "lanes": timed.asked.lanes if name == "lanes" else None,
                    "per_example": found.median / point.batch, "flops_per_step": step.flops,
                    "bytes_per_step": step.bytes, "resident_bytes": step.resident,
                    "flops": step.flops / found.median, **told,
                }
            )  # fmt: skip
    for name, model in fits.items():
        if model is not None:
            rows.append({"what": "fit", "name": name, "device": device, "overhead": model.constant,
                         "per_layer": model.per_layer, "factor": model.factor, "error": model.error})  # fmt: skip
    for axis in AXES:
        for (one, other), crossing in timed.crossings(axis).items():
            rows.append({"what": "crossing", "name": one, "other": other, "device": device, "axis": axis,
                         "verdict": crossing.verdict, "at": crossing.at, "at_low": crossing.low,
                         "at_high": crossing.high})  # fmt: skip
    if timed.ceilings is not None:
        rows.append({"what": "peak", "device": device, "flops": timed.ceilings.peak})
        rows += [{"what": "bandwidth", "device": device, "resident_bytes": None if size == float("inf") else size,
                  "memory": rate} for size, rate in timed.ceilings.rates]  # fmt: skip
    return rows


def machine_table(stamp: Mapping[str, Cell], rows: Sequence[Mapping[str, Cell]]) -> Table:
    """Return the rows, every one with every column."""
    return stamped(stamp, [{column: row.get(column) for column in COLUMNS} for row in rows], "train")


def people_tables(timed: Timed) -> list[Table]:
    """Return what people read: a table per axis that grows, and where the faster one changes."""
    tables = [table_of(timed, axis) for axis in AXES if len(timed.asked.lists[axis]) > 1 or axis == "width"]
    return [*tables, crossings_table(timed)] if any(timed.crossings(axis) for axis in AXES) else tables


def table_of(timed: Timed, axis: str) -> Table:
    """Return a row per implementation, a column per value of an axis: µs of a step, and what limits it."""
    points = [point for point in timed.asked.line(axis) if point in timed.times]
    rows: list[dict[str, Cell]] = []
    for name in timed.asked.names:
        model = timed.fit(name)
        row: dict[str, Cell] = {"": name}
        share = None
        for point in points:
            seconds = timed.median(point, name)
            parts = timed.parts(point, name, model)
            letter = f" {parts.limit[0]}" if parts else ""
            if seconds is not None:
                row[str(getattr(point, axis))] = f"{seconds * 1e6:,.{_digits(seconds)}f}{letter}"
            share = f"{100 * parts.arithmetic:.2g} %" if parts else None
        rows.append(row | {"of peak": share})
    others = ", ".join(f"{other} {getattr(points[0], other)}" for other in AXES if other != axis) if points else ""
    columns = ["", *(str(getattr(point, axis)) for point in points), "of peak"]
    title = f"µs per step, by {axis} ({UNITS[axis]}); {others}"
    return Table(columns, rows, title, _notes(timed) if axis == "width" else [])


def _digits(seconds: float) -> int:
    return 0 if seconds >= 1e-4 else 1 if seconds >= 1e-5 else 2


def _notes(timed: Timed) -> list[str]:
    notes = []
    if timed.ceilings is not None:
        memory = timed.ceilings.rates[-1][1]
        notes.append(
            "o, a, m: what limits a step, the largest of overhead (time = overhead + factor · floor, fitted over all "
            "points), arithmetic (FLOPs at the peak), memory (bytes at the bandwidth of the cache that holds them). "
            f"of peak: FLOP/s of the last column, of the measured {timed.ceilings.peak / 1e9:,.0f} GFLOP/s; memory "
            f"gives {memory / 1e9:,.0f} GB/s."
        )
    if "lanes" in timed.asked.names and "lanes" not in timed.left_out:
        notes.append(f"lanes trains {timed.asked.lanes} trials at a time; here is the time of one.")
    if timed.difference:
        notes.append(
            f"All train the same trial: their losses differ by {timed.difference:.1g} at most; {CLOSE:g} is allowed."
        )
    fewest = min((len(times) for own in timed.times.values() for times in own.values()), default=0)
    where = "one thread" if timed.asked.device == "cpu" else timed.asked.device
    notes.append(f"Medians of {fewest} runs or more, on {where}.")
    notes += [f"{name} cannot train this on {timed.asked.device}." for name in timed.left_out]
    return notes


def crossings_table(timed: Timed) -> Table:
    """Return where the faster of two changes, each with its interval; how many pairs do not change is told below."""
    rows: list[dict[str, Cell]] = []
    notes = []
    for axis in AXES:
        found = timed.crossings(axis)
        for (one, other), own in found.items():
            if own.verdict == "crosses":
                rows.append(_crossing_row(axis, one, other, own))
        if found:
            none = sum(own.verdict == "none" for own in found.values())
            open_ = sum(own.verdict == "undecided" for own in found.values())
            at = timed.asked.lists[axis]
            notes.append(
                f"{axis} {at[0]} to {at[-1]}: of {len(found)} pairs {none} do not cross within the range, "
                f"{open_} are undecided."
            )
    columns = ["growing", "is faster", "then", "from", "95 % interval", "changes"]
    return Table(columns, rows, "Where the faster one changes", notes)


def _crossing_row(axis: str, one: str, other: str, own: Crossing) -> dict[str, Cell]:
    names = (one, other) if own.first == 0 else (other, one)
    ends = f"{own.low:.3g} – {own.high:.3g}"
    return {"growing": axis, "is faster": names[0], "then": names[1], "from": f"{own.at:.3g}", "95 % interval": ends,
            "changes": own.changes}  # fmt: skip


def draw(timed: Timed, machine: str) -> "Figure":
    """Return the figure of time per step against width, a line per implementation with its name at its end."""
    from matplotlib.ticker import NullLocator

    from mlpctl.display.figure_style import COLOURS, GREY, new_figure

    figure, axes = new_figure(8.0, 5.0)
    points = [point for point in timed.asked.line("width") if point in timed.times]
    ends: list[tuple[float, str, str]] = []
    for number, name in enumerate(timed.asked.names):
        own = [point for point in points if name in timed.times[point]]
        if not own:
            continue
        found = [estimate(times[~np.isnan(times)]) for times in (timed.times[point][name] for point in own)]
        y = np.array([one.median for one in found]) * 1e6
        bars = np.array([[one.median - one.low, one.high - one.median] for one in found]).T * 1e6
        colour, style = COLOURS[number % len(COLOURS)], "-" if number < len(COLOURS) else "--"
        axes.errorbar([p.width for p in own], y, yerr=bars.clip(min=0), color=colour, linestyle=style, marker="o",
                      markersize=4, capsize=2, linewidth=1.4)  # fmt: skip
        ends.append((float(y[-1]), name, colour))
    if timed.ceilings is not None:
        floors = [timed.ceilings.floor(timed.steps[point]) * 1e6 for point in points]
        axes.plot([p.width for p in points], floors, color=GREY, linestyle=":", linewidth=1.4)
        ends.append((floors[-1], "floor (peak)", "#6E6E6E"))
    axes.set(xscale="log", yscale="log", xlabel="hidden units", ylabel="µs per step of one trial")
    axes.set_xticks([p.width for p in points], [str(p.width) for p in points])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    _name_ends(axes, points[-1].width, ends)
    layers = f"{points[0].depth} hidden layer{'s' if points[0].depth > 1 else ''}"
    axes.set_title(f"Time per step against width: {layers}, batch {points[0].batch}, 784 inputs\n"
                   f"median and 95 % interval; {machine}", fontsize=10, loc="left")  # fmt: skip
    return figure


def _name_ends(axes: Any, x: float, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write names right of the ends of lines, as near as they can be and apart from each other, and lead to them.

    The nearest places that are a line apart at least are an isotonic regression: each is that of its neighbour plus
    a line or more. None is above the axes.
    """
    from scipy.optimize import isotonic_regression

    low, high = np.log10(axes.get_ylim())
    inner = sorted(ends)
    apart = 0.042 * (high - low) * np.arange(len(inner))
    places = isotonic_regression(np.log10([y for y, _, _ in inner]) - apart).x + apart
    places = np.minimum(places, high - apart[::-1])
    for place, (y, name, colour) in zip(places, inner, strict=True):
        axes.annotate(name, (x, y), xytext=(x * 1.2, 10**place), fontsize=8, color=colour, va="center",
                      annotation_clip=False, arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5,
                                                         "shrinkA": 0, "shrinkB": 3})  # fmt: skip
