"""The roofline of this machine with the project's own workloads under it.

Source: Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for Multicore Architectures",
2009. A roof is min(peak, bandwidth · intensity): bandwidth of a triad over arrays that one level of memory holds, on
one thread, since the kernel trains a trial on one; beside it what all threads together have. Roofs are the best of all
runs, workloads the median: what disturbs lowers no roof.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.bench.medians import Estimate, estimate
from mlpctl.bench.memory import Found
from mlpctl.bench.memory_bandwidth import Team
from mlpctl.bench.peak_flops import library_group, register_works
from mlpctl.bench.step_cost import Step, step_of
from mlpctl.bench.timing import Group, Measured, Plan, sample
from mlpctl.bench.train_steps import trainers, works_of
from mlpctl.bench.workloads import own_works
from mlpctl.display.tables import Cell, Table
from mlpctl.models.cost import in_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

MEMORY = "memory"

WIDEST = (0.03, 300.0)
"""FLOP per byte that are shown at least."""


@dataclass(frozen=True)
class Point:
    """A workload.

    Attributes:
        step: what one of its steps computes and moves.
        timed: seconds of a step.
    """

    step: Step
    timed: Estimate

    @property
    def flops(self) -> float:
        """FLOP/s."""
        return self.step.flops / self.timed.median


@dataclass
class Roofs:
    """What bounds the speed of a program, and how fast programs are.

    Attributes:
        peaks: threads -> FLOP/s in registers, float32.
        library: threads -> FLOP/s of torch's matrix product.
        rates: level of memory, nearest first -> (bytes that it is sure to hold, bytes per second of one thread).
        shared: threads -> bytes per second from memory, of the most threads.
        points: workload -> what it does.
        missing: sentences on workloads that are not here.
    """

    peaks: dict[int, float] = field(default_factory=dict)
    library: dict[int, float] = field(default_factory=dict)
    rates: dict[str, tuple[float, float]] = field(default_factory=dict)
    shared: dict[int, float] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether there is a roof to draw workloads under: Ctrl-C may have come before."""
        return 1 in self.peaks and MEMORY in self.rates

    def level_of(self, resident: float) -> str:
        """Return the nearest level of memory that holds so many bytes."""
        return next((name for name, (size, _) in self.rates.items() if resident <= size), MEMORY)

    def roof(self, name: str) -> float:
        """Return the FLOP/s that a workload could have on one thread, where its data are."""
        step = self.points[name].step
        return min(self.peaks[1], self.rates[self.level_of(step.resident)][1] * step.intensity)


def roofs_of(found: Found, plan: Plan, note: Callable[[Measured], None] = lambda _: None) -> tuple[Roofs, Measured]:
    """Return the roofs, and the samples of peaks and workloads.

    Args:
        found: bandwidths of the CPU, of one thread among others.
        plan: how much to time.
        note: told how far it is.
    """
    memory = {k: rate for d, k, o, s in found.bandwidth if (d, o, s) == ("cpu", "triad", "ordinary")
              and (rate := found.rate(d, k, o, s, best=True))}  # fmt: skip
    works, missing = own_works()
    roofs, most = Roofs(missing=missing), max(memory)
    rates = list(found.cached_rates().values())
    for level, rate in zip(found.told, rates, strict=False):
        roofs.rates[level.name] = (float(level.bytes), rate)
    roofs.rates[MEMORY] = (float("inf"), memory[1])
    roofs.shared = {most: memory[most]} if most > 1 else {}
    teams = {threads: Team(threads) for threads in sorted({1, most})}
    with trainers(works, dict.fromkeys(works, ("kernel",)), device="cpu", threads=1) as trained:
        groups: dict[Any, Group] = {("peak", k): Group(register_works(team)) for k, team in teams.items()}
        groups |= {("library", k): library_group("cpu", k) for k in teams}
        groups |= {("work", name): Group(works_of(own)) for name, own in trained.items()}
        measured = sample(groups, plan, note=note)
    for team in teams.values():
        team.close()
    for (what, which), samples in measured.groups.items():
        timed = {work: estimate(samples.of(work)) for work in samples.works if len(samples.of(work))}
        if not timed:
            continue
        if what == "work":
            roofs.points[which] = Point(step_of(works[which]), timed["kernel"])
        else:
            {"peak": roofs.peaks, "library": roofs.library}[what][which] = 1 / min(one.min for one in timed.values())
    return roofs, measured


def roof_rows(roofs: Roofs) -> list[dict[str, Cell]]:
    """Return a row per peak and per workload, in the columns of `bench memory`."""
    rows: list[dict[str, Cell]] = []
    for operation, peaks in (("registers", roofs.peaks), ("product", roofs.library)):
        rows += [{"what": "peak", "device": "cpu", "threads": threads, "operation": operation, "flops": flops}
                 for threads, flops in peaks.items()]  # fmt: skip
    for name, point in roofs.points.items():
        own: dict[str, Cell] = {"what": "workload", "device": "cpu", "threads": 1, "operation": name,
                                "bytes": int(point.step.resident)}  # fmt: skip
        rows.append({**own, **vars(point.timed), "flops": point.flops, "flops_per_byte": point.step.intensity})
    return rows


