"""A rectangle of terminal cells to draw in: signs, and lines of eight dots a cell (braille) or one (ASCII)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from rich.text import Text

HUES = ("cyan", "yellow", "magenta", "green", "blue", "red")
"""The terminal's own colours, which its user has chosen to be readable; marks tell the lines apart without them."""

DIM = "dim"

COVERED = "\0"
"""In the second cell of a sign that takes two, as Chinese ones do."""

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille sign by row and column of the dot (Unicode, block 2800)."""


@dataclass(frozen=True)
class Signs:
    """Characters of a drawing.

    Attributes:
        marks: points of the lines, in their order.
        dot: dot of a line, "" where it is drawn in braille.
        bar: a standing interval, its top and its bottom.
        span: a lying interval: left end, middle, right end.
        frame: vertical, tick on it, corner, horizontal, tick on it.
        shades: from the worst to the best.
        failed: trials without a score.
        missing: cells that were not run.
    """

    marks: str
    dot: str
    bar: str
    span: str
    frame: str
    shades: str
    failed: str
    missing: str


UNICODE = Signs("●▲■◆○△□◇", "", "│┬┴", "├─┤", "│┤└─┴", "░▒▓█", "×", "·")
ASCII = Signs("ox*+#@%&", ".", "|--", "|-|", "|++-+", ".:+#", "x", "-")


@dataclass
class Canvas:
    """Cells of rows and columns; what is drawn later lies on top."""

    rows: int
    columns: int
    signs: Signs
    cells: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)
    dots: dict[tuple[int, int], tuple[int, str]] = field(default_factory=dict)

    def put(self, row: int, column: int, text: str, style: str = "") -> None:
        """Write a text from a cell to the right; what leaves the canvas is left out."""
        place = column
        for sign in text:
            size = cell_len(sign)
            if 0 <= row < self.rows and 0 <= place <= self.columns - size:
                self.cells[row, place] = sign, style
                for after in range(place + 1, place + size):
                    self.cells[row, after] = COVERED, style
            place += size

    def line(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """Draw straight lines between points (column, row), in cells from the upper left, fractions allowed."""
        fine_x, fine_y = (1, 1) if self.signs.dot else (2, 4)
        for (x0, y0), (x1, y1) in pairwise(points):
            steps = max(1, round(max(abs(x1 - x0) * fine_x, abs(y1 - y0) * fine_y)))
            for step in range(steps + 1):
                share = step / steps
                self._dot((x0 + share * (x1 - x0)) * fine_x, (y0 + share * (y1 - y0)) * fine_y, style)

    def _dot(self, x: float, y: float, style: str) -> None:
        column, row = int(x), int(y)
        if self.signs.dot:
            self.put(row, column, self.signs.dot, style)
            return
        cell = row // 4, column // 2
        if 0 <= cell[0] < self.rows and 0 <= cell[1] < self.columns:
            bits, _ = self.dots.get(cell, (0, style))
            self.dots[cell] = bits | DOTS[row % 4][column % 2], style

    def texts(self) -> "list[Text]":
        """Return the rows as styled texts, without spaces at their ends."""
        from rich.text import Text

        lines = []
        for row in range(self.rows):
            line = Text(no_wrap=True)
            for column in range(self.columns):
                bits, style = self.dots.get((row, column), (0, ""))
                sign, own = self.cells.get((row, column), ("", ""))
                if sign == COVERED:
                    continue
                line.append(sign or (chr(0x2800 + bits) if bits else " "), own if sign else style)
            line.rstrip()
            lines.append(line)
        return lines
