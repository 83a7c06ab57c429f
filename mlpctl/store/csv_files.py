"""Read, check, write and mend the CSV files of a results folder line by line, in flat memory.

A row is a line, because the writer leaves no newline in a cell: what is wrong with one row says nothing of the next.
"""

import csv
import io
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, get_args

from mlpctl.errors import DataError
from mlpctl.metrics import PRIMARY, Status
from mlpctl.store.schema import BEFORE, EPOCH_COLUMNS, EPOCHS_FILE, SCHEMA_VERSION, TRIAL_COLUMNS, TRIALS_FILE, Kind
from mlpctl.system.files import replace_file

FILES: dict[str, dict[str, Kind]] = {EPOCHS_FILE: EPOCH_COLUMNS, TRIALS_FILE: TRIAL_COLUMNS}
"""The files of a results folder and their columns, in the order in which they are written."""

READ: dict[Kind, tuple[Callable[[str], object], str]] = {"int": (int, "whole number"), "float": (float, "number")}

REMOVED_SUFFIX, BEFORE_SUFFIX = ".removed", ".before"
"""What is taken out is not thrown away: lines go to one file, a file with columns of somebody's own to another."""

BLOCK = 1 << 16
"""Bytes looked at in one go, from the end, for the last newline."""


@dataclass(frozen=True)
class Line:
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


def scan(path: Path) -> Iterator[Line]:
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
        kinds = FILES[path.name]
        numeric = [(name, *READ[kind]) for name, kind in kinds.items() if kind in READ and name in header]
        for number, raw in enumerate(stream, start=2):
            row, problem = _parse(raw, header)
            yield Line(number, raw, row, problem or _wrong(path, row, numeric))


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


def mend_frame(path: Path) -> list[str]:
    """Make a file end with a whole row and begin with the columns of this version; return what was done, in words.

    Costs nothing for a file that is well, however long it is.

    Raises:
        DataError: if the file is not mlpctl's, or a newer mlpctl's, or cannot be written; it is as it was before.
    """
    columns = FILES[path.name]
    expected = to_line(columns)
    try:
        first, size, whole = _ends(path)
        if not first or (not whole and expected.startswith(first)):
            had_name = path.exists()
            replace_file(path, expected)
            return [f"{path.name}: it was empty, its first line was written anew"] if had_name else []
        header = header_of(first)
        if not is_ours(header):
            raise foreign(path)
        if first == expected and whole == size:
            return []
        kept = _keep(path, [name for name in header if name not in columns])
        done = []
        if whole < size:
            os.truncate(path, whole)
            done.append(f"{path.name}: a last row that was not fully written was removed; its trial runs again")
    except OSError as error:
        raise DataError(f"cannot mend {path}: {error.strerror}") from error
    if first == expected:
        return done
    if header == list(columns):
        told = "line ends and first line were written anew: a spreadsheet has its own"
    else:
        told = f"written by another version of mlpctl, its columns were brought up to date{kept}"
    damaged: list[Line] = []
    replace_file(path, chain([expected], _renewed(scan(path), columns, damaged)))
    return [*done, f"{path.name}: {told}", *_put_aside(path, damaged)]


def remove_lines(path: Path, lines: Collection[Line]) -> list[str]:
    """Take lines out of a file and return what was done, in words; the lines themselves go to a file beside it.

    Raises:
        DataError: if it cannot be written.
    """
    numbers = {line.number for line in lines}
    if not numbers:
        return []
    done = _put_aside(path, lines)
    with path.open("rb") as stream:
        replace_file(path, (raw for number, raw in enumerate(stream, start=1) if number not in numbers))
    return done


def ends_whole(path: Path) -> bool:
    """Return whether a file's last line has its newline."""
    _, size, whole = _ends(path)
    return size == whole


def _ends(path: Path) -> tuple[bytes, int, int]:
    """Return (first line, size, size up to the last newline) of a file; nothing of a file that is not there."""
    if not path.exists():
        return b"", 0, 0
    with path.open("rb") as stream:
        return stream.readline(), stream.seek(0, os.SEEK_END), _whole(stream)


def _whole(stream: BinaryIO) -> int:
    end = stream.tell()
    while end:
        start = max(0, end - BLOCK)
        stream.seek(start)
        found = stream.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _keep(path: Path, further: list[str]) -> str:
    """Copy a file that has columns which nothing here knows; return where they are, in words."""
    if not further:
        return ""
    copy = path.with_name(path.name + BEFORE_SUFFIX)
    replace_file(copy, path.read_bytes())
    return f"; {', '.join(further)} {'is' if len(further) == 1 else 'are'} in {copy.name} still"


def _renewed(lines: Iterable[Line], columns: Mapping[str, Kind], damaged: list[Line]) -> Iterator[bytes]:
    for line in lines:
        if line.problem:
            damaged.append(line)
        else:
            yield to_line(line.row.get(column, BEFORE.get(column)) for column in columns)


def _put_aside(path: Path, lines: Collection[Line]) -> list[str]:
    if not lines:
        return []
    aside = path.with_name(path.name + REMOVED_SUFFIX)
    before = aside.read_bytes() if aside.is_file() else b""
    replace_file(aside, chain([before], (line.raw.rstrip(b"\r\n") + b"\n" for line in lines)))
    first = min(lines, key=lambda line: line.number)
    rows = "a row was" if len(lines) == 1 else f"{len(lines)} rows were"
    return [f"{path.name}: {rows} taken out and put into {aside.name} (line {first.number}: {first.problem})"]
