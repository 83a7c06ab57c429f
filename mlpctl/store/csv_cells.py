"""A CSV file taken apart at once: where each cell begins and ends; its text is made for the columns that are read.

A results folder has about 70 columns, of which most are empty or say the same in every row. What is found here by a few
operations on the whole file is what `csv.reader` and pandas find cell by cell; the rows of a million are not made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FEW = 64
COMMA, NEWLINE, QUOTE = map(ord, ',\n"')


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells below the first line of a CSV file.

    Attributes:
        header: the columns that the first line names.
        text: the file.
        code: the same as numbers, one a character.
        begins: where each cell begins in it, (rows, columns).
        ends: where it ends.
    """

    header: Sequence[str]
    text: str
    code: Array
    begins: Array
    ends: Array

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.begins)

    @cached_property
    def _sizes(self) -> tuple[list[int], list[int]]:
        """The fewest and the most characters in a cell of each column."""
        sizes = self.ends - self.begins
        return sizes.min(axis=0, initial=len(self.code)).tolist(), sizes.max(axis=0, initial=0).tolist()

    def only(self, name: str) -> str | None:
        """Return what every row says in a column; None where rows differ, or there are none."""
        at = self.header.index(name)
        fewest, most = self._sizes
        if fewest[at] != most[at]:
            return None
        begins = self.begins[:, at]
        for some in (begins[:FEW], begins):  # columns that differ mostly do so among their first rows
            letters = self.code[some[:, None] + np.arange(most[at])]
            if (letters != letters[0]).any():
                return None
        return self._cell(at, 0)

    def column(self, name: str) -> list[str]:
        """Return the texts of a column."""
        at = self.header.index(name)
        begins, ends, text = self.begins[:, at], self.ends[:, at], self.text
        cells = [text[a:b] for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]
        return [_unquoted(cell) for cell in cells] if (self.code[begins] == QUOTE).any() else cells

    def _cell(self, at: int, row: int) -> str:
        return _unquoted(self.text[self.begins[row, at] : self.ends[row, at]])


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def cells_of(header: Sequence[str], raw: bytes) -> Cells:
    """Return the cells of a CSV file whose rows all end with a newline; lines with nothing in them are no rows.

    Of a row with too few cells the last ones are empty.

    Args:
        header: its columns, from the first line.
        raw: the whole file.

    Raises:
        ValueError: for what is no UTF-8, for a quote that is not closed, or a row with too many cells.
    """
    text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    code = _numbers(text)
    is_end = (code == COMMA) | (code == NEWLINE)
    if '"' in text:
        is_inside = np.bitwise_xor.accumulate(code == QUOTE)  # "" within a quoted cell opens and closes nothing
        if is_inside[-1]:
            raise ValueError("a quote is not closed")
        is_end &= ~is_inside
    ends = np.flatnonzero(is_end).astype(np.int32 if len(code) < 2**31 else np.int64)
    is_last = code[ends] == NEWLINE  # of its row
    begins = np.concatenate([ends[:1] * 0, ends[:-1] + 1])
    last = np.flatnonzero(is_last)
    sizes = np.diff(last, prepend=-1)  # cells of each row
    if (sizes[1:] == len(header)).all():
        at = int(sizes[0])
        shape = (len(sizes) - 1, len(header))
        return Cells(header, text, code, begins[at:].reshape(shape), ends[at:].reshape(shape))
    return Cells(header, text, code, *_ragged(begins, ends, last - sizes + 1, sizes, len(header)))


def _ragged(begins: Array, ends: Array, first: Array, sizes: Array, columns: int) -> tuple[Array, Array]:
    """Return (begins, ends) of rows with unequal numbers of cells, their lines below the first."""
    is_row = (sizes > 1) | (begins[first] < ends[first])
    is_row[0] = False
    if (too_long := np.flatnonzero(is_row & (sizes > columns))).size:
        number = int(too_long[0])
        raise ValueError(f"line {number + 1} has {sizes[number]} cells, a row has {columns}")
    place = np.arange(columns)
    there = place < sizes[is_row, None]
    cell = np.minimum(first[is_row, None] + place, (first + sizes - 1)[is_row, None])
    return np.where(there, begins[cell], ends[cell]), ends[cell]


def _numbers(text: str) -> Array:
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)
