"""Repair torn rows, foreign line ends and old columns of a results folder's CSV files; damaged lines are put aside."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from mlpctl.errors import DataError
from mlpctl.store.csv_lines import (
    COLUMNS_BY_FILE,
    CsvLine,
    foreign,
    header_of,
    is_ours,
    line_problem,
    scan,
    to_line,
    to_lines,
)
from mlpctl.store.schema import BEFORE, SCHEMA_VERSION, ColumnKind
from mlpctl.system.files import replace_file

REMOVED_SUFFIX, BEFORE_SUFFIX = ".removed", ".before"
"""Endings of the files that keep what is taken out: damaged lines, and a file with columns of somebody's own."""

BLOCK_BYTES = 1 << 16
"""Bytes looked at in one go, from the end, for the last newline."""


def repair_file(path: Path) -> list[str]:
    """Make a file end with a whole row and begin with the columns of this version; return what was done, in words.

    Costs nothing for a file that is well, however long it is.

    Raises:
        DataError: if the file is not mlpctl's, or a newer mlpctl's, or cannot be written; it is as it was before.
    """
    columns = COLUMNS_BY_FILE[path.name]
    expected = to_line(columns)
    try:
        first, size, whole = _ends(path)
        if not first or (not whole and expected.startswith(first)):
            had_name = path.exists()
            replace_file(path, expected)
            return [f"{path.name}: it was empty, its first line was written anew"] if had_name else []
        if first != expected and _has_own_rows(path):
            with path.open("rb") as stream:
                replace_file(path, chain([expected], islice(stream, 1, None)))
            return [f"{path.name}: its first line was changed, and is as it was", *repair_file(path)]
        header = header_of(first)
        if not is_ours(header):
            raise foreign(path)
        if first == expected and whole == size:
            return []
        further = [name for name in header if name not in columns]
        if further and any(line.is_newer for line in scan(path)):
            raise DataError(f"{path} was written by a newer mlpctl, whose columns this one does not know: {further[0]}")
        kept = _keep(path, further)
        done = []
        if whole < size:
            os.truncate(path, whole)
            done.append(f"{path.name}: a last row that was not fully written was removed; its trial runs again")
    except OSError as error:
        raise DataError(f"cannot repair {path}: {error.strerror}") from error
    if first == expected:
        return done
    if header == list(columns):
        told = "line ends and first line were written anew: a spreadsheet has its own"
    else:
        told = f"written by another version of mlpctl, its columns were brought up to date{kept}"
    damaged: list[CsvLine] = []
    replace_file(path, chain([expected], _renewed(scan(path), columns, damaged)))
    return [*done, f"{path.name}: {told}", *_put_aside(path, damaged)]


def _has_own_rows(path: Path) -> bool:
    """Return whether the first row is whole by the columns of this version, so that only the first line is not."""
    columns = COLUMNS_BY_FILE[path.name]
    with path.open("rb") as stream:
        stream.readline()
        row = stream.readline()
    has_checksum = row.startswith(f"{SCHEMA_VERSION},".encode()) and not row.endswith(b"\r\n")
    return has_checksum and not line_problem(row, columns)


def remove_lines(path: Path, lines: Collection[CsvLine]) -> list[str]:
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


def count_rows(path: Path) -> int:
    """Return the number of lines of a file below the first."""
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(BLOCK_BYTES), b"")) - 1


def keep_epochs_of(path: Path, trials: Collection[str]) -> None:
    """Remove rows of epochs whose trial has no row, since it was killed or lost, and rows that a later one replaces.

    Such trials run again and write their rows anew. Damaged rows stay, for `results check` to name them.
    """
    last = {(line.row["key"], line.row["epoch"]): line.number for line in scan(path) if not line.problem}
    stay = {number for (key, _), number in last.items() if key in trials}
    kept = (line.raw for line in scan(path) if line.problem or line.number in stay)
    replace_file(path, chain([to_line(COLUMNS_BY_FILE[path.name])], kept))


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
        start = max(0, end - BLOCK_BYTES)
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


def _renewed(lines: Iterable[CsvLine], columns: Mapping[str, ColumnKind], damaged: list[CsvLine]) -> Iterator[bytes]:
    for line in lines:
        if line.problem:
            damaged.append(line)
        else:
            yield to_lines([{**BEFORE, **line.row}], columns)


def _put_aside(path: Path, lines: Collection[CsvLine]) -> list[str]:
    if not lines:
        return []
    aside = path.with_name(path.name + REMOVED_SUFFIX)
    before = aside.read_bytes() if aside.is_file() else b""
    replace_file(aside, chain([before], (line.raw.rstrip(b"\r\n") + b"\n" for line in lines)))
    first = min(lines, key=lambda line: line.number)
    rows = "a row was" if len(lines) == 1 else f"{len(lines)} rows were"
    return [f"{path.name}: {rows} taken out and put into {aside.name} (line {first.number}: {first.problem})"]
