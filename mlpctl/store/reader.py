"""`trials.csv` as columns and `epochs.csv` as a DataFrame: typed, checked, whatever version of mlpctl wrote them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.errors import DataError
from mlpctl.metrics import PRIMARY
from mlpctl.store.columns import Array, Columns, Made, objects, repeated
from mlpctl.store.csv_cells import Cells, cells_of
from mlpctl.store.csv_lines import foreign, header_of, is_ours
from mlpctl.store.schema import BEFORE, EPOCH_COLUMNS, SCHEMA_VERSION, TRIAL_COLUMNS, Kind

if TYPE_CHECKING:
    import pandas as pd

DTYPES = {"text": "object", "int": "Int64", "float": "float64"}
MISSING = ("", "nan")
"""What a cell says that says nothing."""


def read_trials(path: Path) -> Columns:
    """Return the trials of a `trials.csv`; a torn last row is left out, columns not there yet are filled by default.

    Raises:
        DataError: if there is no such file, or it is no CSV of this schema.
    """
    if not path.is_file():
        raise DataError(f"no results in {path.parent}: {path.name} is missing; `mlpctl sweep` or `train` writes it")
    header, whole = _whole_rows(path)
    if not whole:
        return Columns({name: _all_alike(None, kind, 0) for name, kind in TRIAL_COLUMNS.items()}, 0)
    try:
        cells = cells_of(header, whole)
    except ValueError as error:  # what is no UTF-8 too
        raise _unreadable(path, error) from error
    _check_version(path, _texts_of(cells, "schema_version"))
    tasks = [task for task in _texts_of(cells, "task") if task not in (*MISSING, *PRIMARY)]
    if tasks:
        raise DataError(f"{path} has trials with a task '{tasks[0]}': `mlpctl results repair {path.parent}` mends it")
    try:
        return Columns({name: _column(cells, name, kind) for name, kind in TRIAL_COLUMNS.items()}, len(cells))
    except ValueError as error:
        raise _wrong_type(path, error) from error


def read_epochs(path: Path) -> "pd.DataFrame":
    """Return the epochs of an `epochs.csv`, none if there is no file; a torn last row is left out.

    Raises:
        DataError: if it is no CSV of this schema.
    """
    from io import BytesIO

    import pandas as pd

    header, whole = _whole_rows(path) if path.is_file() else ([], b"")
    if not whole:
        return _typed(pd.DataFrame(columns=list(EPOCH_COLUMNS)))
    text = [name for name in header if EPOCH_COLUMNS.get(name, "text") == "text"]
    try:
        table = pd.read_csv(
            BytesIO(whole), dtype=dict.fromkeys(text, "object"), keep_default_na=False, na_values=list(MISSING)
        )
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise _unreadable(path, error) from error
    _check_version(path, table["schema_version"].dropna().unique())
    try:
        return _typed(table.reindex(columns=list(EPOCH_COLUMNS)))
    except (TypeError, ValueError) as error:
        raise _wrong_type(path, error) from error


def _typed(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    for name, kind in EPOCH_COLUMNS.items():
        if kind != "text":
            table[name] = pd.to_numeric(table[name])
    return table.astype({name: DTYPES[kind] for name, kind in EPOCH_COLUMNS.items()})


def _whole_rows(path: Path) -> tuple[list[str], bytes]:
    """Return (columns, the file without what follows its last newline, which is torn); no bytes if there is no row."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    whole = raw[: raw.rfind(b"\n") + 1]
    header = header_of(whole.split(b"\n", 1)[0])
    if whole and not is_ours(header):
        raise foreign(path)
    return header, whole


def _check_version(path: Path, versions: Iterable[Any]) -> None:
    newest = max((_number_or_none(str(version)) or 0 for version in versions), default=0)
    if newest > SCHEMA_VERSION:
        raise DataError(f"{path} was written by a newer mlpctl (schema {newest:.0f}, this one reads {SCHEMA_VERSION})")


def _number_or_none(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read: {error}; `mlpctl results repair {path.parent}` mends it")


def _wrong_type(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} has a cell of the wrong type: {error}; `mlpctl results repair {path.parent}` mends it")


def _texts_of(cells: Cells, name: str) -> list[str]:
    """Return what is said in a column, each once; nothing of one that is not there."""
    if name not in cells.header:
        return []
    only = cells.only(name)
    return list(dict.fromkeys(cells.column(name))) if only is None else [only]


def _column(cells: Cells, name: str, kind: Kind) -> Made:
    """Return a column, of text when it is asked for, of numbers at once: they are checked."""
    if name not in cells.header:
        return _all_alike(BEFORE.get(name), kind, len(cells))
    only = cells.only(name)
    if only is not None:
        return _all_alike(None if only in MISSING else READ[kind](name, only), kind, len(cells))
    if kind == "text":
        return lambda: objects([None if cell in MISSING else cell for cell in cells.column(name)])
    return _floats(name, cells.column(name)) if kind == "float" else _ints(name, cells.column(name))


def _floats(name: str, cells: Sequence[str]) -> Array:
    try:
        values = [float(cell) if cell else None for cell in cells]
    except ValueError:
        values = [_float(name, cell) for cell in cells if cell]  # says which
    return np.array(values, dtype=np.float64)  # None is NaN


def _ints(name: str, cells: Sequence[str]) -> Array:
    try:
        values = [int(cell) if cell else None for cell in cells]
    except ValueError:
        values = [None if cell in MISSING else _int(name, cell) for cell in cells]
    there = np.array([value for value in values if value is not None] or [0])
    if there.dtype != np.int64:
        raise ValueError(f"{name} has a number that does not fit in 64 bits")
    return objects(values) if None in values else there


def _all_alike(value: Any, kind: Kind, length: int) -> Array:
    return repeated(float("nan") if value is None and kind == "float" else value, length)


def _float(name: str, cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise ValueError(f"{name} must be a number, got '{cell}'") from None


def _int(name: str, cell: str) -> int:
    try:
        value = int(cell)
    except ValueError:
        number = _number_or_none(cell)
        if number is None or not number.is_integer():
            raise ValueError(f"{name} must be a whole number, got '{cell}'") from None
        value = int(number)
    return value


READ: Mapping[Kind, Callable[[str, str], Any]] = {"text": lambda _, cell: cell, "float": _float, "int": _int}
