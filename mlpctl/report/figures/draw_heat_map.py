"""Draw a heat map as a figure: every value in its cell, hatched where there is none."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.display.figure_style import INK, SMALL_SIZE, entitle, ink_on, panels, styled
from mlpctl.display.text import shortened
from mlpctl.report.figures.plot import Heat

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELLS_WRITTEN = 400
"""Cells of a heat map up to which each is written in: more are not legible."""


def draw_heat(heat: Heat) -> "Figure":
    """Return the figure of a heat map, every value written in its cell; hatched where there is none."""
    grid = np.asarray(heat.values, dtype=np.float64)
    down, across = grid.shape
    columns, rows = ([shortened(name, 18) for name in names] for names in (heat.columns, heat.rows))
    written = grid.size <= CELLS_WRITTEN
    longest = max((len(text) for row in heat.texts for text in row), default=0) if written else 0
    cell = max(0.3, 0.16 + 0.085 * max(longest, max(map(len, columns)) if across <= 16 else 0))
    width = 1.9 + 0.075 * max(map(len, rows)) + cell * max(4, across)
    figure, [axes] = panels(1, 1, min(width, 30.0), 1.7 + 0.36 * max(4, down) if written else 6.0)
    with styled():
        image = axes.imshow(grid, cmap="cividis" if heat.better == "high" else "cividis_r", aspect="auto")
        axes.grid(visible=False)
        axes.set_facecolor("white")
        for (r, c), value in np.ndenumerate(grid):
            if not np.isfinite(value):
                _hatch(axes, r, c, failed=bool(heat.texts[r][c]))
            if written:
                colour = ink_on(image.cmap(image.norm(value))) if np.isfinite(value) else INK
                axes.text(c, r, heat.texts[r][c], ha="center", va="center", fontsize=SMALL_SIZE, color=colour)
        for set_ticks, names in ((axes.set_xticks, columns), (axes.set_yticks, rows)):
            every = -(-len(names) // 40)
            set_ticks(range(0, len(names), every), names[::every])
        if across > 16 and max(map(len, columns)) > 4:
            axes.tick_params("x", rotation=90)
        axes.set_xlabel(heat.column_label)
        axes.set_ylabel(heat.row_label)
        axes.tick_params(length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        bar = figure.colorbar(image, ax=axes, label=heat.scale_label)
        bar.outline.set_visible(False)
    empty = {bool(text) for row, words in zip(grid, heat.texts, strict=True)
             for v, text in zip(row, words, strict=True) if not np.isfinite(v)}  # fmt: skip
    told = {True: "hatched: no trial has a score", False: "empty: not run"}
    entitle(axes, heat.title + "".join(f"; {told[kind]}" for kind in sorted(empty, reverse=True)))
    return figure


def _hatch(axes: Any, row: int, column: int, *, failed: bool) -> None:
    from matplotlib.patches import Rectangle

    look: dict[str, Any] = (
        {"facecolor": "#F2F2F2", "hatch": "///", "edgecolor": "#CFCFCF"}
        if failed
        else {"facecolor": "white", "edgecolor": "#E0E0E0"}
    )
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, linewidth=0.5, **look))
