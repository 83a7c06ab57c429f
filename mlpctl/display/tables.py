"""One table, four formats: for people, Markdown, CSV and JSON. Numbers are rescaled for people alone."""

import csv
import io
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlpctl.display.passages import Passage
from mlpctl.display.text import carries, printable
from mlpctl.errors import one_line
from mlpctl.system.files import write_output

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

Format = Literal["table", "csv", "md", "json"]
Cell = str | int | float | bool | None

FILE_WIDTH = 120
"""Characters of a line in a file of tables for people."""

LEAST_HEADING = 6
"""Terminal cells of a heading that is broken."""

LEAST_PROSE = 24
"""Terminal cells of a column of sentences; narrower ones are hard to read."""

FORMULA = ("=", "+", "-", "@")
"""First characters by which spreadsheets tell a formula."""

GAP, NARROW_GAP = 3, 2
"""Terminal cells between columns; the second where the table would be too wide."""

RULED = "    \n    \n ── \n" + "    \n" * 5
"""Lines of a table as rich draws it: a rule below the heading."""


@dataclass(frozen=True)
class Table:
    """Rows of plain values.

    Attributes:
        columns: names in order; the machine formats write them as they are.
        rows: a mapping per row; a missing key is an empty cell.
        title: shown above the table for people.
        notes: sentences below the table, for people and in Markdown.
        exact: columns whose numbers somebody chose (0.03) and nobody measured (0.0300): people see them as they are.
        colours: first word of a cell -> style of rich; the words say all that the colours do.
    """

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Cell]]
    title: str = ""
    notes: Sequence[str] = ()
    exact: Sequence[str] = ()
    colours: Mapping[str, str] = field(default_factory=dict)

    def shown(self, row: Mapping[str, Cell], column: str) -> str:
        """Return a cell as people read it."""
        cell = row.get(column)
        return as_chosen(cell) if column in self.exact else for_people(cell)


def emit(
    tables: Table | Sequence[Table | Passage],
    format_: Format = "table",
    output: Path | None = None,
    *,
    ascii_only: bool = False,
) -> None:
    """Write tables to stdout, or to a file; "-" is stdout. Tables for people are in ASCII where that is asked for.

    JSON of one table is a list of objects, of several an object of lists by title.

    Raises:
        UsageError: if the file cannot be written, is a link or belongs to a results folder.
        DataError: if the disk is full.
    """
    many = [tables] if isinstance(tables, Table) else list(tables)
    if format_ == "table" and output in (None, Path("-")):
        print_tables(many, ascii_only=ascii_only)
        return
    write_text(to_text(many, format_), output)


def write_text(text: str, output: Path | None = None) -> None:
    """Write a text to stdout, or to a file; "-" is stdout. Raises as `emit` does."""
    if output is None or output == Path("-"):
        sys.stdout.write(text)
    else:
        write_output(output, text.encode())


def as_json(content: Any) -> str:
    """Return plain values as JSON, null for what is no number, ending with a newline."""
    return json.dumps(_jsonable(content), indent=1, allow_nan=False) + "\n"


def to_text(tables: Sequence[Table | Passage], format_: Format) -> str:
    """Return tables in one of the formats, ending with a newline; passages are for people and Markdown alone."""
    rows = [table for table in tables if isinstance(table, Table)]
    if format_ == "json":
        many = {table.title: [{c: row.get(c) for c in table.columns} for row in table.rows] for table in rows}
        return as_json(next(iter(many.values())) if len(rows) == 1 else many)
    if format_ == "csv":
        return "\n".join(_csv(table) for table in rows)
    if format_ == "md":
        return "\n".join(_markdown(table) for table in tables)
    from rich.console import Console

    stream = io.StringIO()
    print_tables(tables, Console(file=stream, width=FILE_WIDTH, color_system=None, force_jupyter=False))
    return stream.getvalue()


def print_tables(
    tables: Sequence[Table | Passage], console: "Console | None" = None, *, ascii_only: bool = False
) -> None:
    """Print tables for people, by default on stdout: in ASCII where its encoding has no more, plain lines in a pipe."""
    from rich.console import Console
    from rich.text import Text

    out = console or Console(force_jupyter=False)
    ascii_only = ascii_only or not carries(out.encoding)

    def lines(text: str, style: str = "") -> Text:
        return Text("\n".join(printable(line, ascii_only=ascii_only) for line in text.splitlines()), style)

    with out.capture() as printed:
        for number, table in enumerate(tables):
            if number:
                out.line()
            if isinstance(table, Passage):
                for line in table.lines(out.width):
                    label = len(table.label) if line.startswith(table.label) else 0
                    out.print(lines(line[:label], "bold") + lines(line[label:]), soft_wrap=True)
                continue
            if table.title:
                out.print(lines(table.title, "bold"))
            for place, block in enumerate(_blocks(table, out.width, ascii_only=ascii_only) if table.columns else ()):
                if place:
                    out.line()
                out.print(block)
            for note in table.notes:
                out.print(lines(note))
    out.file.write("\n".join(line.rstrip(" ") for line in printed.get().split("\n")))


