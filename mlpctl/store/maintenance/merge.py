"""Merge results folders: shards of an experiment, or the trials of several machines. Rows are copied."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from mlpctl.display.tables import Cell, Table
from mlpctl.errors import DataError
from mlpctl.store.csv_lines import COLUMNS_BY_FILE, CsvLine, scan, to_line, to_lines
from mlpctl.store.environment import united, unnamed_in
from mlpctl.store.experiment_keys import own_keys
from mlpctl.store.folder_files import read_experiment, read_json
from mlpctl.store.schema import (
    BEFORE,
    ENVIRONMENT_FILE,
    EPOCHS_FILE,
    EXPERIMENT_FILE,
    TRIAL_COLUMNS,
    TRIALS_FILE,
)
from mlpctl.store.writer import Store
from mlpctl.system.files import make_folder, replace_file

COST = (
    "schema_version", "seconds", "group_seconds", "group_size", "used_engine", "used_device", "jobs", "threads",
    "environment", "started", "weights_digest",
)  # fmt: skip
"""Columns of a trial's cost and place: a trial that was trained twice differs in them, and in nothing else."""

FINAL = ("ok", "diverged", "invalid")
"""Statuses that the same trial always ends with; a row with another one gives way to such a row."""


@dataclass
class Merged:
    """Trials of several folders.

    Attributes:
        rows: key -> (number of the folder that the trial's row is from, the row as a line).
        same: number of rows that were there already.
        damaged: number of rows that were left out because they are damaged.
        conflicts: differences: key, column, the value that was kept, the other, and where each is.
    """

    rows: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    same: int = 0
    damaged: int = 0
    conflicts: list[dict[str, Cell]] = field(default_factory=list)


def merge(folders: Sequence[Path], out: Path) -> Table:
    """Write the trials of several folders to one and return the conflicts, with what was done as notes.

    Of a trial that is in several the first row counts, unless it failed in a way that another row did not: rows that
    agree but for time and place are one. What is in `out` already counts first, so that merging again adds what is new.

    Raises:
        DataError: where there are no results.
        UsageError: if `out` cannot be written.
    """
    for folder in folders:
        if not (folder / TRIALS_FILE).is_file():
            raise DataError(f"no results in {folder}: {TRIALS_FILE} is missing")
    with Store(out) as store:
        others = [folder for folder in dict.fromkeys(folders) if folder.resolve() != out.resolve()]
        sources = [out, *others]
        merged = Merged()
        for number, folder in enumerate(sources):
            _take(merged, number, sources, _lines(folder / TRIALS_FILE, merged))
        replace_file(out / EPOCHS_FILE, chain([to_line(COLUMNS_BY_FILE[EPOCHS_FILE])], _epochs(merged, sources)))
        replace_file(
            out / TRIALS_FILE,
            chain([to_line(COLUMNS_BY_FILE[TRIALS_FILE])], (line for _, line in merged.rows.values())),
        )
        for key, (number, _) in merged.rows.items():
            weights = Store(sources[number]).saved_weights(key)
            if number and weights.is_file():
                make_folder(out / weights.parent.name)
                replace_file(out / weights.parent.name / weights.name, weights.read_bytes())
        notes = _describe(store, sources, merged.rows)
    notes = [f"{len(merged.rows):,} trials of {len(others)} folders in {out}", *notes]
    if merged.same:
        notes.append(f"{merged.same:,} rows were the same trial once more")
    if merged.damaged:
        notes.append(f"{merged.damaged:,} damaged rows were left out: `mlpctl results check` says which")
    columns = ["key", "column", "kept", "in", "other", "other in"] if merged.conflicts else []
    return Table(columns, merged.conflicts, "Conflicts" if merged.conflicts else "", notes)


def _lines(path: Path, merged: Merged) -> Iterator[CsvLine]:
    """Yield the good lines of a trials.csv, the last of each trial, brought up to date; each names what it ran on."""
    last: dict[str, CsvLine] = {}
    environment = unnamed_in(_environment(path.parent))
    for found in scan(path):
        line = found
        if line.problem:
            merged.damaged += 1
        else:
            if environment and not line.row.get("environment"):
                line = replace(line, raw=b"", row={**line.row, "environment": environment})
            last[line.row["key"]] = replace(line, raw=_current(line, TRIALS_FILE), row={"key": line.row["key"]})
    yield from last.values()


def _current(line: CsvLine, name: str) -> bytes:
    columns = COLUMNS_BY_FILE[name]
    if line.raw and list(line.row) == list(columns) and not line.raw.endswith(b"\r\n"):
        return line.raw
    return to_lines([{**BEFORE, **line.row}], columns)


def _take(merged: Merged, number: int, sources: Sequence[Path], lines: Iterator[CsvLine]) -> None:
    for line in lines:
        key = line.row["key"]
        if key not in merged.rows:
            merged.rows[key] = (number, line.raw)
            continue
        kept_in, kept = merged.rows[key]
        one, other = _cells(kept), _cells(line.raw)
        same_version = one["schema_version"] == other["schema_version"]  # older rows lack the newer columns
        if other["status"] in FINAL and one["status"] not in FINAL:
            merged.rows[key] = (number, line.raw)
            continue
        known = [name for name in TRIAL_COLUMNS if name not in COST and ((one[name] and other[name]) or same_version)]
        differing = [name for name in known if one[name] != other[name]]
        if not differing or other["status"] not in FINAL:
            merged.same += 1
            continue
        merged.conflicts += (
            {
                "key": key, "column": name, "kept": one[name], "in": str(sources[kept_in]), "other": other[name],
                "other in": str(sources[number]),
            }
            for name in differing
        )  # fmt: skip


def _cells(line: bytes) -> dict[str, str]:
    return dict(zip(COLUMNS_BY_FILE[TRIALS_FILE], next(csv.reader([line.decode()])), strict=True))


def _epochs(merged: Merged, sources: Sequence[Path]) -> Iterator[bytes]:
    """Yield the rows of epochs of each trial from the folder that its row is from, each once."""
    for number, folder in enumerate(sources):
        last: dict[tuple[str, str], bytes] = {}
        for line in scan(folder / EPOCHS_FILE):
            key = line.row.get("key", "")
            if not line.problem and key in merged.rows and merged.rows[key][0] == number:
                last[key, line.row["epoch"]] = _current(line, EPOCHS_FILE)
        yield from last.values()


def _environment(folder: Path) -> dict[str, Any]:
    return read_json(folder / ENVIRONMENT_FILE)


def _describe(store: Store, sources: Sequence[Path], rows: Mapping[str, tuple[int, bytes]]) -> list[str]:
    """Write the experiment and the environments of the folder, and return notes for the user."""
    told = [(folder, read_experiment(folder / EXPERIMENT_FILE)) for folder in sources]
    told = [(folder, experiment) for folder, experiment in told if experiment]
    if not told:
        return []
    first = {**told[0][1], "name": store.folder.name}
    others = [folder for folder, experiment in told if {**experiment, "name": store.folder.name} != first]
    content = united([_environment(folder) for folder in sources])
    own = [own_keys(sources[number]) for number in sorted({number for number, _ in rows.values()})]
    known = [keys for keys in own if keys is not None]
    store.describe(first, {}, counts=not others and len(known) == len(own))
    for key in sorted(frozenset().union(*known) & rows.keys()):
        store.count_in(key)
    replace_file(store.folder / ENVIRONMENT_FILE, (json.dumps(content, indent=1) + "\n").encode())
    if not others:
        return []
    return [f"{EXPERIMENT_FILE} is that of {told[0][0]}; another experiment is in {', '.join(map(str, others))}"]
