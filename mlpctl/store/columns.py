"""A table in columns on numpy: what a report needs of one, at a cost that 64 rows are worth. No second pandas.

A column is an array: float64 with NaN for what is missing; int64; or objects (texts, and whole numbers of which some
are missing) with None for what is missing. One that says the same in every row is a single value repeated (stride 0),
and costs nothing, whatever is asked of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import fsum, isfinite, isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.store.schema import TRIAL_COLUMNS, Kind

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]
Made = Array | Callable[[], Array]


class Columns:
    """Columns by name, of equal length; those that are given as functions are made when they are first asked for."""

    def __init__(self, columns: Mapping[str, Made], length: int) -> None:
        """Keep the columns."""
        self._columns, self._length = dict(columns), length
        self._codes: dict[tuple[str, ...], tuple[Array, Array]] = {}

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._length

    def __contains__(self, name: object) -> bool:
        """Whether there is such a column."""
        return name in self._columns

    def __getitem__(self, name: str) -> Array:
        """Return a column."""
        made = self._columns[name]
        if not isinstance(made, np.ndarray):
            made = self._columns[name] = made()
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in their order."""
        return tuple(self._columns)

    def codes(self, *names: str) -> tuple[Array, Array]:
        """Return (codes, firsts) of the groups of rows that agree in some columns, see `codes_of`."""
        if names not in self._codes:
            self._codes[names] = codes_of(*(self[name] for name in names))
        return self._codes[names]

    def only(self, names: Iterable[str]) -> "Columns":
        """Return some columns, in the order given."""
        return Columns({name: self._columns[name] for name in names}, self._length)

    def plus(self, columns: Mapping[str, Made]) -> "Columns":
        """Return the table with further columns, or others of the same name."""
        return Columns({**self._columns, **columns}, self._length)

    def rows(self, which: Array) -> "Columns":
        """Return some rows: where a mask is true, or by their places."""
        if which.dtype == bool and which.all():
            return self
        places = np.flatnonzero(which) if which.dtype == bool else which
        return Columns({name: _taking(self, name, places) for name in self._columns}, len(places))

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as mappings of plain values, None for what is missing."""
        names = self.names
        columns = [values_of(self[name]) for name in names]
        return (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))

    def frame(self, **kinds: Kind) -> "pd.DataFrame":
        """Return the table as a DataFrame: columns of trials typed as in docs/columns.md, others by what is in them.

        Args:
            **kinds: of columns that are otherwise not told by what is in them.
        """
        import pandas as pd

        known = {**TRIAL_COLUMNS, **kinds}
        columns = {name: _series(self[name], known.get(name)) for name in self._columns}
        return pd.DataFrame(columns, index=pd.RangeIndex(self._length), columns=list(self._columns))


def _taking(table: Columns, name: str, places: Array) -> Callable[[], Array]:
    def take() -> Array:
        values = table[name]
        return repeated(values[:1], len(places)) if is_repeated(values) else values[places]

    return take


def _series(values: Array, kind: Kind | None) -> Any:
    import pandas as pd

    if kind == "int":
        return pd.array(values, dtype="Int64")
    if values.dtype != object:
        return pd.Series(np.ascontiguousarray(values))
    filled = [np.nan if value is None else value for value in values]
    if kind == "text":
        return pd.Series(filled, dtype=object)
    if any(type(value) is int for value in values):
        return pd.Series(values, dtype="Int64")
    return pd.Series(filled, dtype=None if is_there(values).any() else "str")


def of_frame(frame: "pd.DataFrame") -> Columns:
    """Return the columns of a DataFrame, each taken over when it is first asked for."""

    def taking(name: str) -> Callable[[], Array]:
        return lambda: _array(frame[name])

    return Columns({str(name): taking(name) for name in frame.columns}, len(frame))


def _array(series: "pd.Series[Any]") -> Array:
    there = series.notna().to_numpy()
    if series.dtype == "Int64" and there.all():
        return series.to_numpy(dtype=np.int64)
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        return series.to_numpy()
    values = np.full(len(series), None, dtype=object)
    values[there] = series.to_numpy(dtype=object)[there]
    return values


def concatenated(tables: Sequence[Columns]) -> Columns:
    """Return the rows of several tables with the same columns, one after the other."""
    if len(tables) == 1:
        return tables[0]

    def joining(name: str) -> Callable[[], Array]:
        return lambda: np.concatenate([table[name] for table in tables])

    return Columns({name: joining(name) for name in tables[0].names}, sum(map(len, tables)))


def repeated(value: Any, length: int) -> Array:
    """Return a column that says the same in every row: a value, or an array of it alone."""
    if isinstance(value, np.ndarray):
        return np.broadcast_to(value, length)
    kind = type(value) if type(value) in (int, float) else object
    return np.broadcast_to(np.array([value], dtype=kind), length)


def is_repeated(values: Array) -> bool:
    """Whether a column is known to say the same in every row; one that is not known to may do so too."""
    return values.strides == (0,) and len(values) > 0


def objects(values: Sequence[Any]) -> Array:
    """Return a column of objects: texts, or whole numbers with None among them."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def values_of(values: Array) -> list[Any]:
    """Return a column as plain values, None for what is missing."""
    plain: list[Any] = values.tolist()
    if values.dtype == np.float64 and np.isnan(values).any():
        return [None if isnan(value) else value for value in plain]
    return plain


