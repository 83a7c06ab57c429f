"""Print plots and heat maps on stdout, as wide as the terminal.

plotext 6.1 falls short of these drawings: its heat maps are colour alone and fail at a cell without a value, its
intervals are symmetric, a logarithmic axis has no place for zero, its frames have no ASCII, and its import takes as
long as the rest of `report`.
"""

from collections.abc import Sequence

from mlpctl.display.text import carries
from mlpctl.report.figures.plot import Heat, Plot
from mlpctl.report.terminal.heat_map import draw_heat
from mlpctl.report.terminal.plot import HEIGHT, draw

WIDEST = 110
"""Terminal cells that a drawing takes at most: wider ones are no clearer."""


def print_drawings(drawings: Sequence[Plot | Heat], *, ascii_only: bool = False, height: int = HEIGHT) -> None:
    """Print drawings on stdout, as wide as the terminal, in ASCII where its encoding has no more."""
    from rich.console import Console

    out = Console(highlight=False)
    ascii_only = ascii_only or not carries(out.encoding)
    width = min(out.width, WIDEST)
    for drawing in drawings:
        out.print()
        drawn = (
            draw_heat(drawing, width, ascii_only=ascii_only)
            if isinstance(drawing, Heat)
            else draw(drawing, width, ascii_only=ascii_only, height=height)
        )
        for line in drawn:
            out.print(line, no_wrap=True, crop=False, overflow="ignore")
