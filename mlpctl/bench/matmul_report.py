"""Show the results of `mlpctl bench matmul`: the table with an answer per group, and the plot."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.bench.matmul import MatmulResult, ProductTiming
from mlpctl.bench.matmul_baseline import Change
from mlpctl.bench.records import footer
from mlpctl.bench.timing_statistics import MATTERS, TimeRatio
from mlpctl.display.tables import Cell, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Matrix products: time per useful operation against the first size"


def matmul_table(
    result: MatmulResult,
    stamp: Mapping[str, Cell],
    hints: Sequence[str],
    *,
    matters: float = MATTERS,
    changes: Sequence[Change | None] = (),
) -> Table:
    """Return the table that people read: ms and GFLOP/s, an answer per group, hints, what was left out."""
    rows: list[dict[str, Cell]] = []
    for number, timing in enumerate(result.timings):
        estimate, comparison = timing.estimate, timing.comparison
        half = (estimate.high - estimate.low) / 2 / estimate.median
        row: dict[str, Cell] = {
            "where": timing.product.place,
            "size": timing.product.name,
            "runs": estimate.runs,
            "median ms": f"{estimate.median * 1e3:.4g} ± {half:.1%}",
            "GFLOP/s": f"{timing.flops / 1e9:.4g}",
            "time per operation": _interval(comparison) if comparison else "",
            "verdict": comparison.verdict if comparison else "",
        }
        if changes:
            change = changes[number]
            row["before"] = f"{_percent(change.before)}: {change.before_verdict}" if change else "not measured"
        rows.append(row)
    notes = [*_answers(result.timings, matters), *(f"hint: {hint}" for hint in [*_undecided(result), *hints])]
    if missing := sum(len(samples.workloads) for samples in result.measured.groups.values()) - len(result.timings):
        notes.append(f"{missing} products have not run twice and are not shown")
    notes += result.left_out
    taken = sum(timing.taken for timing in result.timings)
    if marked := taken - sum(timing.estimate.runs for timing in result.timings):
        notes.append(
            f"{marked} of {taken} runs, in which the system gave the processor to other programs, are left out."
        )
    return Table(list(rows[0]) if rows else [], rows, TITLE, [*notes, footer(stamp, result.measured.seconds)])


def _interval(comparison: TimeRatio) -> str:
    """Return the interval of a ratio: +1.2 % … +2.0 %; "?" where too few rounds leave it without ends."""
    if not 0 < comparison.low <= comparison.high < float("inf"):
        return f"{_percent(comparison.ratio)} (?)"
    return f"{_percent(comparison.low)} … {_percent(comparison.high)}"


def _percent(ratio: float) -> str:
    """Return a ratio of times as a change: +1.2 %, or as a factor where it is large: × 2.5."""
    return f"{100 * (ratio - 1):+.1f} %".replace("-", "−") if 0.5 < ratio < 2 else f"× {ratio:.3g}"


def _answers(timings: Sequence[ProductTiming], matters: float) -> list[str]:
    """Return a sentence per group: which sizes are slower or faster than the first, which take the same."""
    share = f"{100 * matters:.3g} %"
    words = {"slower": f"more than {share} slower", "faster": f"more than {share} faster",
             "same": f"the same within {share}", "undecided": "undecided"}  # fmt: skip
    answers = []
    for place, group in groupby(timings, key=lambda timing: timing.product.place):
        first, *others = group
        parts = []
        for verdict, how in words.items():
            names = [f"{t.product.name} ({_percent(t.comparison.ratio)})" for t in others
                     if t.comparison and t.comparison.verdict == verdict]  # fmt: skip
            if names:
                parts.append(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {how}")
        if parts:
            answers.append(f"{place}: against {first.product.name}, {'; '.join(parts)}.")
    return answers


def _undecided(result: MatmulResult) -> list[str]:
    undecided = sum(t.comparison is not None and t.comparison.verdict == "undecided" for t in result.timings)
    if not undecided or result.measured.interrupted:
        return []
    more = "--max-seconds" if result.measured.out_of_time else "--runs"
    return [
        f"{undecided} of {len(result.timings)} are undecided, their intervals reach over the difference that matters: "
        f"raise {more}, stop other programs, or choose another --difference"
    ]


def draw_products(timings: Sequence[ProductTiming], title: str, matters: float = MATTERS) -> "Figure":
    """Return the figure: GFLOP/s with 95 % intervals, a panel per group; a grey band within which none differs."""
    from mlpctl.display.figure_style import entitle, panels

    groups = [list(group) for _, group in groupby(timings, key=lambda timing: timing.product.place)]
    across = min(2, len(groups))
    down = -(-len(groups) // across)
    figure, all_axes = panels(down, across, 7.0 if across == 1 else 10.0, 0.8 + 3.4 * down)
    for axes, group in zip(all_axes, groups, strict=False):
        _draw_group(axes, group, matters)
    for axes in all_axes[len(groups) :]:
        axes.remove()
    entitle(all_axes[0], title, over=True)
    return figure


def _draw_group(axes: Any, group: Sequence[ProductTiming], matters: float) -> None:
    from mlpctl.display.figure_style import COLOURS, GREY, SMALL_SIZE, entitle

    colours = {"first": COLOURS[6], "same": COLOURS[0], "slower": COLOURS[1], "faster": COLOURS[2], "undecided": GREY}
    product, names = group[0].product, [timing.product.name for timing in group]
    y = np.array([timing.flops for timing in group]) / 1e9
    axes.axhspan(y[0] / (1 + matters), y[0] * (1 + matters), color="#EFEFEF", zorder=0)
    axes.axhline(y[0], color=GREY, linewidth=0.8)
    for i, timing in enumerate(group):
        low, high = (timing.product.flops / end / 1e9 for end in (timing.estimate.high, timing.estimate.low))
        verdict, text = "first", "first"
        if timing.comparison:
            verdict = timing.comparison.verdict
            text = _percent(timing.comparison.ratio) + ("" if verdict == "same" else f"\n{verdict}")
        bars = np.abs([[low - y[i]], [high - y[i]]])
        axes.errorbar(i, y[i], yerr=bars, color=colours[verdict], marker="o", markersize=4, capsize=3)
        axes.annotate(text, (i, high), (0, 4), textcoords="offset points", ha="center", fontsize=SMALL_SIZE - 1,
                      color=colours[verdict])  # fmt: skip
    long = max(map(len, names)) * len(names) > 60
    axes.set_xticks(
        range(len(names)), names, **({"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {})
    )
    axes.margins(x=0.12, y=0.25)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, y[0] / (1 + 1.5 * matters)), max(high, y[0] * (1 + 1.5 * matters)))
    axes.set_ylabel("GFLOP/s" if product.dtype != "int8" else "giga-operations/s")
    entitle(axes, f"{product.place} (grey: ± {100 * matters:.3g} %)")
