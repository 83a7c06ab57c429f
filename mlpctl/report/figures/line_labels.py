"""Names at the ends of lines, in place of a legend: measured by the renderer, moved apart where they would overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlpctl.display.figure_style import SMALL_SIZE, readable, styled
from mlpctl.display.text import shortened
from mlpctl.report.figures.plot import spread_positions

NAME_WIDTH = 52
"""Characters of a name; longer ones lose their middle."""

SPACING = 1.25
"""Height of a name with its space, in heights of its font."""


@dataclass(frozen=True)
class Named:
    """The end of a line (in data coordinates), and what stands beside it."""

    x: float
    y: float
    name: str
    colour: str


def name_ends(axes: Any, ends: Sequence[Named]) -> bool:
    """Write each name right of the axes at the height of its line's end; False where they need more than the height.

    Call it last: heights are measured as the figure then is. A thin line leads from a name to an end that it had to
    leave.
    """
    if not ends:
        return True
    figure = axes.figure
    with styled():
        figure.draw_without_rendering()
        box = axes.get_window_extent()
        gap = SMALL_SIZE * SPACING / 72 * figure.dpi
        if gap * (len(ends) - 1) > box.height + gap:
            return False
        pixels = axes.transData.transform([(end.x, end.y) for end in ends])
        heights = [(float(pixel[1]) - box.y0) / box.height for pixel in pixels]
        places = spread_positions(heights, 0.0, 1.0, gap / box.height)
        inside = [(float(pixel[0]) - box.x0) / box.width for pixel in pixels]
        for end, start, height, place in zip(ends, inside, heights, places, strict=True):
            if abs(place - height) > 0.3 * gap / box.height or start < 0.97:
                ends_at = (start, min(max(height, 0.0), 1.0))
                axes.plot(*zip(ends_at, (1.03, place), strict=True), color=end.colour, linewidth=0.6, alpha=0.6,
                          transform=axes.transAxes, clip_on=False, zorder=1, scalex=False, scaley=False)  # fmt: skip
            axes.text(1.035, place, shortened(end.name, NAME_WIDTH), color=readable(end.colour), fontsize=SMALL_SIZE,
                      ha="left", va="center", transform=axes.transAxes)  # fmt: skip
    return True
