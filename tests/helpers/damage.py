"""Change what is in the files of a results folder."""

from pathlib import Path

from mlpctl.store.schema import EPOCH_COLUMNS, TRIAL_COLUMNS


def set_cell(folder: Path, line: int, column: str, text: str, file: str = "trials.csv") -> None:
    """Write a text into a cell of a line, counted from 0, the first being that of the columns."""
    path = folder / file
    lines = path.read_text().splitlines()
    cells = lines[line].split(",")
    cells[list(TRIAL_COLUMNS if file == "trials.csv" else EPOCH_COLUMNS).index(column)] = text
    lines[line] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
