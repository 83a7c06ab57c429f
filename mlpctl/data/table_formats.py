"""Read tables that have types, each by the library that knows its format: Parquet, Excel, JSON, ARFF and others."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from mlpctl.data.cells import Cells, as_cells
from mlpctl.errors import DataError

REFUSED = frozenset((".xls", ".ods", ".pkl", ".pickle", ".mat", ".h5", ".hdf5", ".sav", ".sas7bdat", ".xpt", ".rds"))
REFUSED |= {".rdata", ".db", ".sqlite", ".html", ".pdf", ".docx", ".7z", ".rar", ".tar", ".tgz"}
"""Suffixes of tables that are not read."""

MOST_COLUMNS = 10_000
"""Columns of a libsvm file, which are kept one by one."""

LIBSVM = (".svm", ".svmlight", ".libsvm")


def read_typed(suffix: str, path: Path, content: bytes | None, sheet: str) -> dict[str, Cells] | None:
    """Return the cells of a table that has types, by column; None for a text such as a CSV.

    Args:
        suffix: of the file once it is unpacked, in small letters.
        path: file, or its name in messages.
        content: content of what is no file.
        sheet: of an Excel file; "" for its only one.

    Raises:
        DataError: for a format that is not read. Anything else as the library raises it.
    """
    if suffix in REFUSED:
        raise DataError(f"{path}: tables of the format {suffix} are not read: write it as CSV or Parquet")
    source: Any = path if content is None else io.BytesIO(content)
    if suffix == ".xlsx":
        return _excel(source, path, sheet)
    if suffix == ".arff":
        return _arff(path, content)
    if suffix in LIBSVM:
        return _libsvm(source, path)
    return _frame(READERS[suffix](source)) if suffix in READERS else None


def _pandas(name: str, **options: Any) -> Callable[[Any], Any]:
    def read(source: Any) -> Any:
        import pandas as pd

        return getattr(pd, name)(source, **options)

    return read


_PARQUET, _FEATHER = _pandas("read_parquet"), _pandas("read_feather")
_LINES = _pandas("read_json", lines=True, dtype=False)

READERS: dict[str, Callable[[Any], Any]] = {
    ".parquet": _PARQUET,
    ".pq": _PARQUET,
    ".feather": _FEATHER,
    ".arrow": _FEATHER,
    ".dta": _pandas("read_stata"),
    ".json": _pandas("read_json", dtype=False),
    ".jsonl": _LINES,
    ".ndjson": _LINES,
}
"""Suffix -> reader of pandas."""


def _frame(frame: Any) -> dict[str, Cells]:
    return {str(name): as_cells(column.to_numpy(), str(name)) for name, column in frame.items()}


def _excel(source: Any, path: Path, sheet: str) -> dict[str, Cells]:
    import pandas as pd

    try:
        with pd.ExcelFile(source, engine="openpyxl") as book:
            names = list(map(str, book.sheet_names))
            if sheet and sheet not in names:
                raise DataError(f"{path} has no sheet '{sheet}', it has {', '.join(names)}")
            if not sheet and len(names) > 1:
                raise DataError(f"{path} has {len(names)} sheets ({', '.join(names[:5])}): set --data sheet=NAME")
            return _frame(pd.read_excel(book, sheet_name=sheet or names[0]))
    except ImportError:
        raise DataError(f"{path}: Excel files need openpyxl: pip install 'mlpctl[excel]', or save it as CSV") from None


def _arff(path: Path, content: bytes | None) -> dict[str, Cells]:
    from scipy.io import arff

    text = (path.read_bytes() if content is None else content).decode("utf-8-sig")
    stream: IO[str] = io.StringIO(text)
    try:
        values, _ = arff.loadarff(stream)
    except NotImplementedError as error:
        raise DataError(f"{path}: {error}; such an ARFF file is not read: write it as CSV") from None
    cells = dict[str, Cells]()
    for name in values.dtype.names:
        own = values[name]
        if own.dtype.kind != "S":
            cells[name] = as_cells(own, name)
        else:
            words = [word.decode() for word in own.tolist()]
            cells[name] = ["" if word == "?" else word for word in words]
    return cells


def _libsvm(source: Any, path: Path) -> dict[str, Cells]:
    from sklearn.datasets import load_svmlight_file

    X, y = load_svmlight_file(source if isinstance(source, io.BytesIO) else str(source))
    if X.shape[1] > MOST_COLUMNS:
        raise DataError(f"{path} has {X.shape[1]:,} columns, and {MOST_COLUMNS:,} are read: take fewer")
    columns: dict[str, Cells] = {f"x{place + 1}": own for place, own in enumerate(X.toarray().T)}
    return {**columns, "target": np.asarray(y, dtype=np.float64)}
