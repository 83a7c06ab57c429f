"""An answer: sentences, a table and the data of a plot; and how it is written to a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlpctl.errors import DataError
from mlpctl.render import Table, as_chosen, to_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANSWER_FILE, TABLE_FILE, PLOT_FILE = "answer.md", "table.csv", "plot.png"


@dataclass(frozen=True)
class Line:
    """One line of a plot: y over x, with an interval where low and high are given (NaN: none at that point).

    With `holds`, y holds from its x to the next: the best so far.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    holds: bool = False


@dataclass(frozen=True)
class Plot:
    """What a plot shows, before it is drawn.

    Attributes:
        title: what can be seen; a second line says what points and bars are.
        x_label: with its unit.
        y_label: with its unit.
        lines: each with its name in the legend, if there are several.
        log_x: whether x is logarithmic.
        log_y: whether y is logarithmic.
        words: where x has words: the word at 0, 1, 2, …; then points are not joined.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What an exercise comes to.

    Attributes:
        sentences: the answer; the first says the most.
        table: the numbers that the sentences rest on.
        plot: the same to look at; None where nothing was measured.
    """

    sentences: tuple[str, ...]
    table: Table
    plot: Plot | None


def write(answer: Answer, folder: Path, *, title: str, question: str, how: Sequence[str]) -> None:
    """Write an answer to a folder: Markdown with the table, the table as CSV, the plot as PNG.

    Args:
        answer: what was concluded.
        folder: made where it is missing.
        title: of the page.
        question: that is answered.
        how: lines that say what was measured and how to do it again.

    Raises:
        DataError: if the folder cannot be written.
    """
    from mlpctl.report.look import save

    text = f"# {title}\n\n*{question}*\n\n" + "\n\n".join(answer.sentences) + "\n\n"
    text += f"![{title}]({PLOT_FILE})\n\n" if answer.plot is not None else ""
    text += to_text([answer.table], "md") + "\n" + "".join(f"- {line}\n" for line in how)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ANSWER_FILE).write_text(text, "utf-8")
        (folder / TABLE_FILE).write_text(to_text([answer.table], "csv"), "utf-8")
    except OSError as error:
        raise DataError(f"cannot write {folder}: {error.strerror}") from error
    if answer.plot is not None:
        save(draw(answer.plot), folder / PLOT_FILE)


def draw(plot: Plot) -> "Figure":
    """Return the figure of a plot."""
    from mlpctl.report.look import COLOURS, new_figure

    figure, axes = new_figure()
    shifts = np.linspace(-0.12, 0.12, len(plot.lines)) if plot.words and len(plot.lines) > 1 else np.zeros(9)
    for number, line in enumerate(plot.lines):
        colour = COLOURS[number % len(COLOURS)]
        x = np.asarray(line.x, dtype=np.float64) + (shifts[number] if plot.words else 0.0)
        y = np.asarray(line.y, dtype=np.float64)
        style = "none" if plot.words else "-" if number < len(COLOURS) else "--"
        way = {"drawstyle": "steps-post"} if line.holds else {"marker": "o", "markersize": 4}
        axes.plot(x, y, color=colour, linestyle=style, label=line.name, **way)
        if len(line.low):
            low, high = np.asarray(line.low, dtype=np.float64), np.asarray(line.high, dtype=np.float64)
            bars = np.nan_to_num(np.stack([y - low, high - y])).clip(min=0)
            axes.errorbar(x, y, yerr=bars, color=colour, linestyle="none", capsize=3, linewidth=1)
    if plot.log_x:
        axes.set_xscale("log")
    if plot.log_y:
        axes.set_yscale("log")
        for numbers in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            numbers(lambda value, _: as_chosen(float(value)) if f"{value:e}"[0] in "125" else "")
    if plot.words:
        turned = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if len(plot.words) > 6 else {}
        axes.set_xticks(range(len(plot.words)), plot.words, **turned)
        axes.margins(x=0.1)
    elif not plot.log_x or all(len(line.x) <= 12 for line in plot.lines):
        _tick_at_points(axes, plot)
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.set_title(plot.title, fontsize=10)
    if len(plot.lines) > 1:
        axes.legend(frameon=False, fontsize=8)
    return figure


def _tick_at_points(axes: object, plot: Plot) -> None:
    """Put the ticks where something was measured, where these are few enough to be read."""
    from matplotlib.axes import Axes
    from matplotlib.ticker import MaxNLocator, NullLocator

    assert isinstance(axes, Axes)
    points = sorted({float(x) for line in plot.lines for x in line.x})
    if 0 < len(points) <= 12:
        axes.set_xticks(points, [as_chosen(point) for point in points])
        axes.xaxis.set_minor_locator(NullLocator())
    elif all(point.is_integer() for point in points):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
