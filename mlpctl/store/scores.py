"""The scores in a results folder, without pandas and fast: who leads when a sweep goes on."""

import csv
from collections.abc import Iterable
from pathlib import Path

from mlpctl.display.tables import Cell
from mlpctl.metrics import METRICS, PARTS
from mlpctl.store.schema import TRIAL_COLUMNS, TRIALS_FILE


def read_scores(folder: Path, fields: Iterable[str]) -> list[dict[str, Cell]]:
    """Return key, configuration, status, task, scores and some fields of the trials in a folder; of a key the last row.

    A row that is being written is left out.
    """
    path = folder / TRIALS_FILE
    if not path.is_file():
        return []
    wanted = {"key", "config", "status", "task", *fields, *(f"{part}_{name}" for part in PARTS for name in METRICS)}
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader, [])
        places = [(name, header.index(name)) for name in wanted if name in header]
        rows = ({name: _typed(name, row[at]) for name, at in places} for row in reader if len(row) == len(header))
        return list({row["key"]: row for row in rows}.values())


def _typed(name: str, text: str) -> Cell:
    kind = TRIAL_COLUMNS.get(name, "text")
    return None if text == "" else text if kind == "text" else int(text) if kind == "int" else float(text)
