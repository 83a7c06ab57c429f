"""Read, check and write the CSV files of a results folder line by line, in flat memory.

A row is a line, because the writer leaves no newline in a cell: what is wrong with one row says nothing of the next.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, get_args
from zlib import crc32

from mlpctl.errors import DataError
from mlpctl.metrics import PRIMARY, Status
from mlpctl.spec import OPTION_FIELDS
from mlpctl.store.schema import (
    CHECKSUM,
    EPOCH_COLUMNS,
    EPOCHS_FILE,
    SCHEMA_VERSION,
    TRIAL_COLUMNS,
    TRIALS_FILE,
    Block,
    ColumnKind,
)

COLUMNS_BY_FILE: dict[str, dict[str, ColumnKind]] = {
    EPOCHS_FILE: {**EPOCH_COLUMNS, CHECKSUM: "text"},
    TRIALS_FILE: {**TRIAL_COLUMNS, CHECKSUM: "text"},
}
"""The files of a results folder and their columns, in the order in which they are written."""

NEWER = "the row was written by a newer mlpctl"

LARGEST = 2**63 - 1
"""Largest whole number that a cell may have: seeds go as far."""

SEPARATOR = "\x1f"
"""Between cells as the checksum sees them; written cells do not have it, since they are printable."""


def _whole_number(text: str) -> int:
    value = int(text)
    if not 0 <= value <= LARGEST:
        raise ValueError(text)
    return value


READ: dict[ColumnKind, tuple[Callable[[str], object], str]] = {
    "int": (_whole_number, "whole number from 0 to 2^63 − 1"),
    "float": (float, "number"),
}


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

    @property
    def is_newer(self) -> bool:
        """Whether a newer mlpctl has written the row: it does not count here, and stays where it is."""
        return self.problem.startswith(NEWER)


def header_of(raw: bytes) -> list[str]:
    """Return the columns that a first line names; spreadsheets begin it with a mark and end it with a return."""
    return raw.decode("utf-8-sig", "replace").rstrip("\r\n").split(",")


def is_ours(header: Sequence[str]) -> bool:
    """Return whether a first line is of a file of mlpctl, of whatever version."""
    return "key" in header and "schema_version" in header


def scan(path: Path) -> Iterator[CsvLine]:
    """Yield the lines of a file below the first, each checked by itself; none if there is no file.

    Raises:
        DataError: if the file is not mlpctl's.
    """
    if not path.is_file():
        return
    with path.open("rb") as stream:
        first = stream.readline()
        header = header_of(first)
        if first and not is_ours(header):
            raise foreign(path)
        numeric = _numeric(header, COLUMNS_BY_FILE[path.name])
        for number, raw in enumerate(stream, start=2):
            row, problem = _parse(raw, header)
            yield CsvLine(number, raw, row, problem or _wrong(row, numeric))


def line_problem(raw: bytes, columns: Mapping[str, ColumnKind]) -> str:
    """Return what is wrong with a line of some columns; "" for nothing."""
    row, problem = _parse(raw, list(columns))
    return problem or _wrong(row, _numeric(list(columns), columns))


def _numeric(header: Sequence[str], kinds: Mapping[str, ColumnKind]) -> list[tuple[str, Callable[[str], object], str]]:
    """Return (column, function that reads a cell, its type in words) of the columns of numbers."""
    return [(name, *READ[kind]) for name, kind in kinds.items() if kind in READ and name in header]


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


def _wrong(row: Mapping[str, str], numeric: Iterable[tuple[str, Callable[[str], object], str]]) -> str:
    for name, read, what in numeric:
        if cell := row[name]:
            try:
                read(cell)
            except ValueError:
                return f"{name} must be a {what}, got '{cell}'"
    if not row["key"] or not row["schema_version"]:
        return "the row has no key or no schema_version"
    if int(row["schema_version"]) > SCHEMA_VERSION:
        return f"{NEWER} (schema {row['schema_version']}, this one reads {SCHEMA_VERSION})"
    return _wrong_word(row) or _wrong_checksum(row)


def _wrong_word(row: Mapping[str, str]) -> str:
    if row.get("status", "ok") not in get_args(Status):
        return f"status must be one of {', '.join(get_args(Status))}, got '{row['status']}'"
    if row.get("task", "") not in ("", *PRIMARY):
        return f"task must be one of {', '.join(PRIMARY)}, got '{row['task']}'"
    wrong = (name for name in OPTION_FIELDS if row.get(name) and not is_object(row[name]))
    return next((f"{name} must be a JSON object, got '{row[name]}'" for name in wrong), "")


def _wrong_checksum(row: Mapping[str, str]) -> str:
    *cells, checksum = row.values() if CHECKSUM in row else (*row.values(), "")
    is_checked = checksum or row["schema_version"] != "1"
    if is_checked and checksum != checksum_of(SEPARATOR.join(cells), SCHEMA_VERSION):
        return "the row was changed: its checksum is another"
    return ""


def is_object(text: str) -> bool:
    """Return whether a text is a JSON object, as which the options of a dataset are written."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def to_line(cells: Iterable[Any]) -> bytes:
    """Return cells as a line of a file; None is an empty cell, and no cell has a newline."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(_texts(cells))
    return stream.getvalue().encode()


def to_lines(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> bytes:
    """Return rows as lines of a file; `columns` ends with the checksum, which is computed here.

    Of a sweep of small trials this is most of the time: cells that need no quotes are joined as they are.
    """
    names, lines = tuple(columns)[:-1], []
    for row in rows:
        present, pattern = _pattern(names, tuple(row))
        joined = pattern % tuple(["" if cell is None else cell for cell in present(row)])
        version = row["schema_version"]
        if PLAIN.fullmatch(joined) and joined.count(SEPARATOR) == len(names) - 1:
            lines.append(f"{joined.replace(SEPARATOR, ',')},{checksum_of(joined, version)}\n".encode())
        else:
            cells = _texts(map(row.get, names))
            lines.append(to_line([*cells, checksum_of(SEPARATOR.join(cells), version)]))
    return b"".join(lines)


OFTEN_EQUAL = ("lr", "seconds")
"""Columns of epochs that are written once for all rows where they are equal; scores may be 0 and -0."""


def block_lines(block: Block, shared: Mapping[str, object], columns: Iterable[str]) -> bytes:
    """Return rows of numbers as lines of a file, as `to_lines` does, in a third of the time.

    Args:
        block: column -> numbers or None, a value a row.
        shared: column -> value of all rows, plain text or a number; one is schema_version.
        columns: of the file; what else `block` has is left out.
    """
    names = [*columns][:-1]
    fixed, varied = dict(shared), list[list[object]]()
    for name in names:
        if values := block.get(name):
            if name in OFTEN_EQUAL and values.count(values[0]) == len(values):
                fixed[name] = "" if values[0] is None else values[0]
            else:
                varied.append(["" if value is None else value for value in values] if None in values else values)
    pattern = SEPARATOR.join(str(fixed.get(name, "")) if name in fixed or name not in block else "%s" for name in names)
    rows = [(pattern % cells).encode() for cells in zip(*varied, strict=True)]
    lines = [b"%b,%08x\n" % (row, crc32(row)) for row in rows]
    return b"".join(lines).replace(SEPARATOR.encode(), b",")


PLAIN = re.compile(f"[ !#-+\\-.-~{SEPARATOR}]*")
"""Cells of printable ASCII without quotes and commas, which the csv module writes as they are."""


@lru_cache(maxsize=64)
def _pattern(columns: tuple[str, ...], given: tuple[str, ...]) -> tuple[Callable[[Mapping[str, Any]], Any], str]:
    """Return the function that takes the cells of a line out of a row, in order, and the pattern that they go into."""
    present = [name for name in columns if name in given]
    return itemgetter(*present), SEPARATOR.join("%s" if name in given else "" for name in columns)


def checksum_of(joined: str, version: object) -> str:
    """Return the checksum (CRC-32, 8 hex digits) of the texts of cells with SEPARATOR between; "" in version 1."""
    return f"{crc32(joined.encode()):08x}" if str(version) != "1" else ""


def _texts(cells: Iterable[Any]) -> list[str]:
    texts = ["" if cell is None else cell if type(cell) is str else str(cell) for cell in cells]
    return [text if text.isprintable() else " ".join(text.split()) for text in texts]
