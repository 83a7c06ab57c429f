"""Plots as lines of a terminal: braille or ASCII, named at the lines, readable without colour."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING

from rich.cells import cell_len

from mlpctl.display.tables import for_people
from mlpctl.display.text import distinguishing_texts, printable, shortened, to_ascii, wrapped
from mlpctl.report.figures.plot import (
    MOST_MEASURED,
    Line,
    Plot,
    limits,
    log_ticks,
    measured,
    nice_ticks,
    spread_positions,
    tick_texts,
)
from mlpctl.report.terminal.canvas import ASCII, DIM, HUES, UNICODE, Canvas, Signs

if TYPE_CHECKING:
    from rich.text import Text

HEIGHT = 13
"""Rows of a plot, its axes not counted."""

LEAST_COLUMNS = 24
"""Cells that a plot needs beside the names of its lines; with fewer the names stand below it."""

ScaleFunction = Callable[[float], float]


def draw(plot: Plot, width: int, *, ascii_only: bool = False, height: int = HEIGHT) -> "list[Text]":
    """Return a plot as lines of at most `width` terminal cells.

    Words have a row each; numbers are an axis, logarithmic where the plot says so. What only colour would tell, the
    lines behind and bands, is left to figures.
    """
    signs = ASCII if ascii_only else UNICODE
    title, _, more = plot.title.partition("\n")
    lines = titles(f"{title}, {plot.part}\n{more}" if plot.part else plot.title, width, signs)
    return lines + (_rows(plot, width, signs) if plot.words else _graph(plot, width, signs, height))


def _graph(plot: Plot, width: int, signs: Signs, height: int) -> "list[Text]":
    """Return axes with lines, their names at the right ends, or below where there is no room."""
    front = [line for line in plot.lines if not line.behind]
    named = len(front) > 1
    names = [f"{mark} {printable(line.name)}" for mark, line in zip(cycle(signs.marks), front, strict=False)]
    names = [fit(name, width, signs) for name in names] if named else []
    low, high = limits(plot)
    ticks = log_ticks(low, high, 5) if plot.log_y else nice_ticks(low, high, 5)
    low, high = (min(ticks[0], low), max(ticks[-1], high)) if plot.band or plot.log_y else (ticks[0], ticks[-1])
    numbers = tick_texts(ticks)
    margin = max(map(len, numbers)) + 1
    beside = max(map(cell_len, names), default=-1) + 1
    columns = width - margin - 1 - beside
    if columns < max(LEAST_COLUMNS, width // 2) and named:
        beside, columns = 0, width - margin - 1
    row_of = _scale(low, high, height - 1, log=plot.log_y, flip=True)
    column_of = _across(plot, columns)
    canvas = Canvas(height + 2, width, signs)
    for tick, text in zip(ticks, numbers, strict=True):
        canvas.put(round(row_of(tick)), 0, text.rjust(margin - 1), DIM)
    for row in range(height):
        canvas.put(row, margin, signs.frame[0], DIM)
    for tick in ticks:
        canvas.put(round(row_of(tick)), margin, signs.frame[1], DIM)
    left = margin + 1
    for number, line in enumerate(front):
        path = [(left + x, y) for x, y in _path(line, column_of, row_of, height)]
        canvas.line(path, HUES[number % len(HUES)])
    for number, line in enumerate(front):
        _points(canvas, plot, line, number, (lambda x: left + column_of(x)), row_of, height)
    for x in plot.failed:
        canvas.put(height - 1, left + round(column_of(x)), signs.failed, "bold")
    _frame(canvas, plot, height, margin, columns, column_of)
    if beside:
        ends = [next((row_of(y) for y in reversed(line.y) if math.isfinite(y)), height - 1.0) for line in front]
        for number, (place, name) in enumerate(zip(spread_positions(ends, 0, height - 1, 1), names, strict=True)):
            canvas.put(math.floor(place + 0.5), left + columns + 1, name, HUES[number % len(HUES)])
    lines = [*texts_of([fit(plot.y_label, width, signs)], DIM), *canvas.texts()]
    across = fit(plot.x_label, columns, signs)
    lines += texts_of([" " * (left + (columns - cell_len(across)) // 2) + across], DIM)
    lines += texts_of(names) if named and not beside else []
    return lines + texts_of(wrapped(f"{signs.failed} no trial has a score", width) if plot.failed else [], DIM)


def _rows(plot: Plot, width: int, signs: Signs) -> "list[Text]":
    """Return a row per word and line: name, interval and mean on a common scale, the mean in numbers."""
    several = len(plot.lines) > 1
    rows: list[tuple[str, int, float, float, float]] = []
    for place, word in enumerate(plot.words):
        for number, line in enumerate(plot.lines):
            at = next((k for k, x in enumerate(line.x) if x == place), None)
            if at is None and (several or place not in plot.failed):
                continue
            name = f"{word}, {line.name}" if several else word
            y, low, high = (
                math.nan if at is None or not len(s) else float(s[at]) for s in (line.y, line.low, line.high)
            )
            rows.append((name, number, y, low, high))
    names = [fit(name, max(8, min(32, width * 2 // 5)), signs) for name, *_ in rows]
    means = [for_people(y) if math.isfinite(y) else "failed" for _, _, y, _, _ in rows]
    margin, after = max(map(cell_len, names), default=0) + 1, max(map(len, means), default=0) + 1
    columns = width - margin - after
    low, high = limits(replace(plot, band=False))
    ticks = log_ticks(low, high, 5) if plot.log_y else nice_ticks(low, high, 4 if columns < 40 else 6)
    column_of = _scale(min(ticks[0], low), max(ticks[-1], high), columns - 1, log=plot.log_y)
    canvas = Canvas(len(rows) + 2, width, signs)
    for row, (_, number, y, start, end) in enumerate(rows):
        canvas.put(row, 0, names[row])
        canvas.put(row, margin + columns + 1, means[row].rjust(after - 1))
        if math.isfinite(start) and math.isfinite(end):
            first, last = (margin + round(column_of(v)) for v in (start, end))
            canvas.put(row, first, signs.span[0] + signs.span[1] * (last - first - 1) + signs.span[2] * (last > first),
                       HUES[number % len(HUES)])  # fmt: skip
        mark = signs.marks[number % len(signs.marks)]
        place = margin + round(column_of(y)) if math.isfinite(y) else margin
        canvas.put(row, place, mark if math.isfinite(y) else signs.failed, f"bold {HUES[number % len(HUES)]}")
    places = [margin + round(column_of(tick)) for tick in ticks]
    canvas.put(len(rows), margin, signs.frame[3] * columns, DIM)
    for place in places:
        canvas.put(len(rows), place, signs.frame[4], DIM)
    below(canvas, len(rows) + 1, places, tick_texts(ticks), 0)
    return [*canvas.texts(), *texts_of([" " * margin + fit(plot.y_label, width - margin, signs)], DIM)]


def _points(
    canvas: Canvas, plot: Plot, line: Line, number: int, column_of: ScaleFunction, row_of: ScaleFunction, height: int
) -> None:
    """Draw the intervals and the marks of a line; on a long line here and there, each at places of its own."""
    signs, hue = canvas.signs, HUES[number % len(HUES)]
    places = [(round(column_of(x)), row_of(y)) for x, y in zip(line.x, line.y, strict=True)]
    if len(line.low) and not plot.band:
        for (column, _), low, high in zip(places, line.low, line.high, strict=True):
            if math.isfinite(low) and math.isfinite(high):
                top, bottom = (min(max(round(row_of(v)), 0), height - 1) for v in (high, low))
                for row in range(top, bottom + 1):
                    sign = signs.bar[1] if row == top else signs.bar[2] if row == bottom else signs.bar[0]
                    canvas.put(row, column, sign if top < bottom else signs.bar[0], hue)
    shown = [k for k, (_, row) in enumerate(places) if math.isfinite(row)]
    every = max(1, -(-len(shown) // 6)) if len(shown) > MOST_MEASURED else 1
    marked = {*shown[number % every :: every], *shown[-1:]}
    for k in marked:
        column, at = places[k]
        if -0.5 <= at <= height - 0.5:
            canvas.put(round(at), column, signs.marks[number % len(signs.marks)], f"bold {hue}")


def _path(line: Line, column_of: ScaleFunction, row_of: ScaleFunction, height: int) -> list[tuple[float, float]]:
    """Return the points (column, row) that a line runs through, at the centres of their dots, kept on the canvas."""
    points: list[tuple[float, float]] = []
    for x, y in zip(line.x, line.y, strict=True):
        if not math.isfinite(y):
            continue
        row = min(max(row_of(y) + 0.5, 0.0), height - 0.01)
        if line.holds and points:
            points.append((column_of(x) + 0.5, points[-1][1]))
        points.append((column_of(x) + 0.5, row))
    return points


def _across(plot: Plot, columns: int) -> ScaleFunction:
    """Return what gives the column of an x: linear, or logarithmic with a place of its own for zero."""
    points = measured(plot) or [0.0]
    if not plot.log_x:
        return _scale(points[0], points[-1], columns - 1)
    positive = [x for x in points if x > 0]
    if points[0] > 0:
        return _scale(points[0], points[-1], columns - 1, log=True)
    room = max(3, (columns - 1) // len(points))
    rest = _scale(positive[0], positive[-1], columns - 1 - room, log=True)
    return lambda x: 0.0 if x <= 0 else room + rest(x)


def _scale(low: float, high: float, size: float, *, log: bool = False, flip: bool = False) -> ScaleFunction:
    """Return a map of [low, high] to [0, size]; the middle where low is high."""

    def place(value: float) -> float:
        if log and value <= 0:
            return size if flip else 0.0
        start, end, at = (math.log(v) for v in (low, high, value)) if log else (low, high, value)
        share = (at - start) / (end - start) if end > start else 0.5
        return size * ((1 - share) if flip else share)

    return place


def _frame(canvas: Canvas, plot: Plot, height: int, margin: int, columns: int, column_of: ScaleFunction) -> None:
    """Draw the x axis: ticks where something was measured if that is a few places, else at round numbers."""
    signs, points = canvas.signs, measured(plot)
    canvas.put(height, margin, signs.frame[2] + signs.frame[3] * columns, DIM)
    if not points:
        return
    ticks, texts = points, distinguishing_texts(points)
    if len(points) > MOST_MEASURED:
        most = max(2, columns // 10)
        positive = [x for x in points if x > 0]
        fine = log_ticks if plot.log_x else nice_ticks
        ticks = fine(positive[0] if plot.log_x else points[0], points[-1], most + 2)
        ticks = [tick for tick in ticks if points[0] <= tick <= points[-1]]
        texts = tick_texts(ticks)
    places = [margin + 1 + round(column_of(tick)) for tick in ticks]
    for place in below(canvas, height + 1, places, texts, 0):
        canvas.put(height, place, signs.frame[4], DIM)


def below(canvas: Canvas, row: int, places: Sequence[int], texts: Sequence[str], left: int) -> list[int]:
    """Write texts centred below places, those that would touch another left out, the ends last; return the places."""
    taken: list[tuple[int, int]] = []
    shown = []
    order = sorted(range(len(places)), key=lambda k: (k not in (0, len(places) - 1), k))
    for k in order:
        size = cell_len(texts[k])
        start = min(max(places[k] - size // 2, left), canvas.columns - size)
        end = start + size
        if start >= left and all(end < other - 1 or start > after + 1 for other, after in taken):
            taken.append((start, end - 1))
            shown.append(places[k])
            canvas.put(row, start, texts[k], DIM)
    return shown


def fit(text: str, width: int, signs: Signs) -> str:
    """Return a text in one line of at most `width` cells, in the signs of the drawing."""
    ascii_only = bool(signs.dot)
    return shortened(printable(text, ascii_only=ascii_only), max(width, 1), ascii_only=ascii_only)


def titles(title: str, width: int, signs: Signs) -> "list[Text]":
    """Return the first line of a title in bold, the others dim, broken at the width."""
    first, *more = (to_ascii(line) if signs.dot else line for line in title.split("\n"))
    return [
        *texts_of(wrapped(printable(first), width), "bold"),
        *texts_of([w for m in more for w in wrapped(m, width)], DIM),
    ]


def texts_of(lines: Sequence[str], style: str = "") -> "list[Text]":
    """Return lines in a style."""
    from rich.text import Text

    return [Text(line, style, no_wrap=True) for line in lines]