@dataclass(frozen=True)
class _Column:
    """One column as text for a terminal.

    Attributes:
        name: name of the column.
        head: lines of the heading.
        cells: one a row.
        is_right: True if it stands at the right, as numbers do.
        is_prose: True if it has sentences, which may be broken between words.
    """

    name: str
    head: tuple[str, ...]
    cells: tuple[str, ...]
    is_right: bool
    is_prose: bool

    @property
    def width(self) -> int:
        """Terminal cells that it needs at least."""
        from rich.cells import cell_len

        return LEAST_PROSE if self.is_prose else max(map(cell_len, (*self.head, *self.cells)), default=0)


def _column(table: Table, name: str, *, ascii_only: bool, folded: bool) -> _Column:
    """Return a column; if folded its heading is broken behind "_", "." and spaces, about as narrow as its cells."""
    from rich.cells import cell_len

    cells = tuple(printable(table.shown(row, name), ascii_only=ascii_only) for row in table.rows)
    is_right = all(isinstance(row.get(name), int | float | None) for row in table.rows)
    is_prose = any(cell.count(" ") >= 3 and len(cell) > LEAST_PROSE for cell in cells)
    head = printable(name, ascii_only=ascii_only)
    room = max([LEAST_HEADING, *map(cell_len, cells)]) if folded else cell_len(head)
    lines = [""]
    for piece in re.split(r"(?<=[_. ])", head):
        if cell_len(lines[-1] + piece.rstrip()) > room:
            lines.append("")
        lines[-1] += piece
    return _Column(name, tuple(line.rstrip() for line in lines if line), cells, is_right, is_prose)


def _blocks(table: Table, width: int, *, ascii_only: bool) -> "Iterator[RichTable]":
    """Yield a table as it fits so many terminal cells: whole, with folded headings, or cut into blocks of columns.

    rich alone would break numbers in a wide table. Each block repeats the columns that tell its rows apart; where
    these take more than half of the width, the rows are numbered instead.
    """
    for gap in (GAP, NARROW_GAP):
        columns = [_column(table, name, ascii_only=ascii_only, folded=gap == NARROW_GAP) for name in table.columns]
        columns = [column for column in columns if any(column.cells)] or columns  # nobody misses an empty one
        if _total(columns, gap) <= width or len(columns) == 1:
            yield _rich(columns, width, gap, table.colours, ascii_only=ascii_only)
            return
    keys = [column for column in columns if column.name in table.exact]
    if not keys or _total(keys, gap) > width // 2:
        keys = [_Column("", ("#",), tuple(str(k + 1) for k in range(len(table.rows))), is_right=True, is_prose=False)]
    block = list(keys)
    for column in columns:
        if column in keys:
            continue
        if len(block) > len(keys) and _total([*block, column], gap) > width:
            yield _rich(block, width, gap, table.colours, ascii_only=ascii_only)
            block = list(keys)
        block.append(column)
    yield _rich(block, width, gap, table.colours, ascii_only=ascii_only)


def _total(columns: Sequence[_Column], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _rich(
    columns: Sequence[_Column], width: int, gap: int, colours: Mapping[str, str], *, ascii_only: bool
) -> "RichTable":
    """Return columns as a table of rich: sentences are broken, all else only where nothing else can be done."""
    from rich.box import Box
    from rich.table import Table as RichTable
    from rich.text import Text

    box = Box(RULED.replace("─", "-") if ascii_only else RULED, ascii=ascii_only)
    is_whole = _total(columns, gap) <= width
    tall = max(len(column.head) for column in columns)
    drawn = RichTable(box=box, show_edge=False, pad_edge=False, collapse_padding=gap == NARROW_GAP)
    for column in columns:
        drawn.add_column(
            Text("\n".join([""] * (tall - len(column.head)) + list(column.head))),
            justify="right" if column.is_right else "left",
            overflow="fold",
            no_wrap=is_whole and not column.is_prose,
            min_width=column.width if is_whole else None,
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        drawn.add_row(*(Text(cell, colours.get(re.split(r"\W", cell, maxsplit=1)[0], "")) for cell in cells))
    return drawn


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
    writer.writerow(map(_harmless, table.columns))
    writer.writerows([_harmless(row.get(column)) for column in table.columns] for row in table.rows)
    return stream.getvalue()


def _harmless(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet takes for a formula: such a text gets an apostrophe, which it does not show."""
    if not isinstance(cell, str):
        return cell
    text = one_line(cell)
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _markdown(table: Table | Passage) -> str:
    if isinstance(table, Passage):
        head, *rest = [one_line(sentence) for sentence in table.sentences]
        return "  \n".join([f"**{table.label}** {head}" if table.label else head, *rest]) + "\n"

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(one_line(cell).replace("|", "\\|") for cell in cells) + " |\n"

    title = f"**{one_line(table.title)}**\n\n" if table.title else ""
    head = line(list(table.columns)) + line(["---"] * len(table.columns)) if table.columns else ""
    body = "".join(line([table.shown(row, column) for column in table.columns]) for row in table.rows)
    notes = "".join(f"\n{one_line(note)}\n" for note in table.notes)
    return title + head + body + notes


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _jsonable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
