"""Group the rows of a table: what is in a column, which rows agree, mean and spread of each group."""

from collections.abc import Iterable, Sequence
from math import fsum, isfinite, isnan, nan
from typing import Any

import numpy as np

from mlpctl.store.columns import Array, values_of


def is_there(values: Array) -> Array:
    """Return which cells are not missing."""
    if values.dtype == object:
        return np.fromiter((value is not None for value in values), dtype=bool, count=len(values))
    return ~np.isnan(values)


def is_in(values: Array, wanted: Iterable[Any]) -> Array:
    """Return which cells are among some values."""
    known = frozenset(wanted)
    return np.fromiter((value in known for value in values_of(values)), dtype=bool, count=len(values))


def distinct_values(values: Array) -> list[Any]:
    """Return the different values of a column in the order in which they come, None for what is missing."""
    return list(dict.fromkeys(values_of(values)))


def codes_of(*columns: Array) -> tuple[Array, Array]:
    """Return (codes, firsts): the group of each row, and the first row of each group; groups as they come.

    Rows are in one group where they agree in every column; what is missing agrees with what is missing.

    Args:
        *columns: one at least.
    """
    codes = _numbered(values_of(columns[0]))
    for column in columns[1:]:
        own = _numbered(values_of(column))
        if own.any():  # most columns say the same in every row
            codes = _numbered((codes * (own.max() + 1) + own).tolist())
    firsts = np.zeros(codes.max(initial=-1) + 1, dtype=np.intp)
    firsts[codes[::-1]] = np.arange(len(codes))[::-1]  # of several rows the last one written stays: the first
    return codes, firsts


def _numbered(values: list[Any]) -> Array:
    """Return for each value the number of values that were met before it first came."""
    known = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.fromiter(map(known.__getitem__, values), dtype=np.intp, count=len(values))


def moments(values: Array, codes: Array, groups: int) -> tuple[Array, Array, Array]:
    """Return (n, mean, standard deviation) of each group's numbers; NaN is no number, and what too few numbers have.

    Args:
        values: numbers.
        codes: group of each.
        groups: number of groups.
    """
    own: list[list[float]] = [[] for _ in range(groups)]
    for value, code in zip(values.astype(np.float64).tolist(), codes.tolist(), strict=True):
        if not isnan(value):
            own[code].append(value)
    n = np.array([len(some) for some in own], dtype=np.int64)
    mean = np.array([_sum(some) / len(some) if some else nan for some in own])
    squares = [_sum([(value - middle) ** 2 for value in some]) for some, middle in zip(own, mean.tolist(), strict=True)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return n, mean, np.where(n > 1, np.sqrt(np.array(squares) / (n - 1)), nan)


def _sum(values: Sequence[float]) -> float:
    """Return the sum, rounded once; of infinite values too, which `fsum` refuses where their signs differ."""
    return fsum(values) if all(map(isfinite, values)) else sum(values)
