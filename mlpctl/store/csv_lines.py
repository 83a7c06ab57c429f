"""The lines of the store's CSV files, one by one, and what may be wrong with them. Read as bytes, in flat memory.

A row is a line, because the writer leaves no newline in a cell: what is wrong with one row says nothing of the next.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from mlpctl.errors import DataError
from mlpctl.metrics import PRIMARY, Status
from mlpctl.store.schema import EPOCH_COLUMNS, EPOCHS_FILE, SCHEMA_VERSION, TRIAL_COLUMNS, TRIALS_FILE, Kind

FILES: dict[str, dict[str, Kind]] = {EPOCHS_FILE: EPOCH_COLUMNS, TRIALS_FILE: TRIAL_COLUMNS}
"""The files of a results folder and their columns, in the order in which they are written."""

READ: dict[Kind, tuple[Callable[[str], object], str]] = {"int": (int, "whole number"), "float": (float, "number")}


@dataclass(frozen=True)
class Line:
    """A line below the first.

    Attributes:
        number: in the file, from 1.
        raw: the line as it is.
        row: column -> text; {} where the line cannot be taken apart.
        problem: what is wrong with it; "" for nothing.
        end: bytes of the file up to its end.
    """

    number: int
    raw: bytes
    row: dict[str, str]
    problem: str = ""
    end: int = 0


def header_of(raw: bytes) -> list[str]:
    """Return the columns that a first line names; spreadsheets begin it with a mark and end it with a return."""
    return raw.decode("utf-8-sig", "replace").rstrip("\r\n").split(",")


def is_ours(header: Sequence[str]) -> bool:
    """Whether a first line is one of ours, of whatever version."""
    return "key" in header and "schema_version" in header


def scan(path: Path, columns: Mapping[str, Kind], *, after: int = 0) -> Iterator[Line]:
    """Yield the lines below the first, checked as far as each can be by itself; none if there is no file.

    Args:
        path: of the file.
        columns: that it should have.
        after: pass over so many bytes, which must be the end of a line; numbers count from there.

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
        numeric = [(name, *READ[kind]) for name, kind in columns.items() if kind in READ and name in header]
        end = stream.seek(max(after, len(first)))
        for number, raw in enumerate(stream, start=2):
            end += len(raw)
            row, problem = _parse(raw, header)
            yield Line(number, raw, row, problem or _wrong(path, row, numeric), end)


def foreign(path: Path) -> DataError:
    """Return the error of a file that something else has written."""
    return DataError(
        f"{path} is not a file of mlpctl, its first line names no columns key and schema_version: move it away, or "
        "choose another --name"
    )


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
        raise DataError(
            f"{path} was written by a newer mlpctl (schema {row['schema_version']}, this one reads {SCHEMA_VERSION})"
        )
    if row.get("status", "ok") not in get_args(Status):
        return f"status must be one of {', '.join(get_args(Status))}, got '{row['status']}'"
    if row.get("task", "") not in ("", *PRIMARY):
        return f"task must be one of {', '.join(PRIMARY)}, got '{row['task']}'"
    return ""


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
