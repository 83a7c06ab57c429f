"""An answer: sentences, a table and the data of a plot; and how it is written to a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpctl.display.tables import Table, to_text
from mlpctl.errors import DataError
from mlpctl.report.figures.plot import Line, Plot

__all__ = ["Answer", "Line", "Plot", "write"]

ANSWER_FILE, TABLE_FILE, PLOT_FILE = "answer.md", "table.csv", "plot.png"


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
    from mlpctl.display.figure_style import save
    from mlpctl.report.figures.draw import draw

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
