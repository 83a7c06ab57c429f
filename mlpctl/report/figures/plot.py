"""Data of plots and heat maps, the same for a figure and the terminal; scales and ticks. Imports nothing heavy."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

MOST_MEASURED = 12
"""Measured points up to which an axis has its ticks at these."""


@dataclass(frozen=True)
class Line:
    """One line of a plot: y over x, with an interval where low and high are given (NaN: none at that point).

    Attributes:
        name: name of the line; "" where the plot has one line.
        x: places, or numbers of words.
        y: NaN where there is none.
        low: low ends of the interval.
        high: high ends of the interval.
        holds: True if y holds from its x to the next: the best so far.
        behind: True for one of many, drawn in grey without a name.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    holds: bool = False
    behind: bool = False


@dataclass(frozen=True)
class Plot:
    """Lines over one x axis, with titles and labels.

    Attributes:
        title: title; its second line says what points and bars are.
        x_label: label of x, with its unit.
        y_label: label of y, with its unit.
        lines: lines, with names if there are several.
        log_x: True for a logarithmic x; a zero has its place left of the smallest number.
        log_y: True for a logarithmic y.
        words: words at x = 0, 1, 2, …; then points are not joined. () for numbers.
        band: True for bands along the lines in place of bars; they do not widen the y axis.
        failed: x of trials without a score.
        best: point (x, y) to point out, and its text.
        figure_says: note on what only a figure shows: intervals along the lines, lines behind.
        part: name of this plot among several with one title.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False
    words: tuple[str, ...] = ()
    band: bool = False
    failed: tuple[float, ...] = ()
    best: tuple[float, float, str] | None = None
    figure_says: str = ""
    part: str = ""


@dataclass(frozen=True)
class Heat:
    """Values over two axes, with titles and labels.

    Attributes:
        title: title; its second line says what a cell is.
        row_label: label of the rows, with its unit.
        column_label: label of the columns, with its unit.
        scale_label: label of the values.
        rows: names from top to bottom.
        columns: names from left to right.
        values: a tuple a row; NaN where there is none.
        texts: text of each cell; the reason where it has no value, "" where nothing was run.
        better: "low" or "high", the better values.
    """

    title: str
    row_label: str
    column_label: str
    scale_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    better: str


def is_log_spaced(x: Iterable[float]) -> bool:
    """Return whether positive values are spread more evenly on a log scale than on a linear one."""
    values = sorted({float(value) for value in x})
    if len(values) < 3 or values[0] <= 0:
        return len(values) == 2 and values[0] > 0 and values[1] / values[0] >= 10
    return _unevenness([math.log(value) for value in values]) < _unevenness(values)


def has_log_axis(x: Sequence[float]) -> bool:
    """Return whether an axis of measured points is to be logarithmic: they are log spaced, a zero among them or not."""
    positive = sorted({value for value in x if value > 0})
    if any(value < 0 for value in x):
        return False
    return is_log_spaced(positive) if len(positive) == len(set(x)) else len(positive) > 2 and is_log_spaced(positive)


def spans_decades(y: Sequence[float]) -> bool:
    """Return whether positive values are so far apart that the small ones cannot be told apart on a linear axis."""
    finite = [value for value in y if math.isfinite(value)]
    return len(finite) > 1 and min(finite) > 0 and max(finite) / min(finite) > 100


def _unevenness(values: Sequence[float]) -> float:
    """Return the coefficient of variation of the steps between sorted values."""
    steps = [b - a for a, b in pairwise(values)]
    mean = sum(steps) / len(steps)
    return math.sqrt(sum((step - mean) ** 2 for step in steps) / len(steps)) / mean


def measured(plot: Plot) -> list[float]:
    """Return the places where something was measured, in order."""
    return sorted({float(x) for line in plot.lines for x in line.x} | set(plot.failed))


def limits(plot: Plot) -> tuple[float, float]:
    """Return the lowest and the highest y that a plot has to show; of bands the lines alone."""
    front = [line for line in plot.lines if not line.behind] or list(plot.lines)
    ends = [line.y for line in front]
    if not plot.band:
        ends += [end for line in front for end in (line.low, line.high)]
    values = [float(v) for end in ends for v in end if math.isfinite(v) and (v > 0 or not plot.log_y)]
    return (min(values), max(values)) if values else (0.0, 1.0)


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round numbers (steps of 1, 2 or 5 times a power of ten) that enclose an interval."""
    if not high > low:
        half = abs(low) / 2 or 0.5
        low, high = low - half, high + half
    step = 10.0 ** math.floor(math.log10((high - low) / max(most - 1, 1)))
    for factor in (1, 2, 5, 10, 20, 50, 100):
        first = math.floor(low / (step * factor) + 1e-9)
        last = math.ceil(high / (step * factor) - 1e-9)
        if last - first + 1 <= most:
            break
    return [number * step * factor for number in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` powers of ten that enclose a positive interval, or nice numbers in less than a decade."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if last - first < 2:
        ticks = [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)]
        below = max((t for t in ticks if t <= low * (1 + 1e-9)), default=ticks[0])
        above = min((t for t in ticks if t >= high * (1 - 1e-9)), default=ticks[-1])
        inside = [t for t in ticks if below <= t <= above]
        return inside if len(inside) <= most else [inside[0], inside[-1]]
    step = -(-(last - first) // max(most - 1, 1))
    return [10.0**e for e in range(first, last + step, step)]


def tick_texts(values: Sequence[float]) -> list[str]:
    """Return the texts of round ticks: as few digits as each needs, 12 of them at most."""
    span = max(map(abs, values), default=1.0)
    return [f"{0.0 if abs(value) < span * 1e-9 else value:.10g}" for value in values]


def spread_positions(wanted: Sequence[float], low: float, high: float, gap: float) -> list[float]:
    """Return places within [low, high], `gap` apart, in the order of `wanted` (of equals the first on top), near to it.

    The least squares of the distances: neighbours that collide are moved as one block to their mean. Where they need
    more room than there is they overlap evenly.

    Source: pool adjacent violators, Ayer et al. 1955.
    """
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    order = sorted(range(len(wanted)), key=lambda k: (wanted[k], -k))
    blocks: list[tuple[float, int]] = []  # mean of (wanted - rank * gap), members
    for rank, k in enumerate(order):
        blocks.append((wanted[k] - rank * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, m), (b, n) = blocks[-2:]
            blocks[-2:] = [((a * m + b * n) / (m + n), m + n)]
    starts = [start for start, count in blocks for _ in range(count)]
    room = high - (len(wanted) - 1) * gap
    places = [0.0] * len(wanted)
    for rank, k in enumerate(order):
        places[k] = min(max(starts[rank], low), room) + rank * gap
    return places
