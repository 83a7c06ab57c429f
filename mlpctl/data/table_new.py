"""Read new examples as a table was read in training: their inputs, and what stands beside them."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.base import Beside
from mlpctl.data.cells import Cells, as_texts
from mlpctl.data.columns import PLAIN, Column
from mlpctl.data.encoding import assembled, check_whole, encoded
from mlpctl.data.table_files import FileForm, read_cells
from mlpctl.data.table_formats import LIBSVM
from mlpctl.data.table_options import TableOptions
from mlpctl.data.table_target import Target, target_of
from mlpctl.errors import DataError, did_you_mean


def read_examples(
    columns: Sequence[Column],
    form: FileForm,
    path: Path,
    content: bytes | None,
    *,
    may_miss: bool = False,
    left_out: Collection[str] = (),
) -> tuple[NDArray[np.float64], list[str]]:
    """Return (X, notes): new examples (B, D) of a file, read as a table's columns were understood in training.

    Args:
        columns: of the inputs.
        form: how the table was written.
        path: file, or its name in messages.
        content: content of what is no file.
        may_miss: True if missing cells are NaN, to be filled as in training.
        left_out: columns that are no inputs, and not worth a note.

    Raises:
        DataError: where a column is missing, or a cell is not what its column has.
    """
    texts = [column.name for column in columns if column.kind != "number" or column.form != PLAIN]
    cells = read_cells(path, form, content, texts=texts)
    if form.header == "none" and len(cells) == len(columns):  # without the target, whose number may come before others
        cells = dict(zip((column.name for column in columns), cells.values(), strict=True))
    if path.suffix.lower() in LIBSVM:  # the format leaves out zeros
        zeros = np.zeros(len(next(iter(cells.values()))))
        cells = {**{column.name: zeros for column in columns}, **cells}
    values, notes = list[NDArray[np.float64]](), list[str]()
    for column in columns:
        if column.name not in cells:
            needed = ", ".join(each.name for each in columns)
            raise DataError(
                f"{path} has no column '{column.name}': {did_you_mean(column.name, cells)}; the network needs {needed}"
            )
        own = cells[column.name]
        if not isinstance(own, list):
            if column.kind != "category":
                check_whole(own, column.name, str(path), may_miss=may_miss)
                values.append(own)
                continue
            own = as_texts(own)
        numbers, unseen = encoded(column, own, str(path), may_miss=may_miss)
        values.append(numbers)
        if unseen:
            notes.append(f"{path}: '{column.name}' has words that training did not have: {', '.join(unseen[:5])}")
    if not len(values[0]):
        raise DataError(f"{path} needs a line that names the columns and a line per example")
    ignored = [name for name in cells if name not in {*(column.name for column in columns), *left_out}]
    notes += [f"columns of {path} that are no features: {', '.join(ignored)}"] if ignored else []
    return assembled(columns, values, str(path)), notes


def read_beside(
    columns: Sequence[Column], options: TableOptions, found: Target, path: Path, content: bytes | None
) -> Beside:
    """Return what stands beside the inputs of new examples: the target where it is there, and the other columns.

    Args:
        columns: of the inputs.
        options: of the table that was trained on.
        found: its target.
        path: file, or its name in messages.
        content: content of what is no file.
    """
    cells, inputs = read_cells(path, options.form, content), {column.name for column in columns}
    if options.header == "none" and len(cells) == len(columns):  # the inputs alone
        return Beside()
    others = {name: own for name, own in cells.items() if name not in {*inputs, *options.target}}
    if not set(options.target) <= cells.keys():
        return Beside(columns=others)
    return scored(found, {name: cells[name] for name in options.target}, options, path, others)


def scored(
    found: Target, target: Mapping[str, Cells], options: TableOptions, path: Path, others: Mapping[str, Cells] = {}
) -> Beside:
    """Return what stands beside inputs, the target left out where it has not what it had in training."""
    try:
        return Beside(target_of(found, target, path, options.reading), others)
    except DataError as error:
        return Beside(columns=others, notes=(f"not scored: {error}",))