def is_there(values: Array) -> Array:
    """Return which cells are not missing."""
    if is_repeated(values):
        return np.broadcast_to(is_there(np.array(values[:1])), len(values))
    if values.dtype == object:
        return np.fromiter((value is not None for value in values), dtype=bool, count=len(values))
    return ~np.isnan(values) if values.dtype == np.float64 else np.ones(len(values), dtype=bool)


def is_in(values: Array, wanted: Iterable[Any]) -> Array:
    """Return which cells are among some values."""
    if is_repeated(values):
        return np.broadcast_to(is_in(np.array(values[:1]), wanted), len(values))
    known = frozenset(wanted)
    return np.fromiter((value in known for value in values_of(values)), dtype=bool, count=len(values))


def distinct(values: Array) -> list[Any]:
    """Return the different values of a column in the order in which they come, None for what is missing."""
    return list(dict.fromkeys(values_of(values[:1] if is_repeated(values) else values)))


def codes_of(*columns: Array) -> tuple[Array, Array]:
    """Return (codes, firsts): the group of each row, and the first row of each group; groups as they come.

    Rows are in one group where they agree in every column; what is missing agrees with what is missing.

    Args:
        *columns: one at least.
    """
    length = len(columns[0])
    codes = np.zeros(length, dtype=np.int64)
    count = min(length, 1)
    for column in columns:
        if is_repeated(column):
            continue
        own, levels = _numbered(values_of(column))
        codes, count = (own, levels) if count <= 1 else _renumbered(codes * levels + own, count * levels)
    firsts = np.empty(count, dtype=np.int64)
    firsts[codes[::-1]] = np.arange(length)[::-1]  # of several rows the last one written stays: the first
    return codes, firsts


def _numbered(values: list[Any]) -> tuple[Array, int]:
    known = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return np.fromiter(map(known.__getitem__, values), dtype=np.int64, count=len(values)), len(known)


def _renumbered(codes: Array, most: int) -> tuple[Array, int]:
    """Return whole numbers below `most` numbered as they come, and how many different ones there are."""
    length = len(codes)
    if most > 10 * length:
        return _numbered(codes.tolist())
    first = np.full(most, length)
    first[codes[::-1]] = np.arange(length)[::-1]
    used = np.flatnonzero(first < length)
    number = np.empty(most, dtype=np.int64)
    number[used[np.argsort(first[used])]] = np.arange(len(used))
    return number[codes], len(used)


def moments(values: Array, codes: Array, groups: int) -> tuple[Array, Array, Array]:
    """Return (n, mean, standard deviation) of each group's numbers; NaN is no number, and what too few numbers have.

    Args:
        values: numbers.
        codes: the group of each.
        groups: how many there are.
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
