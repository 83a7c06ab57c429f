"""Read the cells of a table's file by column: a CSV as texts, Parquet with its types."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain
from math import isnan
from pathlib import Path
from re import fullmatch
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.files import guess_separator
from mlpctl.errors import DataError
from mlpctl.system.parsing import parsing, short_lines

LONGEST_LINE = 1 << 24
"""Characters of the first line of a table; more is no text, or has no lines."""

Cells = list[str] | NDArray[np.float64]
"""Cells of a column: texts, or numbers where the file has types."""


def read_cells(path: Path, separator: str | None, encoding: str = "") -> dict[str, Cells]:
    """Return the cells of a file by column; the suffix says what it is, anything unknown is read as text.

    Raises:
        DataError: if it cannot be read so, or a row is longer or shorter than the first line.
    """
    if path.suffix.lower() in (".parquet", ".pq"):
        import pandas as pd

        with parsing(path, "Parquet"):
            frame = pd.read_parquet(path)
        _check_names(path, list(map(str, frame.columns)))
        with parsing(path, "a table"):
            return {str(name): as_cells(column.to_numpy(), str(name)) for name, column in frame.items()}
    return read_text(path, separator, encoding=encoding)


def read_text(
    path: Path, asked: str | None = None, content: bytes | None = None, encoding: str = ""
) -> dict[str, Cells]:
    """Return the cells of a CSV by column, blanks around them left out.

    Args:
        path: file, or its name in messages.
        asked: separator; None to find it out.
        content: content of what is no file.
        encoding: of the text; "" is UTF-8, or UTF-16 where its mark is there.

    Raises:
        DataError: if it cannot be read so, or a row is longer or shorter than the first line.
    """
    import pyarrow as pa
    import pyarrow.csv as pc

    def opened() -> BinaryIO:
        return path.open("rb") if content is None else io.BytesIO(content)

    with parsing(path, "a table"):
        with opened() as raw:
            has_mark = raw.read(2) in (b"\xff\xfe", b"\xfe\xff")
            encoding = encoding or ("utf-16" if has_mark else "utf-8-sig")
        with opened() as raw, io.TextIOWrapper(raw, encoding, newline="") as stream:
            lines = short_lines(stream, LONGEST_LINE)
            first = next(lines, "")
            told = fullmatch(r"sep=(.)", first.strip())
            head = next(lines, "") if told else first
            separator = asked or (told[1] if told else guess_separator(head))
            head_cells = next(csv.reader(chain([head], lines), delimiter=separator), [])
            names = [name.strip() or f"Unnamed: {place}" for place, name in enumerate(head_cells)]
        if not names:
            raise DataError(f"{path} cannot be read as a table: it is empty")
        _check_names(path, names)
        columns = [str(number) for number in range(len(names))]
        try:
            table = pc.read_csv(
                path if content is None else io.BytesIO(content),
                pc.ReadOptions(
                    column_names=columns, skip_rows=int(told is not None), encoding=encoding.removesuffix("-sig")
                ),
                pc.ParseOptions(delimiter=separator, newlines_in_values=True),
                pc.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False),
            )
        except pa.ArrowInvalid:
            with opened() as raw, io.TextIOWrapper(raw, encoding, newline="") as stream:
                reader = csv.reader(stream, delimiter=separator)
                for row in reader:
                    if row and len(row) != len(names) and not (told and reader.line_num == 1):
                        wrong = f"{len(names)} columns are named, the line has {len(row)}"
                        raise DataError(f"{path}, line {reader.line_num}: {wrong}") from None
            raise
        cells = [[text.strip() for text in column.to_pylist()[1:]] for column in table.columns]
    return dict(zip(names, cells, strict=True))


def _check_names(path: Path, names: Sequence[str]) -> None:
    """Check that no two columns have one name.

    Raises:
        DataError: naming those that do.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: {len(twice)} names of columns are there twice, such as '{twice[0]}': rename one")


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
