"""One table, four formats: for people, Markdown, CSV and JSON. Numbers are rescaled for people alone."""

import csv
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlpctl.errors import UsageError

Format = Literal["table", "csv", "md", "json"]
Cell = str | int | float | bool | None

FILE_WIDTH = 120
"""Characters of a line in a file of tables for people."""


@dataclass(frozen=True)
class Table:
    """Rows of plain values.

    Attributes:
        columns: names in order; the machine formats write them as they are.
        rows: a mapping per row; a missing key is an empty cell.
        title: shown above the table for people.
        notes: sentences below the table, for people and in Markdown.
        exact: columns whose numbers somebody chose (0.03) and nobody measured (0.0300): people see them as they are.
    """

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Cell]]
    title: str = ""
    notes: Sequence[str] = ()
    exact: Sequence[str] = ()

    def shown(self, row: Mapping[str, Cell], column: str) -> str:
        """Return a cell as people read it."""
        cell = row.get(column)
        return as_chosen(cell) if column in self.exact else for_people(cell)


def emit(
    tables: Table | Sequence[Table], format_: Format = "table", output: Path | None = None, *, ascii_only: bool = False
) -> None:
    """Write tables to stdout, or to a file; "-" is stdout. Tables for people are in ASCII where that is asked for.

    JSON of one table is a list of objects, of several an object of lists by title.

    Raises:
        UsageError: if the file cannot be written.
    """
    many = [tables] if isinstance(tables, Table) else list(tables)
    if format_ == "table" and output in (None, Path("-")):
        from mlpctl.display.print_tables import print_tables

        print_tables(many, ascii_only=ascii_only)
        return
    text = to_text(many, format_)
    if output in (None, Path("-")):
        sys.stdout.write(text)
        return
    assert output is not None
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error


def to_text(tables: Sequence[Table], format_: Format) -> str:
    """Return tables in one of the formats, ending with a newline."""
    if format_ == "json":
        rows = [[{c: _jsonable(row.get(c)) for c in table.columns} for row in table.rows] for table in tables]
        content = rows[0] if len(rows) == 1 else {t.title: r for t, r in zip(tables, rows, strict=True)}
        return json.dumps(content, indent=1, allow_nan=False) + "\n"
    if format_ == "csv":
        return "\n".join(_csv(table) for table in tables)
    if format_ == "md":
        return "\n".join(_markdown(table) for table in tables)
    from mlpctl.display.print_tables import plain_text

    return plain_text(tables, FILE_WIDTH)


def for_people(value: Cell) -> str:
    """Return a cell as people read it: four significant digits, thousands separated, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        if math.isfinite(value) and 0.001 <= abs(value) < 10_000:
            return f"{value:.4f}" if abs(value) <= 1 else f"{value:.4g}"
        return f"{value:.4g}"
    return value


def as_chosen(value: Cell) -> str:
    """Return a number as somebody would have written it, anything else as people read it."""
    return f"{value:.6g}" if isinstance(value, float) else for_people(value)


def _csv(table: Table) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([row.get(column) for column in table.columns] for row in table.rows)
    return stream.getvalue()


def _markdown(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"

    title = f"**{table.title}**\n\n" if table.title else ""
    head = line(list(table.columns)) + line(["---"] * len(table.columns)) if table.columns else ""
    body = "".join(line([table.shown(row, column) for column in table.columns]) for row in table.rows)
    notes = "".join(f"\n{note}\n" for note in table.notes)
    return title + head + body + notes


def _jsonable(value: Cell) -> Cell:
    return None if isinstance(value, float) and not math.isfinite(value) else value
