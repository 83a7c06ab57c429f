"""Hold the cells of a table's columns: texts, or numbers where the file has types or the texts are plain numbers."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

Cells = list[str] | NDArray[np.float64]
"""Cells of a column: texts, or numbers."""

MISSING = frozenset(("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A", "?"))
"""Words for no value in a column of numbers. In a column of words all but the empty text are words."""

CODE = r"0\d+"
"""A number with a leading zero is a code, as of a place; 0.5 and 0 are numbers."""


def as_cells(values: NDArray[Any], name: str) -> Cells:
    """Return an array as numbers, or as texts where it holds anything else.

    Raises:
        ValueError: for bytes and lists.
    """
    if values.dtype.kind in "iuf":
        return values.astype(np.float64)
    if values.dtype.kind == "M":
        return [
            "" if text == "NaT" else text for text in np.datetime_as_string(values.astype("datetime64[s]")).tolist()
        ]
    if values.dtype.kind == "b":
        return list(map(str, values.tolist()))
    cells = values.tolist()
    there = [cell for cell in cells if not _is_nothing(cell)]
    if there and all(isinstance(cell, Decimal | float | int) and not isinstance(cell, bool) for cell in there):
        return np.array([np.nan if cell is None else float(cell) for cell in cells])
    if any(isinstance(cell, bytes | bytearray | list | dict | np.ndarray) for cell in there):
        raise ValueError(f"column '{name}' has bytes or lists, and a cell is a number, a word or a date")
    return ["" if _is_nothing(cell) else str(cell) for cell in cells]


def _is_nothing(cell: object) -> bool:
    return cell is None or (isinstance(cell, float | Decimal) and isnan(cell))


def as_texts(numbers: NDArray[np.float64]) -> list[str]:
    """Return numbers as the words of a category."""
    return [f"{number:.15g}" for number in numbers.tolist()]


def joined(first: Cells, second: Cells) -> Cells:
    """Return the cells of one column in two files, one behind the other; texts where one of the two has texts."""
    if not isinstance(first, list) and not isinstance(second, list):
        return np.concatenate([first, second])
    return with_gaps(first) + with_gaps(second)


def with_gaps(cells: Cells) -> list[str]:
    """Return cells as texts, "" where a number is missing."""
    return cells if isinstance(cells, list) else ["" if text == "nan" else text for text in as_texts(cells)]


def without(cells: Cells, words: frozenset[str]) -> Cells:
    """Return cells, those that are one of some words for a missing value emptied: "", or NaN among numbers.

    Args:
        cells: of a column.
        words: for a missing value, such as -999: a number counts as the number that it is.
    """
    numbers = frozenset(number for word in words if (number := _as_number(word)) is not None)
    if not isinstance(cells, list):
        return np.where(np.isin(cells, list(numbers)), np.nan, cells)
    return ["" if cell in words or (numbers and _as_number(cell) in numbers) else cell for cell in cells]


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def gathered(names: Sequence[str], texts: Sequence[str], batches: Callable[[], Iterable[Any]]) -> dict[str, Cells]:
    """Return the cells by column of batches of texts, blanks around them left out; plain numbers as numbers.

    The batches are gone through twice, so that no column of numbers is ever there as texts as a whole.

    Args:
        names: of the columns.
        texts: columns that stay texts.
        batches: returns arrow's batches, each time from the first.
    """
    import pyarrow as pa

    numeric, rows = {name for name in names if name not in texts}, 0
    there = set[str]()
    for batch in batches():
        rows += batch.num_rows
        for name, column in zip(names, batch.columns, strict=True):
            if name not in numeric:
                continue
            numbers = _numbers_of(column)
            if numbers is None:
                numeric.discard(name)
            elif not np.isnan(numbers).all():
                there.add(name)
    numeric &= there  # a column without any value says nothing of its kind
    values = np.empty((rows, len(numeric)))
    places = {name: place for place, name in enumerate(name for name in names if name in numeric)}
    words: dict[str, list[str]] = {name: [] for name in names if name not in numeric}
    begin = 0
    for batch in batches():
        end = begin + batch.num_rows
        for name, column in zip(names, batch.columns, strict=True):
            if name in numeric:
                values[begin:end, places[name]] = _numbers_of(column)
            else:
                words[name] += _words_of(column)
        begin = end
    pa.default_memory_pool().release_unused()  # or the texts of the last batches stay, while the inputs are scaled
    return {name: values[:, places[name]] if name in numeric else words[name] for name in names}


def _numbers_of(column: Any) -> NDArray[np.float64] | None:
    """Return texts as numbers, NaN where one is missing; None if any is no plain number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = column.cast(pa.float64())  # most files have neither blanks nor gaps
    except pa.ArrowInvalid:
        column = pc.utf8_trim_whitespace(column)
        try:
            numbers = pc.if_else(pc.is_in(column, pa.array(sorted(MISSING))), None, column).cast(pa.float64())
        except pa.ArrowInvalid:
            return None
    zeros = column.filter(pc.starts_with(column, "0"))
    if pc.any(pc.match_substring_regex(zeros, f"^{CODE}$")).as_py():
        return None
    values: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    return values


def _words_of(column: Any) -> list[str]:
    """Return texts as a list that holds each different one once."""
    import pyarrow.compute as pc

    coded = pc.utf8_trim_whitespace(column).dictionary_encode()
    words = coded.dictionary.to_pylist()
    return [words[code] for code in coded.indices.to_pylist()]
