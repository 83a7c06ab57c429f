"""Show the results of `mlpctl bench train`: the rows for machines, the tables that people read, the plot."""

from dataclasses import asdict

import numpy as np

from mlpctl.bench.timing_statistics import Estimate, estimate
from mlpctl.bench.train import SHAPE_AXES, NetworkShape, TrainResult
from mlpctl.bench.workloads import INPUTS, SAME_LOSS
from mlpctl.display.tables import Cell, Table
from mlpctl.report.figures.plot import Line, Plot

COLUMNS = ("what", "name", "other", "device", "width", "depth", "batch", "lanes", *Estimate.__dataclass_fields__,
           "per_example", "flops_per_step", "bytes_per_step", "resident_bytes", "flops", "overhead", "arithmetic",
           "memory", "limit", "axis", "verdict", "at", "at_low", "at_high", "per_layer", "factor", "error")  # fmt: skip
"""Of the table for machines, behind the stamp. Times are seconds of a step of one trial; in rows of steps overhead,
arithmetic and memory are shares of it, elsewhere overhead is seconds and memory bytes per second."""

AXIS_UNITS = {"width": "hidden units", "depth": "hidden layers", "batch": "examples"}


def train_rows(result: TrainResult) -> list[dict[str, Cell]]:
    """Return a row per step, fit, crossing, peak and bandwidth."""
    device, rows = result.options.device, list[dict[str, Cell]]()
    fits = {name: result.fit(name) for name in result.options.names}
    for shape, own in result.times.items():
        cost = result.costs[shape]
        for name in own:
            timed, shares = _estimate(result, shape, name), result.shares(shape, name, fits[name])
            rows.append({
                "what": "step", "name": name, "device": device, **asdict(shape), **asdict(timed),
                "lanes": result.options.lanes if name == "lanes" else None,
                "per_example": timed.median / shape.batch, "flops_per_step": cost.flops, "bytes_per_step": cost.bytes,
                "resident_bytes": cost.resident, "flops": cost.flops / timed.median,
                **({**asdict(shares), "limit": shares.limit} if shares else {}),
            })  # fmt: skip
    rows += [{"what": "fit", "name": name, "device": device, "overhead": model.constant, "per_layer": model.per_layer,
              "factor": model.factor, "error": model.error} for name, model in fits.items() if model]  # fmt: skip
    for axis in SHAPE_AXES:
        rows += [{"what": "crossing", "name": one, "other": other, "device": device, "axis": axis,
                  "verdict": found.verdict, "at": found.at, "at_low": found.low, "at_high": found.high}
                 for (one, other), found in result.crossings(axis).items()]  # fmt: skip
    if result.ceilings is not None:
        rows.append({"what": "peak", "device": device, "flops": result.ceilings.peak})
        rows += [{"what": "bandwidth", "device": device, "memory": level.rate,
                  "resident_bytes": level.holds if np.isfinite(level.holds) else None}
                 for level in result.ceilings.levels]  # fmt: skip
    return rows


def _estimate(result: TrainResult, shape: NetworkShape, name: str) -> Estimate:
    times = result.times[shape][name]
    return estimate(times[~np.isnan(times)])


def train_tables(result: TrainResult) -> list[Table]:
    """Return the tables that people read: one per axis that grows, and where the faster one changes."""
    growing = [axis for axis in SHAPE_AXES if len(result.options.values[axis]) > 1 or axis == "width"]
    tables = [_axis_table(result, axis) for axis in growing]
    return [*tables, _crossings_table(result)] if any(result.crossings(axis) for axis in SHAPE_AXES) else tables


