"""Plots in the terminal: braille or ASCII, labelled at the lines, readable without colour."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mlpctl.charset import carries, plain
from mlpctl.render import for_people
from mlpctl.report.canvas import ASCII, DIM, HUES, UNICODE, Canvas, Signs
from mlpctl.report.plot import MOST_MEASURED, Heat, Line, Plot, limits, log_ticks, measured, nice_ticks, tick_texts
from mlpctl.texts import distinct, printable, shortened, wrapped

if TYPE_CHECKING:
    from rich.text import Text

HEIGHT = 13
"""Rows of a plot, its axes not counted."""

MOST_BEST = 3
"""Cells of a heat map that share the best value up to which they are pointed out."""

WIDEST = 110
"""Terminal cells that a drawing takes at most: wider ones are no clearer."""

LEAST_COLUMNS = 24
"""Cells that a plot needs beside the names of its lines; with fewer the names stand below it."""

Scale = Callable[[float], float]


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


def draw(plot: Plot, width: int, *, ascii_only: bool = False, height: int = HEIGHT) -> "list[Text]":
    """Return a plot as lines of at most `width` terminal cells.

    Words have a row each; numbers are an axis, logarithmic where the plot says so. What only colour would tell, the
    lines behind and bands, is left to figures.
    """
    signs = ASCII if ascii_only else UNICODE
    title, _, more = plot.title.partition("\n")
    lines = _titles(f"{title}, {plot.part}\n{more}" if plot.part else plot.title, width, signs)
    return lines + (_rows(plot, width, signs) if plot.words else _graph(plot, width, signs, height))


def draw_heat(heat: Heat, width: int, *, ascii_only: bool = False) -> "list[Text]":
    """Return a heat map as lines of at most `width` terminal cells: the darker, the better."""
    signs = ASCII if ascii_only else UNICODE
    name = _fit(heat.row_label, max(8, width // 3), signs)
    names = [_fit(row, max(8, width // 3), signs) for row in heat.rows]
    margin = max(len(name), *map(len, names)) + 1
    each = min(8, (width - margin) // len(heat.columns))
    if each < 1:
        return _texts([_fit("too many columns for a drawing of this width", width, signs)])
    canvas = Canvas(len(names) + 1, margin + each * len(heat.columns), signs)
    finite = [v for row in heat.values for v in row if math.isfinite(v)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    best = high if heat.better == "high" else low
    few = finite.count(best) <= MOST_BEST
    for r, (row, texts) in enumerate(zip(heat.values, heat.texts, strict=True)):
        canvas.put(r, 0, names[r].rjust(margin - 1))
        for c, value in enumerate(row):
            block = _shade(value, low, high, heat.better, signs) * max(1, each - (each > 2))
            if not math.isfinite(value):
                block = (signs.failed if texts[c] else signs.missing).center(len(block))
            elif value == best and few:
                block = "*".center(len(block), block[0])
            canvas.put(r, margin + c * each, block)
    _below(canvas, len(names), [margin + c * each + each // 2 - (each > 2) for c in range(len(heat.columns))],
           [_fit(column, 2 * each + 6, signs) for column in heat.columns], margin)  # fmt: skip
    canvas.put(len(names), 0, name.rjust(margin - 1), DIM)
    worst = low if heat.better == "high" else high
    key = f"{signs.shades[0]} {for_people(worst)} to {signs.shades[-1]} {for_people(best)}" + ", * best" * few
    said = {text for row in heat.texts for text in row}
    key += f", {signs.failed} failed" * any(
        text and not math.isfinite(v)
        for row, words in zip(heat.values, heat.texts, strict=True)
        for v, text in zip(row, words, strict=True)
    )
    key += f", {signs.missing} not run" * ("" in said)
    across = _fit(heat.column_label, width - margin, signs)
    return [
        *_titles(heat.title, width, signs),
        *canvas.texts(),
        *_texts([" " * margin + across, *wrapped(key, width)], DIM),
    ]


def _graph(plot: Plot, width: int, signs: Signs, height: int) -> "list[Text]":
    """Return axes with lines, their names at the right ends, or below where there is no room."""
    front = [line for line in plot.lines if not line.behind]
    named = len(front) > 1
    names = [f"{mark} {printable(line.name)}" for mark, line in zip(_marks(signs), front, strict=False)]
    names = [_fit(name, width, signs) for name in names] if named else []
    low, high = limits(plot)
    ticks = log_ticks(low, high, 5) if plot.log_y else nice_ticks(low, high, 5)
    low, high = (min(ticks[0], low), max(ticks[-1], high)) if plot.band or plot.log_y else (ticks[0], ticks[-1])
    numbers = tick_texts(ticks)
    margin = max(map(len, numbers)) + 1
    beside = max(map(len, names), default=-1) + 1
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
        ends = [row_of(_last(line)) for line in front]
        for row, name, number in zip(_apart(ends, height), names, range(len(names)), strict=False):
            canvas.put(row, left + columns + 1, name, HUES[number % len(HUES)])
    lines = [*_texts([_fit(plot.y_label, width, signs)], DIM), *canvas.texts()]
    lines += _texts([" " * left + _fit(plot.x_label, columns, signs).center(columns).rstrip()], DIM)
    lines += _texts(names) if named and not beside else []
    return lines + _texts(wrapped(f"{signs.failed} no trial has a score", width) if plot.failed else [], DIM)


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
    names = [_fit(name, max(8, min(32, width * 2 // 5)), signs) for name, *_ in rows]
    means = [for_people(y) if math.isfinite(y) else "failed" for _, _, y, _, _ in rows]
    margin, after = max(map(len, names), default=0) + 1, max(map(len, means), default=0) + 1
    columns = width - margin - after
    low, high = limits(plot)
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
        mark = _marks(signs)[number % len(signs.marks)]
        place = margin + round(column_of(y)) if math.isfinite(y) else margin
        canvas.put(row, place, mark if math.isfinite(y) else signs.failed, f"bold {HUES[number % len(HUES)]}")
    places = [margin + round(column_of(tick)) for tick in ticks]
    canvas.put(len(rows), margin, signs.frame[3] * columns, DIM)
    for place in places:
        canvas.put(len(rows), place, signs.frame[4], DIM)
    _below(canvas, len(rows) + 1, places, tick_texts(ticks), 0)
    return [*canvas.texts(), *_texts([" " * margin + _fit(plot.y_label, width - margin, signs)], DIM)]


def _points(canvas: Canvas, plot: Plot, line: Line, number: int, column_of: Scale, row_of: Scale, height: int) -> None:
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
            canvas.put(round(at), column, _marks(signs)[number % len(signs.marks)], f"bold {hue}")


def _path(line: Line, column_of: Scale, row_of: Scale, height: int) -> list[tuple[float, float]]:
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


def _across(plot: Plot, columns: int) -> Scale:
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


def _scale(low: float, high: float, size: float, *, log: bool = False, flip: bool = False) -> Scale:
    """Return a map of [low, high] to [0, size]; the middle where low is high."""

    def place(value: float) -> float:
        if log and value <= 0:
            return size if flip else 0.0
        start, end, at = (math.log(v) for v in (low, high, value)) if log else (low, high, value)
        share = (at - start) / (end - start) if end > start else 0.5
        return size * ((1 - share) if flip else share)

    return place


def _frame(canvas: Canvas, plot: Plot, height: int, margin: int, columns: int, column_of: Scale) -> None:
    """Draw the x axis: ticks where something was measured if that is a few places, else at round numbers."""
    signs, points = canvas.signs, measured(plot)
    canvas.put(height, margin, signs.frame[2] + signs.frame[3] * columns, DIM)
    if not points:
        return
    ticks, texts = points, distinct(points)
    if len(points) > MOST_MEASURED:
        most = max(2, columns // 10)
        positive = [x for x in points if x > 0]
        fine = log_ticks if plot.log_x else nice_ticks
        ticks = fine(positive[0] if plot.log_x else points[0], points[-1], most + 2)
        ticks = [tick for tick in ticks if points[0] <= tick <= points[-1]]
        texts = tick_texts(ticks)
    places = [margin + 1 + round(column_of(tick)) for tick in ticks]
    for place in _below(canvas, height + 1, places, texts, 0):
        canvas.put(height, place, signs.frame[4], DIM)


def _below(canvas: Canvas, row: int, places: Sequence[int], texts: Sequence[str], left: int) -> list[int]:
    """Write texts centred below places, those that would touch another left out, the ends last; return the places."""
    taken: list[tuple[int, int]] = []
    shown = []
    order = sorted(range(len(places)), key=lambda k: (k not in (0, len(places) - 1), k))
    for k in order:
        start = min(max(places[k] - len(texts[k]) // 2, left), canvas.columns - len(texts[k]))
        end = start + len(texts[k])
        if start >= left and all(end < other - 1 or start > after + 1 for other, after in taken):
            taken.append((start, end - 1))
            shown.append(places[k])
            canvas.put(row, start, texts[k], DIM)
    return shown


def _apart(rows: Sequence[float], height: int) -> list[int]:
    """Return whole rows near those given, in their order, none twice; where there are too many, the last ones share."""
    order = sorted(range(len(rows)), key=lambda k: rows[k] if math.isfinite(rows[k]) else height)
    places = [0] * len(rows)
    for rank, k in enumerate(order):
        wanted = round(rows[k]) if math.isfinite(rows[k]) else height - 1
        least = places[order[rank - 1]] + 1 if rank else 0
        places[k] = max(least, min(wanted, height - (len(order) - rank)))
    return places


def _shade(value: float, low: float, high: float, better: str, signs: Signs) -> str:
    if not math.isfinite(value):
        return " "
    share = (value - low) / (high - low) if high > low else 1.0
    share = share if better == "high" or high <= low else 1 - share
    return signs.shades[min(int(share * len(signs.shades)), len(signs.shades) - 1)]


def _last(line: Line) -> float:
    return next((y for y in reversed(line.y) if math.isfinite(y)), math.nan)


def _marks(signs: Signs) -> str:
    return signs.marks * 4


def _fit(text: str, width: int, signs: Signs) -> str:
    ascii_only = bool(signs.dot)
    return shortened(printable(text, ascii_only=ascii_only), max(width, 1), ascii_only=ascii_only)


def _titles(title: str, width: int, signs: Signs) -> "list[Text]":
    first, *more = (plain(line) if signs.dot else line for line in title.split("\n"))
    return [
        *_texts(wrapped(printable(first), width), "bold"),
        *_texts([w for m in more for w in wrapped(m, width)], DIM),
    ]


def _texts(lines: Sequence[str], style: str = "") -> "list[Text]":
    from rich.text import Text

    return [Text(line, style, no_wrap=True) for line in lines]
