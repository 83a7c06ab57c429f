"""Read, check and write the CSV files of a results folder line by line, in flat memory.

A row is a line, because the writer leaves no newline in a cell: what is wrong with one row says nothing of the next.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from mlpctl.errors import DataError
from mlpctl.metrics import PRIMARY, Status
from mlpctl.store.schema import EPOCH_COLUMNS, EPOCHS_FILE, SCHEMA_VERSION, TRIAL_COLUMNS, TRIALS_FILE, ColumnKind

COLUMNS_BY_FILE: dict[str, dict[str, ColumnKind]] = {EPOCHS_FILE: EPOCH_COLUMNS, TRIALS_FILE: TRIAL_COLUMNS}
"""The files of a results folder and their columns, in the order in which they are written."""

READ: dict[ColumnKind, tuple[Callable[[str], object], str]] = {"int": (int, "whole number"), "float": (float, "number")}


@dataclass(frozen=True)
class CsvLine:
    """Line of a file below the first.

    Attributes:
        number: place in the file, from 1.
        raw: bytes as they are.
        row: column -> text; {} where the line cannot be taken apart.
        problem: what is wrong with it; "" for nothing.
    """

    number: int
    raw: bytes
    row: dict[str, str]
    problem: str = ""


def header_of(raw: bytes) -> list[str]:
    """Return the columns that a first line names; spreadsheets begin it with a mark and end it with a return."""
    return raw.decode("utf-8-sig", "replace").rstrip("\r\n").split(",")


def is_ours(header: Sequence[str]) -> bool:
    """Return whether a first line is of a file of mlpctl, of whatever version."""
    return "key" in header and "schema_version" in header


def scan(path: Path) -> Iterator[CsvLine]:
    """Yield the lines of a file below the first, each checked by itself; none if there is no file.

    Raises:
        DataError: if the file is not mlpctl's, or a newer mlpctl's: that is no damage, and nothing here knows better.
    """
    if not path.is_file():
        return
    with path.open("rb") as stream:
        first = stream.readline()
        header = header_of(first)
        if first and not is_ours(header):
            raise foreign(path)
        kinds = COLUMNS_BY_FILE[path.name]
        numeric = [(name, *READ[kind]) for name, kind in kinds.items() if kind in READ and name in header]
        for number, raw in enumerate(stream, start=2):
            row, problem = _parse(raw, header)
            yield CsvLine(number, raw, row, problem or _wrong(path, row, numeric))


def foreign(path: Path) -> DataError:
    """Return the error of a file that something else has written."""
    return DataError(
        f"{path} is not a file of mlpctl, its first line names no columns key and schema_version: move it away, or "
        "choose another --name"
    )


def newer(path: Path, version: object) -> DataError:
    """Return the error of a file that a newer version has written."""
    return DataError(f"{path} was written by a newer mlpctl (schema {version}, this one reads {SCHEMA_VERSION})")


def _parse(raw: bytes, header: Sequence[str]) -> tuple[dict[str, str], str]:
    if not raw.endswith(b"\n"):
        return {}, "the row was not written to its end"
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
        cells = next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
    except (UnicodeDecodeError, csv.Error) as error:
        return {}, f"the row cannot be read: {error}"
    if len(cells) != len(header):
        return {}, f"a row has {len(header)} cells, this one {len(cells)}"
    return dict(zip(header, cells, strict=True)), ""


def _wrong(path: Path, row: Mapping[str, str], numeric: Iterable[tuple[str, Callable[[str], object], str]]) -> str:
    for name, read, what in numeric:
        if cell := row[name]:
            try:
                read(cell)
            except ValueError:
                return f"{name} must be a {what}, got '{cell}'"
    if not row["key"] or not row["schema_version"]:
        return "the row has no key or no schema_version"
    if int(row["schema_version"]) > SCHEMA_VERSION:
        raise newer(path, row["schema_version"])
    if row.get("status", "ok") not in get_args(Status):
        return f"status must be one of {', '.join(get_args(Status))}, got '{row['status']}'"
    if row.get("task", "") not in ("", *PRIMARY):
        return f"task must be one of {', '.join(PRIMARY)}, got '{row['task']}'"
    if (options := row.get("data")) and not is_object(options):
        return f"data must be a JSON object, got '{options}'"
    return ""


def is_object(text: str) -> bool:
    """Return whether a text is a JSON object, as which the options of a dataset are written."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def to_line(cells: Iterable[Any]) -> bytes:
    """Return cells as a line of a file; None is an empty cell, and no cell has a newline."""
    return to_lines([cells])


def to_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    """Return the lines of several rows, see `to_line`."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(
        [cell if type(cell) is not str or cell.isprintable() else " ".join(cell.split()) for cell in cells]
        for cells in rows
    )
    return stream.getvalue().encode()
