"""Show tables and figures in a notebook; everything that a user may have typed is escaped."""

from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlpctl.display.passages import Passage
from mlpctl.display.tables import Cell, Table, to_text
from mlpctl.runner.callbacks.notebook import notebook_shell

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def as_html(parts: Sequence[Table | Passage]) -> str:
    """Return tables and passages as HTML that inherits the notebook's look, light or dark."""
    return "\n".join(_passage(part) if isinstance(part, Passage) else _table(part) for part in parts)


def _passage(passage: Passage) -> str:
    label = f"<strong>{escape(passage.label)}</strong> " if passage.label else ""
    return f"<p>{label}{'<br>'.join(escape(sentence) for sentence in passage.sentences)}</p>"


def _table(table: Table) -> str:
    title = f"<p><strong>{escape(table.title)}</strong></p>" if table.title else ""
    notes = "".join(f"<p>{escape(note)}</p>" for note in table.notes)
    if not table.columns:
        return title + notes
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = "".join(
        f"<tr>{''.join(_cell(table.shown(row, name), row.get(name)) for name in table.columns)}</tr>"
        for row in table.rows
    )
    return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{notes}"


def _cell(text: str, value: Cell) -> str:
    align = "right" if isinstance(value, int | float) and not isinstance(value, bool) else "left"
    return f'<td style="text-align: {align}">{escape(text)}</td>'


def as_text(parts: Sequence[Table | Passage]) -> str:
    """Return tables and passages as plain text, without a newline at the end."""
    return "\n".join(line.rstrip() for line in to_text(parts, "table").splitlines())


def frame(table: Table) -> "pd.DataFrame":
    """Return a table as a DataFrame; its notes are in `.attrs["notes"]`."""
    import pandas as pd

    rows = [[row.get(name) for name in table.columns] for row in table.rows]
    content: pd.DataFrame = pd.DataFrame(rows, columns=list(table.columns))
    content.attrs["notes"] = list(table.notes)
    return content


def shown(figure: "Figure") -> "Figure":
    """Return the figure; in a notebook, IPython is told how to show figures, which it knows only with pyplot."""
    shell = notebook_shell()
    if shell is not None and hasattr(shell, "kernel"):
        tools: Any = import_module("IPython.core.pylabtools")
        tools.select_figure_formats(shell, {"png"})
    return figure
