"""Read `trials.csv` and `epochs.csv`: typed and checked, whatever version of mlpctl wrote them.

A last row that was not written to its end is left out; of a trial or an epoch that was run twice the last row counts.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.errors import DataError
from mlpctl.metrics import PRIMARY
from mlpctl.spec import OPTION_FIELDS, Spec, kind_of, number_kind
from mlpctl.store.columns import Array, Columns, last_of_each, objects
from mlpctl.store.csv_lines import COLUMNS_BY_FILE, foreign, header_of, is_object, is_ours, scan
from mlpctl.store.schema import (
    BEFORE,
    EPOCH_COLUMNS,
    EPOCHS_FILE,
    FINAL_SCORES,
    SCHEMA_VERSION,
    SCORES,
    TRIAL_COLUMNS,
    TRIALS_FILE,
    ColumnKind,
    Row,
)

if TYPE_CHECKING:
    import pyarrow as pa

MISSING_CELLS = ["", "nan", "NaN"]
"""Cells that say nothing."""


def trials(folder: Path, names: Iterable[str] = TRIAL_COLUMNS) -> Columns:
    """Return the trials of a results folder.

    Args:
        folder: results folder.
        names: columns to read; columns that older versions did not have are filled by default.

    Raises:
        DataError: where there are no results, or a row is damaged.
    """
    check_there(folder)
    names = tuple(names)
    return last_of_each(_read(folder / TRIALS_FILE, (*names, "key")), "key").only(names)


def epochs(folder: Path, keys: Iterable[str] | None = None) -> Columns:
    """Return the epochs of a results folder, none if it has no file of them.

    Args:
        folder: results folder.
        keys: trials whose epochs are returned; None for all.

    Raises:
        DataError: where a row is damaged.
    """
    table = _read(folder / EPOCHS_FILE, EPOCH_COLUMNS)
    if keys is not None:
        wanted = set(keys)
        table = table.rows(np.fromiter((key in wanted for key in table["key"]), dtype=bool, count=len(table)))
    return last_of_each(table, "key", "epoch")


def trial(folder: Path, key: str) -> tuple[Row, list[Row]]:
    """Return the row of a trial and the rows of its epochs as plain values, None for what is missing.

    Raises:
        DataError: if the trial is not in the folder, or a row is damaged.
    """
    table = trials(folder)
    rows = list(table.rows(table["key"] == key).records())
    if not rows:
        raise DataError(f"{folder} has no trial {key}")
    return rows[0], list(epochs(folder, [key]).records())


def scores(folder: Path, fields: Iterable[str] = ()) -> Iterator[Row]:
    """Yield key, configuration, status, task, final scores and some fields of each trial; none where no trial is yet.

    Raises:
        DataError: where a row is damaged.
    """
    names = dict.fromkeys(("key", "config", "status", "task", *SCORES, *FINAL_SCORES, *fields))
    return trials(folder, names).records() if (folder / TRIALS_FILE).is_file() else iter(())


def keys(folder: Path) -> dict[str, str]:
    """Return key -> status of the trials in a results folder; {} where there are none yet.

    Raises:
        DataError: where a row is damaged.
    """
    if not (folder / TRIALS_FILE).is_file():
        return {}
    table = trials(folder, ("key", "status"))
    return dict(zip(table["key"].tolist(), table["status"].tolist(), strict=True))


def rows_from(path: Path, start: int) -> tuple[list[Row], int]:
    """Return the whole rows of a file from a byte on, and the byte where they end; 0 is the beginning of the file.

    Raises:
        DataError: where a row is damaged.
    """
    whole = _whole_rows(path)
    first = whole.find(b"\n") + 1
    table = _read(path, COLUMNS_BY_FILE[path.name], whole[:first] + whole[max(start, first) :])
    return list(table.records()), len(whole)


def check_there(folder: Path) -> None:
    """Check that a folder has results.

    Raises:
        DataError: with the command that makes them.
    """
    if not (folder / TRIALS_FILE).is_file():
        raise DataError(f"no results in {folder}: {TRIALS_FILE} is missing; `mlpctl sweep` or `train` writes it")


def _read(path: Path, names: Iterable[str], whole: bytes | None = None) -> Columns:
    kinds = COLUMNS_BY_FILE[path.name]
    whole = _whole_rows(path) if whole is None else whole
    header = header_of(whole.split(b"\n", 1)[0])
    wanted = {name: kinds[name] for name in dict.fromkeys((*names, "key", "schema_version"))}
    table = _parsed(path, wanted, whole)
    table = table.rows(_known_versions(table["schema_version"]))
    if "task" in wanted and not {*table["task"].tolist()} <= {None, *PRIMARY}:
        raise _damaged(path, "a task is unknown")
    for name in wanted.keys() & {*OPTION_FIELDS}:
        if not all(map(is_object, {*table[name].tolist()} - {None})):
            raise _damaged(path, f"{name} is no JSON object")
    before = {name: BEFORE[name] for name in wanted if name not in header and name in BEFORE}
    filled = {name: objects([value] * len(table)) for name, value in before.items() if isinstance(value, str)}
    filled |= {name: np.full(len(table), value) for name, value in before.items() if name not in filled}
    return table.plus(filled).only(names)


def _known_versions(versions: Array) -> Array:
    """Return which rows this version of mlpctl reads; `results check` names those that a newer one wrote."""
    return np.array([version is None or version <= SCHEMA_VERSION for version in versions.tolist()], dtype=bool)


def _whole_rows(path: Path) -> bytes:
    """Return a file up to its last newline: what follows was not written to its end."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raw = b""
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    whole = raw[: raw.rfind(b"\n") + 1]
    if whole and not is_ours(header_of(whole.split(b"\n", 1)[0])):
        raise foreign(path)
    return whole


