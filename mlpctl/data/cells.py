"""Hold the cells of a table's column: texts, or numbers where the file has types."""

from decimal import Decimal
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

Cells = list[str] | NDArray[np.float64]
"""Cells of a column: texts, or numbers where the file has types."""


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