def _axis_table(result: TrainResult, axis: str) -> Table:
    """Return a row per implementation, a column per value of an axis: µs of a step, and what limits it."""
    shapes = [shape for shape in result.options.line(axis) if shape in result.times]
    rows: list[dict[str, Cell]] = []
    for name in result.options.names:
        row, model = dict[str, Cell]({"": name}), result.fit(name)
        for shape in shapes:
            shares, seconds = result.shares(shape, name, model), result.median(shape, name)
            if seconds is not None:
                digits = 0 if seconds >= 1e-4 else 1 if seconds >= 1e-5 else 2
                limit = f" {shares.limit[0]}" if shares else ""
                row[str(getattr(shape, axis))] = f"{seconds * 1e6:,.{digits}f}{limit}"
            row["of peak"] = f"{100 * shares.arithmetic:.2g} %" if shares else None
        rows.append(row)
    others = ", ".join(
        f"{other} {getattr(shape, other)}" for shape in shapes[:1] for other in SHAPE_AXES if other != axis
    )
    columns = ["", *(str(getattr(shape, axis)) for shape in shapes), "of peak"]
    title = f"µs per step, by {axis} ({AXIS_UNITS[axis]}); {others}"
    return Table(columns, rows, title, _notes(result) if axis == "width" else [])


def _notes(result: TrainResult) -> list[str]:
    options, ceilings, notes = result.options, result.ceilings, list[str]()
    if ceilings is not None:
        notes.append(
            "o, a, m: what limits a step, the largest of overhead (time = overhead + factor · floor, fitted over all "
            "points), arithmetic (FLOPs at the peak), memory (bytes at the bandwidth of the cache that holds them). "
            f"of peak: FLOP/s of the last column, of the measured {ceilings.peak / 1e9:,.0f} GFLOP/s; memory "
            f"gives {ceilings.levels[-1].rate / 1e9:,.0f} GB/s."
        )
    if "lanes" in options.names and "lanes" not in result.left_out:
        notes.append(f"lanes trains {options.lanes} trials at a time; here is the time of one.")
    if result.difference:
        most = f"{result.difference:.1g} at most; {SAME_LOSS:g} is allowed"
        notes.append(f"All train the same trial: their losses differ by {most}.")
    fewest = min((len(times) for own in result.times.values() for times in own.values()), default=0)
    where = "one thread" if options.device == "cpu" else options.device
    notes.append(f"Medians of {fewest} runs or more, on {where}.")
    return [*notes, *(f"{name} cannot train this on {options.device}." for name in result.left_out)]


def _crossings_table(result: TrainResult) -> Table:
    """Return where the faster of two changes; how many pairs do not change is told below."""
    rows, notes = list[dict[str, Cell]](), list[str]()
    for axis in SHAPE_AXES:
        found = result.crossings(axis)
        for pair, own in found.items():
            if own.verdict == "crosses":
                before, after = pair if own.first == 0 else pair[::-1]
                rows.append({"growing": axis, "is faster": before, "then": after, "from": f"{own.at:.3g}",
                             "95 % interval": f"{own.low:.3g} – {own.high:.3g}", "changes": own.changes})  # fmt: skip
        if found:
            verdicts, values = [own.verdict for own in found.values()], result.options.values[axis]
            notes.append(f"{axis} {values[0]} to {values[-1]}: of {len(found)} pairs {verdicts.count('none')} do not "
                         f"cross within the range, {verdicts.count('undecided')} are undecided.")  # fmt: skip
    columns = ["growing", "is faster", "then", "from", "95 % interval", "changes"]
    return Table(columns, rows, "Where the faster one changes", notes)


def step_time_plot(result: TrainResult, machine: str) -> Plot:
    """Return the plot of time per step against width: a line per implementation, and the floor."""
    shapes = [shape for shape in result.options.line("width") if shape in result.times]
    lines = []
    for name in result.options.names:
        own = [(float(shape.width), _estimate(result, shape, name)) for shape in shapes if name in result.times[shape]]
        if own:
            y, low, high = ([getattr(timed, end) * 1e6 for _, timed in own] for end in ("median", "low", "high"))
            lines.append(Line(name, [width for width, _ in own], y, low, high))
    if result.ceilings is not None:
        floors = [result.ceilings.floor(result.costs[shape]) * 1e6 for shape in shapes]
        lines.append(Line("floor (peak)", [float(shape.width) for shape in shapes], floors))
    first = shapes[0]
    layers = f"{first.depth} hidden layer{'s' if first.depth > 1 else ''}"
    title = f"Time per step against width: {layers}, batch {first.batch}, {INPUTS} inputs\n"
    title += f"median and 95 % interval; {machine}"
    return Plot(title, "hidden units", "µs per step of one trial", tuple(lines), log_x=True, log_y=True)
