"""One trial's rows out of the store, without pandas: what `train` prints at its end."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlpctl.display.tables import Cell
from mlpctl.errors import DataError
from mlpctl.store.csv_lines import scan
from mlpctl.store.schema import EPOCH_COLUMNS, EPOCHS_FILE, TRIAL_COLUMNS, TRIALS_FILE, Kind


def stored_rows(folder: Path, key: str) -> tuple[dict[str, Cell], list[dict[str, Cell]]]:
    """Return (trial, epochs) of a key, typed, empty cells as None.

    Raises:
        DataError: if the trial is not in the folder.
    """
    trials = _rows(folder / TRIALS_FILE, key, TRIAL_COLUMNS)
    if not trials:
        raise DataError(f"{folder} has no trial {key}")
    epochs = {row["epoch"]: row for row in _rows(folder / EPOCHS_FILE, key, EPOCH_COLUMNS)}  # the last run counts
    return trials[-1], list(epochs.values())


def read_rows(path: Path) -> Iterator[dict[str, Cell]]:
    """Yield the whole rows of a `trials.csv`, typed, empty cells as None; none if there is no file."""
    for line in scan(path, TRIAL_COLUMNS):
        if not line.problem:
            yield typed(line.row, TRIAL_COLUMNS)


def _rows(path: Path, key: str, columns: Mapping[str, Kind]) -> list[dict[str, Cell]]:
    return [typed(line.row, columns) for line in scan(path, columns) if not line.problem and line.row["key"] == key]


def typed(row: Mapping[str, str], columns: Mapping[str, Kind]) -> dict[str, Cell]:
    """Return the cells of a row as values; empty ones as None."""
    return {name: _typed(text, columns.get(name, "text")) for name, text in row.items()}


def _typed(text: str, kind: Kind) -> Cell:
    if text == "":
        return None
    return text if kind == "text" else int(text) if kind == "int" else float(text)
