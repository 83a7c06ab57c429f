"""Results for other programs: trials and epochs as Parquet or JSON, typed and exact to the last bit."""

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlpctl.errors import UsageError
from mlpctl.store.schema import EPOCH_COLUMNS, TRIAL_COLUMNS, Kind
from mlpctl.system.files import replace_file

if TYPE_CHECKING:
    import pandas as pd

ExportFormat = Literal["parquet", "json"]

ROWS_AT_A_TIME = 20_000
"""Of JSON: 100 MB of Python objects at the most."""


def export(folders: Sequence[Path], out: Path | None, format_: ExportFormat) -> list[Path]:
    """Write the trials and the epochs of results folders and return the two files.

    Rows are those that count: of a trial that was run twice the last. Columns that are empty everywhere are left out of
    JSON, and kept, typed, in Parquet.

    Args:
        folders: one or several; with several, the trials' column `folder` says where each is from.
        out: folder for the files; None is the results folder itself.
        format_: of the files.

    Raises:
        DataError: where there are no results, or the files cannot be written.
        UsageError: for several folders without `out`.
    """
    from mlpctl.store.results import load

    if out is None and len(folders) > 1:
        raise UsageError("several results folders are exported into one of your own: name it with -o FOLDER")
    out = folders[0] if out is None else out
    results = load(*folders)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from error
    trial_columns: dict[str, Kind] = {**TRIAL_COLUMNS, "folder": "text"}
    written = []
    for name, table, columns in (
        ("trials", results.trials, trial_columns),
        ("epochs", results.epochs, EPOCH_COLUMNS),
    ):
        path = out / f"{name}.{format_}"
        replace_file(path, to_json(table, columns) if format_ == "json" else to_parquet(table, columns))
        written.append(path)
    return written


def to_parquet(table: "pd.DataFrame", columns: Mapping[str, Kind]) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "int": pa.int64(), "float": pa.float64()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    stream = BytesIO()
    pq.write_table(pa.Table.from_pandas(table[list(columns)], schema=schema, preserve_index=False), stream)
    return stream.getvalue()


def to_json(table: "pd.DataFrame", columns: Mapping[str, Kind]) -> Iterator[bytes]:
    """Yield a table as a JSON list of objects, in parts; what is missing or not finite is null."""
    shown = [name for name in columns if table[name].notna().any()]
    parts = (table[shown].iloc[at : at + ROWS_AT_A_TIME] for at in range(0, len(table), ROWS_AT_A_TIME))
    yield b"["
    yield from (_separated(number, part) for number, part in enumerate(parts))
    yield b"\n]\n"


def _separated(number: int, part: "pd.DataFrame") -> bytes:
    names = list(part.columns)
    rows = [dict(zip(names, cells, strict=True)) for cells in zip(*map(_values, part.items()), strict=True)]
    return (",\n" if number else "\n").encode() + json.dumps(rows, allow_nan=False)[1:-1].encode()


def _values(named: "tuple[Hashable, pd.Series[Any]]") -> list[Any]:
    """Return the values of a column; a list of floats is made far faster than one of objects."""
    import numpy as np

    column = named[1]
    if column.dtype == np.float64:
        numbers = column.to_numpy()
        values = numbers.tolist()
        for at in np.flatnonzero(~np.isfinite(numbers)):
            values[at] = None
        return values
    return [None if missing else value for value, missing in zip(column.tolist(), column.isna(), strict=True)]
