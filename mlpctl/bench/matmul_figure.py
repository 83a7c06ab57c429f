"""The plot of `mlpctl bench matmul`: GFLOP/s against size, a panel per device, threads and dtype."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.bench.matmul import Timing
from mlpctl.bench.matmul_cases import name_of, place_of
from mlpctl.bench.matmul_tables import percent
from mlpctl.bench.verdicts import MATTERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLOSE = 0.06
"""Sizes closer than this share of the axis are evenly spaced words, not numbers: their names would overlap."""


def draw(timings: Sequence[Timing], title: str, matters: float = MATTERS) -> "Figure":
    """Return the figure: medians with their 95 % intervals, coloured by verdict; the grey band is no difference."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from mlpctl.display.figure_style import STYLE

    groups = [(where, list(group)) for where, group in groupby(timings, key=lambda timing: place_of(timing.case))]
    across = min(2, len(groups))
    down = -(-len(groups) // across)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.0 if across == 1 else 10.0, 0.8 + 3.4 * down), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for panel, (where, group) in zip(panels, groups, strict=False):
            _panel(panel, where, group, matters)
        for panel in panels[len(groups) :]:
            panel.remove()
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _panel(axes: Any, where: str, group: Sequence[Timing], matters: float) -> None:
    from mlpctl.display.figure_style import COLOURS, GREY

    colours = {"": COLOURS[6], "same": COLOURS[0], "slower": COLOURS[1], "faster": COLOURS[2], "undecided": GREY}
    sizes, numeric = [timing.case.m for timing in group], _is_numeric(group)
    x = np.array(sizes if numeric else range(len(group)), dtype=np.float64)
    y = np.array([timing.flops for timing in group]) / 1e9
    ends = np.array([[t.case.flops / t.estimate.high, t.case.flops / t.estimate.low] for t in group]).T / 1e9
    axes.axhspan(y[0] / (1 + matters), y[0] * (1 + matters), color="#EFEFEF", zorder=0)
    axes.axhline(y[0], color=GREY, linewidth=0.8)
    for i, timing in enumerate(group):
        verdict = timing.judged.verdict if timing.judged else ""
        bars = np.abs(ends[:, [i]] - y[i])
        axes.errorbar(x[[i]], y[[i]], yerr=bars, color=colours[verdict], marker="o", markersize=4, capsize=3)
        text = (
            percent(timing.judged.ratio) + ("" if verdict == "same" else f"\n{verdict}") if timing.judged else "first"
        )
        axes.annotate(text, (x[i], ends[1, i]), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=7,
                      color=colours[verdict])  # fmt: skip
    names = [name_of(timing.case) for timing in group]
    turned = (
        {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) * len(names) > 60 else {}
    )
    axes.set_xticks(x, names, **turned)
    axes.margins(x=0.12, y=0.25)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, y[0] / (1 + 1.5 * matters)), max(high, y[0] * (1 + 1.5 * matters)))
    axes.set_ylabel("GFLOP/s" if group[0].case.dtype != "int8" else "giga-operations/s")
    axes.set_xlabel("rows and columns" if numeric else "product")
    axes.set_title(f"{where} (grey: ± {100 * matters:.3g} %)", fontsize=9)


def _is_numeric(group: Sequence[Timing]) -> bool:
    """Whether all products are square and plain, and their sizes far enough apart to be read on an axis of numbers."""
    sizes = sorted(timing.case.m for timing in group)
    plain = all(name_of(timing.case) == str(timing.case.m) for timing in group)
    return plain and len(sizes) > 2 and bool(min(np.diff(sizes)) > CLOSE * (sizes[-1] - sizes[0]))