MAYBE_NUMBERS = frozenset(
    name for name, info in Spec.model_fields.items() if kind_of(info) == "text" and number_kind(info) == "float"
)
"""Fields that are a number, or several."""


def _parsed(path: Path, wanted: Mapping[str, ColumnKind], whole: bytes) -> Columns:
    import pyarrow as pa
    from pyarrow import csv

    types = {"text": pa.dictionary(pa.int32(), pa.string()), "int": pa.int64(), "float": pa.float64()}
    options = csv.ConvertOptions(
        column_types={name: types[kind] for name, kind in wanted.items()},
        null_values=MISSING_CELLS,
        strings_can_be_null=True,
        include_columns=list(wanted),
        include_missing_columns=True,
    )
    try:
        table = csv.read_csv(
            pa.BufferReader(whole or f"{','.join(wanted)}\n".encode()),
            read_options=csv.ReadOptions(use_threads=False),
            convert_options=options,
        )
    except pa.ArrowInvalid as error:
        raise _damaged(path, str(error)) from error
    columns = {name: _array(table[name], kind) for name, kind in wanted.items()}
    return Columns({n: _as_numbers(v) if n in MAYBE_NUMBERS else v for n, v in columns.items()}, len(table))


def _as_numbers(texts: Array) -> Array:
    """Return a column of texts with numbers in place of those that are one; as float64 where all are."""

    def number(text: str | None) -> Any:
        try:
            return None if text is None else float(text)
        except ValueError:
            return text

    values = [number(text) for text in texts.tolist()]
    return objects(values) if any(isinstance(value, str) for value in values) else np.array(values, np.float64)


def _array(column: "pa.ChunkedArray", kind: ColumnKind) -> Array:
    empty = np.array([], dtype={"text": object, "int": np.int64, "float": np.float64}[kind])
    parts = [_part(chunk, kind) for chunk in column.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([empty, *parts])


def _part(chunk: "pa.Array", kind: ColumnKind) -> Array:
    if kind == "text":
        places, there = _numbers(chunk.indices, np.dtype(np.int32))
        return objects([*chunk.dictionary.to_pylist(), None])[np.where(there, places, -1)]
    if kind == "float":
        values, there = _numbers(chunk, np.dtype(np.float64))
        return np.where(there, values, np.nan)
    values, there = _numbers(chunk, np.dtype(np.int64))
    if there.all():
        return values
    return objects([value if known else None for value, known in zip(values.tolist(), there.tolist(), strict=True)])


def _numbers(chunk: "pa.Array", dtype: "np.dtype[Any]") -> tuple[Array, Array]:
    """Return (values, which of them are there) of a part of a column, whose own `to_numpy` imports pandas (0.4 s)."""
    validity, data = chunk.buffers()
    rows = slice(chunk.offset, chunk.offset + len(chunk))
    there = np.ones(len(chunk), dtype=bool)
    if validity is not None:
        there = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")[rows].astype(bool)
    return np.frombuffer(data, dtype)[rows], there


def _damaged(path: Path, why: Any) -> DataError:
    """Return the error of a file with a damaged row: which one, as `mlpctl results check` says it too."""
    whole = (line for line in scan(path) if line.raw.endswith(b"\n"))
    line = next((line for line in whole if line.problem), None)
    told = f"{path}: {why}" if line is None else f"{path}, line {line.number}: {line.problem}"
    return DataError(f"{told}; `mlpctl results repair {path.parent}` mends it")
