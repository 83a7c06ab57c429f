"""A table as lines that fit a width: what repeats is told once, and nothing is folded where it could not be read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from rich.cells import cell_len

from mlpctl.display.tables import Cell, Table
from mlpctl.display.text import distinct, printable, shortened, wrapped

GAP, NARROW_GAP = 3, 2
LEAST_TEXT = 8
"""Cells that a shortened word keeps at least."""

LEAST_PROSE = 24
"""Terminal cells of a column of sentences; narrower ones are hard to read."""

TOLD_FROM = 3
"""Rows from which a column that says the same in each is told once instead."""


@dataclass(frozen=True)
class Column:
    """One column as text.

    Attributes:
        name: as the table has it.
        head: the lines of its heading.
        cells: one a row.
        right: numbers stand at the right.
        key: it tells rows apart, and is repeated where a table is cut in two.
        spare: the same cells with fewer digits, still distinct; () where there are none.
        wrap: break its sentences into lines of so many terminal cells; 0: they are not broken.
    """

    name: str
    head: tuple[str, ...]
    cells: tuple[str, ...]
    right: bool
    key: bool
    spare: tuple[str, ...] = ()
    wrap: int = 0

    @property
    def width(self) -> int:
        """Terminal cells that the column takes."""
        return self.wrap or max(map(cell_len, (*self.head, *self.cells)), default=0)

    @property
    def is_prose(self) -> bool:
        """Whether its cells are sentences, which may be broken between words."""
        return any(cell.count(" ") >= 3 and cell_len(cell) > LEAST_PROSE for cell in self.cells)


@dataclass(frozen=True)
class Fitted:
    """A table for a terminal.

    Attributes:
        told: sentences on what is the same in every row, to be shown above.
        blocks: the table, cut into as many as are needed side by side; each with its heading, or without one where
            rows are records.
    """

    told: tuple[str, ...]
    blocks: "tuple[Block, ...]"


@dataclass(frozen=True)
class Block:
    """Lines of a heading, and below it the lines of the rows."""

    head: tuple[str, ...]
    body: tuple[str, ...]


def fitted(table: Table, width: int, *, ascii_only: bool = False) -> Fitted:
    """Return a table as lines of at most `width` terminal cells.

    In this order, as far as needed: narrower gaps, headings in several lines, fewer digits of numbers that somebody
    chose, columns with one value or none told once, sentences broken, words shortened in the middle, the table cut into
    blocks that repeat what tells the rows apart, and at last a paragraph a row.
    """
    columns, told = _constant(_columns(table, ascii_only=ascii_only), len(table.rows))
    gap = GAP
    if _total(columns, gap) > width:
        gap = NARROW_GAP
    if _total(columns, gap) > width:
        columns, more = _without_common_word(columns)
        told += more
        columns = [replace(column, head=_folded(column)) for column in columns]
    if _total(columns, gap) > width:
        columns = [replace(column, cells=column.spare or column.cells) for column in columns]
    if _total(columns, gap) > width:
        columns, more = _sometimes(columns)
        told += more
    told_lines = tuple(line for one in told for line in wrapped(one, width))
    short = columns
    if _total(columns, gap) > width:
        columns = _with_narrow_prose(columns, width, gap)
        short = _shortened_words(columns, width, gap, ascii_only=ascii_only)
    if _total(short, gap) <= width:
        return Fitted(told_lines, (_block(short, gap, ascii_only=ascii_only),))
    parts = _parts(columns, width, gap) or _parts(short, width, gap)
    if parts:
        return Fitted(told_lines, tuple(_block(part, gap, ascii_only=ascii_only) for part in parts))
    return Fitted(told_lines, (Block((), _records(columns, width, ascii_only=ascii_only)),))


def _columns(table: Table, *, ascii_only: bool) -> list[Column]:
    columns = []
    for name in table.columns:
        cells = [row.get(name) for row in table.rows]
        right = all(isinstance(cell, int | float | None) for cell in cells)
        texts = tuple(printable(table.shown(row, name), ascii_only=ascii_only) for row in table.rows)
        chosen = {cell for cell in cells if isinstance(cell, float)} if name in table.exact else set()
        short: dict[Cell, str] = dict(zip(sorted(chosen), distinct(sorted(chosen)), strict=True))
        spare = tuple(short.get(c, text) for c, text in zip(cells, texts, strict=True))
        head = (printable(name, ascii_only=ascii_only),)
        columns.append(Column(head[0], head, texts, right, name in table.exact, spare if short else ()))
    return columns


def _constant(columns: list[Column], rows: int) -> tuple[list[Column], list[str]]:
    """Return the columns that differ between rows, and a sentence on the others."""
    if rows < TOLD_FROM:
        return columns, []
    varying = [column for column in columns if len(set(column.cells)) > 1]
    if not varying:
        return columns, []
    same = [f"{column.name} {column.cells[0]}" for column in columns if len(set(column.cells)) == 1 and column.cells[0]]
    return varying, [f"In all {rows} rows: {', '.join(same)}."] if same else []


def _sometimes(columns: list[Column]) -> tuple[list[Column], list[str]]:
    """Return the columns with more than one value, and a sentence on those whose cells are one value or empty."""
    one = [column for column in columns if len(set(column.cells) - {""}) == 1 and "" in column.cells]
    rest = [column for column in columns if column not in one]
    if not one or not rest:
        return columns, []
    told = ", ".join(f"{column.name} {(set(column.cells) - {''}).pop()}" for column in one)
    return rest, [f"Where a row has it: {told}."]


def _without_common_word(columns: list[Column]) -> tuple[list[Column], list[str]]:
    """Return the columns of a pivot by their values alone, and a sentence that says of what: "hidden_units 4"."""
    rest = [column for column in columns if not column.key]
    words = {column.name.rpartition(" ")[0] for column in rest}
    if len(rest) < 2 or len(rest) == len(columns) or len(words) > 1 or words == {""}:
        return columns, []
    named = [c if c.key else replace(c, head=(c.name.rpartition(" ")[2],)) for c in columns]
    return named, [f"Columns: {words.pop()}."]


def _folded(column: Column) -> tuple[str, ...]:
    """Return the heading in lines as narrow as its cells, broken behind its own separators alone."""
    room = max(map(cell_len, column.cells), default=0)
    lines = [""]
    pieces = column.head[0].replace("_", "_\0").replace(".", ".\0").replace(" ", " \0").split("\0")
    for piece in pieces:
        if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > max(room, LEAST_TEXT):
            lines.append("")
        lines[-1] += piece
    return tuple(line.rstrip() for line in lines)


def _with_narrow_prose(columns: list[Column], width: int, gap: int) -> list[Column]:
    """Return the columns with sentences broken into lines that fit, where they are left the room to be read."""
    prose = [k for k, column in enumerate(columns) if column.is_prose]
    if not prose:
        return columns
    rest = sum(column.width for k, column in enumerate(columns) if k not in prose)
    room = (width - rest - gap * (len(columns) - 1)) // len(prose)
    if room < LEAST_PROSE:
        return columns
    return [replace(c, wrap=min(room, c.width)) if k in prose else c for k, c in enumerate(columns)]


def _shortened_words(columns: list[Column], width: int, gap: int, *, ascii_only: bool) -> list[Column]:
    """Return the columns with the widest words shortened, as little as is needed and never into each other.

    Where there are keys, the others are what was measured and stay whole.
    """
    columns = list(columns)
    least = [_least(column, ascii_only=ascii_only) for column in columns]
    while (excess := _total(columns, gap) - width) > 0:
        able = [k for k, column in enumerate(columns) if column.width > least[k]]
        able = [k for k in able if not columns[k].is_prose]
        able = [k for k in able if columns[k].key] if any(column.key for column in columns) else able
        if not able:
            break
        widest = max(able, key=lambda k: columns[k].width)
        second = max((columns[k].width for k in able if k != widest), default=0)
        column = columns[widest]
        room = max(least[widest], column.width - excess, min(second, column.width - 1))
        columns[widest] = replace(
            column,
            head=tuple(shortened(line, room, ascii_only=ascii_only) for line in column.head),
            cells=tuple(shortened(cell, room, ascii_only=ascii_only) for cell in column.cells),
        )
    return columns


def _least(column: Column, *, ascii_only: bool) -> int:
    """Return the width down to which a column may be shortened: its words stay distinct, numbers stay whole."""
    if column.right or len(column.cells) == 0:
        return max(max(map(cell_len, column.cells), default=0), min(LEAST_TEXT, column.width))
    kinds = set(column.cells)
    for room in range(min(LEAST_TEXT, column.width), column.width):
        if len({shortened(cell, room, ascii_only=ascii_only) for cell in kinds}) == len(kinds):
            return room
    return column.width


def _parts(columns: list[Column], width: int, gap: int) -> list[list[Column]]:
    """Return the columns in groups that fit, each beginning with the keys; none where there is no room beside these."""
    keys = [column for column in columns if column.key]
    rest = [column for column in columns if not column.key]
    room = width - _total(keys, gap)
    if not keys or room < width // 2 or any(column.width + gap > room for column in rest):
        return []
    parts = [list(keys)]
    for column in rest:
        if _total([*parts[-1], column], gap) > width:
            parts.append(list(keys))
        parts[-1].append(column)
    return parts


def _records(columns: list[Column], width: int, *, ascii_only: bool) -> tuple[str, ...]:
    """Return a paragraph a row: "name value" pairs, broken between pairs."""
    rows = len(columns[0].cells)
    margin = len(str(rows)) + 1
    lines = []
    for row in range(rows):
        line = f"{row + 1:>{margin - 1}} "
        for column in columns:
            cell = column.cells[row]
            if not cell:
                continue
            name = shortened(column.name, (width - margin) // 2 - 1, ascii_only=ascii_only)
            if column.is_prose:
                told = wrapped(f"{name} {cell}", width - margin)
                lines += [line] * bool(line.strip()) + [" " * margin + part for part in told[:-1]]
                line = " " * margin + told[-1]
                continue
            pair = f"{name} {shortened(cell, width - margin - cell_len(name) - 1, ascii_only=ascii_only)}"
            if cell_len(line) > margin and cell_len(line) + 2 + cell_len(pair) > width:
                lines.append(line)
                line = " " * margin
            line += ("  " if cell_len(line) > margin else "") + pair
        lines.append(line)
    return tuple(lines)


def _total(columns: Sequence[Column], gap: int) -> int:
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _block(columns: Sequence[Column], gap: int, *, ascii_only: bool) -> Block:
    tall = max((len(column.head) for column in columns), default=0)
    heads = [("",) * (tall - len(column.head)) + column.head for column in columns]
    rule = ("-" if ascii_only else "─") * _total(columns, gap)
    body = []
    for row in zip(*(column.cells for column in columns), strict=True):
        broken = [wrapped(cell, c.wrap) if c.wrap else [cell] for c, cell in zip(columns, row, strict=True)]
        body += [_line(columns, line, gap) for line in zip_longest(*broken, fillvalue="")]
    return Block((*(_line(columns, line, gap) for line in zip(*heads, strict=True)), rule), tuple(body))


def _line(columns: Sequence[Column], cells: Sequence[str], gap: int) -> str:
    padded = []
    for column, cell in zip(columns, cells, strict=True):
        space = " " * (column.width - cell_len(cell))
        padded.append(space + cell if column.right else cell + space)
    return (" " * gap).join(padded).rstrip()