def roof_table(roofs: Roofs) -> Table:
    """Return what people read: each workload, where its data are, its share of the roof there."""
    rows: list[dict[str, Cell]] = []
    for name, point in roofs.points.items():
        rows.append(
            {
                "workload": name,
                "FLOP per byte": f"{point.step.intensity:.3g}",
                "goes over": in_bytes(int(point.step.resident)),
                "in": roofs.level_of(point.step.resident),
                "µs per step": f"{point.timed.median * 1e6:.3g}",
                "GFLOP/s": f"{point.flops / 1e9:.3g}",
                "of its roof": _share(roofs, name),
            }
        )
    peaks = ", ".join(f"{flops / 1e9:.0f} GFLOP/s on {k}" for k, flops in roofs.peaks.items())
    library = ", ".join(f"{flops / 1e9:.0f} on {k}" for k, flops in roofs.library.items())
    notes = [
        f"Peak in float32, multiplications and additions in registers: {peaks} threads; torch's product: {library}.",
        "Steps of the kernel engine on one thread. Bytes: each product reads its operands and writes its result, the "
        "update reads and writes parameters; the roof is the triad of the level that holds what a step goes over.",
        *roofs.missing,
    ]
    return Table(list(rows[0]) if rows else [], rows, "Roofline", notes)


def _share(roofs: Roofs, name: str) -> str:
    return f"{100 * roofs.points[name].flops / roofs.roof(name):.2g} %"


def draw_roofline(roofs: Roofs, path: Path, machine: str) -> None:
    """Draw roofs and workloads to a file.

    Raises:
        UsageError: if it cannot be written.
    """
    from mlpctl.display.figure_style import COLOURS, GREY, new_figure, save

    figure, axes = new_figure(8.0, 5.2)
    x = [WIDEST[0], WIDEST[1], *(p.step.intensity for p in roofs.points.values())]
    low, high = min(x) / 1.5, max(x) * 1.5
    peak, top = roofs.peaks[1], max(roofs.peaks.values())
    bottom = min([roofs.rates[MEMORY][1] * low, *(p.flops for p in roofs.points.values())]) / 3
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(bottom, top * 2.5))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value / 1e9:g}")
    axes.set(xlabel="arithmetic intensity (FLOP per byte)", ylabel="GFLOP/s")
    axes.set_title(f"Roofline: steps of the kernel engine on one core, float32\n{machine}", fontsize=10, loc="left")
    grid = np.geomspace(low, high, 400)
    end: Any = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "ha": "right", "fontsize": 8}
    taken: list[Annotation] = []
    for threads, rate in roofs.shared.items():
        axes.plot(grid, np.minimum(top, rate * grid), color=GREY, linewidth=1, linestyle="--", zorder=1)
        told = f"{threads} cores: {top / 1e9:.0f} GFLOP/s, memory {rate / 1e9:.0f} GB/s (dashed)"
        taken.append(axes.annotate(told, (1, top), xytext=(-4, 4), va="bottom", color="#555555", **end))
    taken.append(axes.annotate(f"one core: {peak / 1e9:.0f}", (1, peak), xytext=(-4, -3), va="top", **end))
    if 1 in roofs.library:
        product = roofs.library[1]
        axes.plot([product / roofs.rates[MEMORY][1], high], [product] * 2, color=COLOURS[4], linewidth=1, zorder=1)
        told = f"torch's matrix product: {product / 1e9:.0f}"
        taken.append(axes.annotate(told, (1, product), xytext=(-4, -3), va="top", color="#8A5A00", **end))
    for number, (name, (_, rate)) in enumerate(roofs.rates.items()):
        colour = "#333333" if name == MEMORY else GREY
        axes.plot(grid, np.minimum(peak, rate * grid), color=colour, linewidth=2 if name == MEMORY else 1, zorder=1)
        _along(axes, low * 1.25 * 1.35**number, rate, f"{name}: {rate / 1e9:.0f} GB/s", colour, below=name == MEMORY)
    for number, (name, point) in enumerate(roofs.points.items()):
        colour = (*COLOURS[:4], COLOURS[6])[number % 5]
        axes.plot(point.step.intensity, point.flops, "o", color=colour, markersize=7, zorder=3)
        told = f"{name}\n{_share(roofs, name)} of its roof ({roofs.level_of(point.step.resident)})"
        taken.append(_beside(axes, (point.step.intensity, point.flops), told, colour, taken))
    save(figure, path)


def _beside(
    axes: "Axes", place: tuple[float, float], text: str, colour: str, taken: "list[Annotation]"
) -> "Annotation":
    """Write beside a point, below it, where nothing is written yet."""
    from matplotlib.text import Text

    figure: Any = axes.figure
    note = axes.annotate(text, place, textcoords="offset points", xytext=(0, 0), fontsize=8, color=colour, zorder=3,
                         va="top", arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0},
                         bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8})  # fmt: skip
    boxes, frame = [Text.get_window_extent(other) for other in taken], axes.get_window_extent()
    for down in (-4, -16, -28, -40, -52):
        for across, side in ((9, "left"), (-9, "right")):
            note.set(position=(across, down), horizontalalignment=side)
            figure.draw_without_rendering()
            box = Text.get_window_extent(note)  # without its line
            if not any(box.overlaps(other) for other in boxes) and frame.x0 < box.x0 and box.x1 < frame.x1:
                return note
    return note


def _along(axes: "Axes", x: float, rate: float, text: str, colour: str, *, below: bool) -> None:
    """Write along a roof that rises with `rate`."""
    figure: Any = axes.figure
    figure.draw_without_rendering()  # the angle is known once the layout is
    (x0, y0), (x1, y1) = axes.transData.transform([(x, rate * x), (2 * x, 2 * rate * x)])
    angle = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
    side: Any = {"xytext": (3, -3), "va": "top"} if below else {"xytext": (-3, 3), "va": "bottom"}
    axes.annotate(text, (x, rate * x), textcoords="offset points", fontsize=8, color=colour, rotation=angle,
                  rotation_mode="anchor", ha="left", **side)  # fmt: skip
