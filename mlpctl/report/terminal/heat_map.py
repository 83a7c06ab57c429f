"""Draw a heat map as lines of a terminal: shades and signs, readable without colour."""

import math
from typing import TYPE_CHECKING

from rich.cells import cell_len

from mlpctl.display.tables import for_people
from mlpctl.display.text import wrapped
from mlpctl.report.figures.plot import Heat
from mlpctl.report.terminal.canvas import ASCII, DIM, UNICODE, Canvas, Signs
from mlpctl.report.terminal.plot import below, fit, texts_of, titles

if TYPE_CHECKING:
    from rich.text import Text

MOST_BEST = 3
"""Cells of a heat map that share the best value up to which they are pointed out."""


def draw_heat(heat: Heat, width: int, *, ascii_only: bool = False) -> "list[Text]":
    """Return a heat map as lines of at most `width` terminal cells: the darker, the better."""
    signs = ASCII if ascii_only else UNICODE
    name = fit(heat.row_label, max(8, width // 3), signs)
    names = [fit(row, max(8, width // 3), signs) for row in heat.rows]
    margin = max(map(cell_len, (name, *names))) + 1
    each = min(8, (width - margin) // len(heat.columns))
    if each < 1:
        return texts_of([fit("too many columns for a drawing of this width", width, signs)])
    canvas = Canvas(len(names) + 1, margin + each * len(heat.columns), signs)
    finite = [v for row in heat.values for v in row if math.isfinite(v)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    best = high if heat.better == "high" else low
    few = finite.count(best) <= MOST_BEST
    for r, (row, texts) in enumerate(zip(heat.values, heat.texts, strict=True)):
        canvas.put(r, margin - 1 - cell_len(names[r]), names[r])
        for c, value in enumerate(row):
            block = _shade(value, low, high, heat.better, signs) * max(1, each - (each > 2))
            if not math.isfinite(value):
                block = (signs.failed if texts[c] else signs.missing).center(len(block))
            elif value == best and few:
                block = "*".center(len(block), block[0])
            canvas.put(r, margin + c * each, block)
    below(canvas, len(names), [margin + c * each + each // 2 - (each > 2) for c in range(len(heat.columns))],
           [fit(column, 2 * each + 6, signs) for column in heat.columns], margin)  # fmt: skip
    canvas.put(len(names), margin - 1 - cell_len(name), name, DIM)
    worst = low if heat.better == "high" else high
    key = f"{signs.shades[0]} {for_people(worst)} to {signs.shades[-1]} {for_people(best)}" + ", * best" * few
    said = {text for row in heat.texts for text in row}
    key += f", {signs.failed} failed" * any(
        text and not math.isfinite(v)
        for row, words in zip(heat.values, heat.texts, strict=True)
        for v, text in zip(row, words, strict=True)
    )
    key += f", {signs.missing} not run" * ("" in said)
    across = fit(heat.column_label, width - margin, signs)
    return [
        *titles(heat.title, width, signs),
        *canvas.texts(),
        *texts_of([" " * margin + across, *wrapped(key, width)], DIM),
    ]


def _shade(value: float, low: float, high: float, better: str, signs: Signs) -> str:
    if not math.isfinite(value):
        return " "
    share = (value - low) / (high - low) if high > low else 1.0
    share = share if better == "high" or high <= low else 1 - share
    return signs.shades[min(int(share * len(signs.shades)), len(signs.shades) - 1)]
