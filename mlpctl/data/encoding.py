"""Turn the cells of a table's columns into numbers, and these into the inputs of a network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.cells import MISSING
from mlpctl.data.columns import BOOLEANS, Column, booleans, days
from mlpctl.errors import DataError
from mlpctl.system.parsing import check_memory

if TYPE_CHECKING:
    import scipy.sparse

WIDE = 1 << 27
"""Bytes of inputs above which a table with many words is kept as a sparse matrix."""


def encoded(
    column: Column, texts: Sequence[str], where: str, *, may_miss: bool = False
) -> tuple[NDArray[np.float64], list[str]]:
    """Return (values, unseen): a number (N,) for each cell of a column, and the words that the column does not know.

    The number of a word is its place among the column's words, -1 where it is none of them. Missing cells are NaN.

    Args:
        column: what the cells are.
        texts: cells.
        where: file, for messages.
        may_miss: True if missing cells are no error.

    Raises:
        DataError: for a cell that is empty, infinite or no number, with its row.
    """
    if column.kind == "category":
        cells = booleans(texts) if set(column.words) <= set(BOOLEANS.values()) else texts
        empty = [row for row, cell in enumerate(cells) if not cell]
        if empty and not may_miss:
            raise _missing(column.name, empty, "empty or NaN", where)
        place = {word: k for k, word in enumerate(column.words)}
        codes = np.fromiter((place.get(cell, -1) for cell in cells), dtype=np.float64, count=len(cells))
        unseen = list(dict.fromkeys(cells[row] for row in np.flatnonzero(codes < 0).tolist() if cells[row]))
        codes[empty] = np.nan
        return codes, unseen
    empty = [row for row, text in enumerate(texts) if text in MISSING]
    if empty and not may_miss:
        raise _missing(column.name, empty, "empty or NaN", where)
    values = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        if text in MISSING:
            continue
        try:
            values[row] = column.form.value(text) if column.kind == "number" else days(text, day_first=column.day_first)
        except (ValueError, OverflowError):
            what = "number" if column.kind == "number" else "date"
            raise DataError(f"{where}, data row {row + 1}: '{column.name}' must be a {what}, got '{text}'") from None
    check_whole(values, column.name, where, may_miss=may_miss)
    return values, []


def check_whole(values: NDArray[np.float64], name: str, where: str, *, may_miss: bool = False) -> None:
    """Check that no number of a column is missing or infinite.

    Raises:
        DataError: with the number of them, and the row of the first.
    """
    for wrong, what in ((np.isnan(values), "empty or NaN"), (np.isinf(values), "infinite")):
        if wrong.any() and not (may_miss and what != "infinite"):
            raise _missing(name, np.flatnonzero(wrong).tolist(), what, where)


def _missing(name: str, rows: Sequence[int], what: str, where: str) -> DataError:
    way_out = "fill them" if what == "infinite" else "set --data missing=mean (or median, most_frequent, drop)"
    return DataError(
        f"{where}: column '{name}' has {len(rows)} {what} cells, the first in data row {rows[0] + 1}: {way_out}, or "
        f"leave the column out with --data drop={name}"
    )


def assembled(
    columns: Sequence[Column], values: Sequence[NDArray[np.float64]], where: str
) -> "NDArray[np.float64] | scipy.sparse.csr_matrix[Any]":
    """Return the inputs X (N, D) of columns: a number each, or 0 and 1 for each word.

    A missing cell is NaN in each of its inputs. A large matrix of 0 and 1 is a sparse one, which holds no zeros.

    Args:
        columns: of the table.
        values: of each column (N,), as `encoded` returns them.
        where: file, for messages.

    Raises:
        DataError: for more inputs than there is memory for.
    """
    rows, ends = len(values[0]), np.cumsum([len(column.inputs) for column in columns])
    starts, width = ends - [len(column.inputs) for column in columns], int(ends[-1])
    is_wide = rows * width * 8 > WIDE and width > 4 * len(columns)
    if is_wide and not any(np.isnan(own).any() for own in values):
        import scipy.sparse

        is_word = np.array([column.kind == "category" for column in columns])
        own = np.stack(values, axis=1)  # (N, columns)
        known = ~is_word | (own >= 0)
        numbers = np.where(is_word, known, own)
        places = starts + np.where(is_word & known, own, 0).astype(np.int64)
        begins = np.arange(rows + 1, dtype=np.int64) * len(columns)
        return scipy.sparse.csr_matrix((numbers.ravel(), places.ravel(), begins), shape=(rows, width))
    whole = values[0].base
    if whole is not None and whole.shape == (rows, width) and all(own.base is whole for own in values):
        return whole  # the reader's array has these columns and no others: a copy would take as much again
    check_memory(where, rows * width * 8)
    X = np.zeros((rows, width))
    for column, own, start in zip(columns, values, starts.tolist(), strict=True):
        if column.kind != "category":
            X[:, start] = own
            continue
        rows_known = np.flatnonzero(own >= 0)
        X[rows_known, start + own[rows_known].astype(np.int64)] = 1.0
        X[np.isnan(own), start : start + len(column.words)] = np.nan
    return X
