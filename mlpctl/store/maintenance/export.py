"""Export results for other programs: trials and epochs as Parquet or JSON, typed and exact to the last bit."""

import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mlpctl.errors import UsageError
from mlpctl.store.columns import COLUMN_KINDS, Columns, objects, values_of
from mlpctl.store.results import load
from mlpctl.system.files import write_output

ExportFormat = Literal["parquet", "json"]

ROWS_AT_A_TIME = 20_000
"""Rows that are written as JSON at a time: at most 100 MB of Python objects."""


def export(folders: Sequence[Path], out: Path | None, format_: ExportFormat) -> list[Path]:
    """Write the trials and the epochs of results folders and return the two files.

    Rows are those that count: of a trial that was run twice the last. Columns that are empty everywhere are left out of
    JSON, and kept, typed, in Parquet.

    Args:
        folders: results folders; with several, the trials' column `folder` says where each is from.
        out: folder for the files; None is the results folder itself.
        format_: format of the files.

    Raises:
        DataError: where there are no results, or the files cannot be written.
        UsageError: for several folders without `out`.
    """
    if out is None and len(folders) > 1:
        raise UsageError("several results folders are exported into one of your own: name it with -o FOLDER")
    out = folders[0] if out is None else out
    results = load(*folders, every=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from error
    tables = {out / f"trials.{format_}": results.rows, out / f"epochs.{format_}": results.epoch_rows}
    for path, table in tables.items():
        write_output(path, json_chunks(table) if format_ == "json" else to_parquet(table))
    return list(tables)


def to_parquet(table: Columns) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "int": pa.int64(), "float": pa.float64()}
    columns = {}
    for name in table.names:
        kind, values = COLUMN_KINDS.get(name, "text"), table[name]
        if kind == "text" and values.dtype != object:  # a number or several, where no row has several
            kind = "float"
        elif kind == "text":
            values = objects([None if value is None else str(value) for value in values.tolist()])
        columns[name] = pa.array(values, types[kind], from_pandas=True)  # NaN is missing
    stream = BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def json_chunks(table: Columns) -> Iterator[bytes]:
    """Yield a table as a JSON list of objects, in parts; what is missing or not finite is null."""
    shown = table.only([name for name in table.names if any(cell is not None for cell in values_of(table[name]))])
    yield b"["
    for first in range(0, len(table), ROWS_AT_A_TIME):
        part = shown.rows(np.arange(first, min(first + ROWS_AT_A_TIME, len(table))))
        rows = [{name: _finite(cell) for name, cell in row.items()} for row in part.records()]
        yield (",\n" if first else "\n").encode() + json.dumps(rows, allow_nan=False)[1:-1].encode()
    yield b"\n]\n"


def _finite(cell: Any) -> Any:
    return None if isinstance(cell, float) and not isfinite(cell) else cell
