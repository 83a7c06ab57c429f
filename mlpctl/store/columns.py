"""Keep a table in columns of numpy: the reader returns it, reports compute on it.

A column is an array: float64 with NaN for what is missing; int64; or objects (texts, and whole numbers of which some
are missing) with None for what is missing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.store.schema import EPOCH_COLUMNS, TRIAL_COLUMNS, ColumnKind, Row

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

COLUMN_KINDS = {**TRIAL_COLUMNS, **EPOCH_COLUMNS}


class Columns:
    """Table in columns, by name, of equal length."""

    def __init__(self, columns: Mapping[str, Array], length: int) -> None:
        """Keep the columns."""
        self._columns, self._length = dict(columns), length

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._length

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a column."""
        return name in self._columns

    def __getitem__(self, name: str) -> Array:
        """Return a column."""
        return self._columns[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in their order."""
        return tuple(self._columns)

    def only(self, names: Iterable[str]) -> "Columns":
        """Return some columns, in the order given."""
        return Columns({name: self._columns[name] for name in names}, self._length)

    def plus(self, columns: Mapping[str, Array]) -> "Columns":
        """Return the table with further columns, or others of the same name."""
        return Columns({**self._columns, **columns}, self._length)

    def rows(self, which: Array) -> "Columns":
        """Return some rows: where a mask is true, or by their places."""
        if which.dtype == bool and which.all():
            return self
        places = np.flatnonzero(which) if which.dtype == bool else which
        return Columns({name: values[places] for name, values in self._columns.items()}, len(places))

    def records(self) -> Iterator[Row]:
        """Yield the rows as mappings of plain values, None for what is missing."""
        columns = [values_of(values) for values in self._columns.values()]
        return (dict(zip(self._columns, row, strict=True)) for row in zip(*columns, strict=True))

    def frame(self) -> "pd.DataFrame":
        """Return the table as a DataFrame: texts as `str`, whole numbers as `Int64`."""
        import pandas as pd

        columns = {name: _series(values, COLUMN_KINDS.get(name)) for name, values in self._columns.items()}
        return pd.DataFrame(columns, index=pd.RangeIndex(self._length), columns=list(columns))


def _series(values: Array, kind: ColumnKind | None) -> Any:
    import pandas as pd

    if values.dtype == np.float64:
        return values
    if kind == "int" or values.dtype == np.int64:
        return pd.array(values.tolist(), dtype="Int64")
    return pd.array([None if value is None else str(value) for value in values.tolist()], dtype="str")


def concatenated(tables: Sequence[Columns]) -> Columns:
    """Return the rows of several tables with the same columns, one after the other."""
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0].names}
    return Columns(columns, sum(map(len, tables)))


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


def last_of_each(table: Columns, *names: str) -> Columns:
    """Return the last of the rows that agree in some columns, in the order of the rows."""
    last = {key: row for row, key in enumerate(zip(*(table[name].tolist() for name in names), strict=True))}
    return table if len(last) == len(table) else table.rows(np.array(sorted(last.values()), dtype=np.intp))
