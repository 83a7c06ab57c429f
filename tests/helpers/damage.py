"""Damage of results folders for tests."""

import csv
from pathlib import Path

from mlpctl.store.csv_lines import COLUMNS_BY_FILE, SEPARATOR, checksum_of
from mlpctl.store.schema import CHECKSUM


def set_cell(
    folder: Path, line: int, column: str, text: str, file: str = "trials.csv", *, checked: bool = True
) -> None:
    """Write a text into a cell of a line, counted from 0, the first being that of the columns.

    With `checked` the row gets the checksum of its new cells, as if it had been written so.
    """
    path, columns = folder / file, list(COLUMNS_BY_FILE[file])
    lines = path.read_text().splitlines()
    cells = dict(zip(columns, next(csv.reader([lines[line]])), strict=True)) | {column: text}
    if checked and cells[CHECKSUM]:
        cells[CHECKSUM] = checksum_of(SEPARATOR.join(list(cells.values())[:-1]), 2)
    lines[line] = ",".join(
        f'"{cell.replace(chr(34), chr(34) * 2)}"' if "," in cell else cell for cell in cells.values()
    )
    path.write_text("\n".join(lines) + "\n")
