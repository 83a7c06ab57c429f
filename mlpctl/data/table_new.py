"""Read new examples as a table was read in training: their inputs, and what stands beside them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.base import Beside
from mlpctl.data.cells import MISSING, Cells, as_texts
from mlpctl.data.columns import PLAIN, Column, understood
from mlpctl.data.encoding import assembled, check_whole, encoded
from mlpctl.data.table_files import read_cells
from mlpctl.data.table_formats import LIBSVM
from mlpctl.data.table_options import TableOptions
from mlpctl.data.table_target import Target, target_of
from mlpctl.errors import DataError, did_you_mean


def read_examples(
    columns: Sequence[Column], options: TableOptions, path: Path, content: bytes | None
) -> tuple[NDArray[np.float64], list[str]]:
    """Return (X, notes): new examples (B, D) of a file, read as a table's columns were understood in training.

    Missing cells are NaN where training fills them; rows with one are left out where training left them out.

    Args:
        columns: of the inputs.
        options: of the table that was trained on.
        path: file, or its name in messages.
        content: content of what is no file.

    Raises:
        DataError: where a column is missing, or a cell is not what its column has.
    """
    cells, values, notes = _read_inputs(columns, options, path, content)
    if not len(values[0]):
        raise DataError(f"{path} needs a line that names the columns and a line per example")
    there = _complete(cells, values, options)
    if there is not None:
        values = [own[there] for own in values]
        if not there.any():
            raise DataError(
                f"{path}: each row has a missing value, and training left such rows out (missing=drop): fill them, or "
                "train with --data missing=mean"
            )
    ignored = [name for name in cells if name not in {*(column.name for column in columns), *options.left_out}]
    notes += [f"columns of {path} that are no features: {', '.join(ignored)}"] if ignored else []
    return assembled(columns, values, str(path)), notes


def _read_inputs(
    columns: Sequence[Column], options: TableOptions, path: Path, content: bytes | None
) -> tuple[dict[str, Cells], list[NDArray[np.float64]], list[str]]:
    """Return (cells by column, numbers (N,) of each input column, notes) of a file, all its rows."""
    form, may_miss = options.form, options.missing != "error"
    texts = [column.name for column in columns if column.kind != "number" or column.form != PLAIN]
    cells = dict(read_cells(path, form, content, texts=[*texts, *options.target]))
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
    return cells, values, notes


def _complete(
    cells: Mapping[str, Cells], values: Sequence[NDArray[np.float64]], options: TableOptions
) -> NDArray[np.bool_] | None:
    """Return which rows (N,) have no missing value; None where training did not leave out the others.

    A target counts as in training, unless it is empty in each row: then it is what is asked for.
    """
    if options.missing != "drop":
        return None
    missing = np.any([np.isnan(own) for own in values], axis=0)
    if set(options.target) <= cells.keys():
        empty = np.any([is_missing(name, cells[name], options) for name in options.target], axis=0)
        missing |= empty & ~empty.all()
    return np.asarray(~missing)


def is_missing(name: str, cells: Cells, options: TableOptions) -> NDArray[np.bool_]:
    """Return for each cell of a target whether it is missing; words such as NA may be classes."""
    if not isinstance(cells, list):
        return np.isnan(cells)
    is_word = understood(name, cells, options.reading, str(options.path)).kind == "category"
    return np.array([not cell if is_word else cell in MISSING for cell in cells])


def rows_of(cells: Cells, there: NDArray[np.bool_]) -> Cells:
    """Return the cells of the rows where `there` (N,) is true."""
    if not isinstance(cells, list):
        return cells[there]
    return [cell for cell, is_there in zip(cells, there.tolist(), strict=True) if is_there]


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
    there = None
    if options.missing == "drop":
        there = _complete(*_read_inputs(columns, options, path, content)[:2], options)
    cells, inputs = read_cells(path, options.form, content), {column.name for column in columns}
    if there is None or there.all():
        return _beside(cells, inputs, options, found, path)
    kept = {name: rows_of(own, there) for name, own in cells.items()}
    beside = _beside(kept, inputs, options, found, path)
    note = f"{path}: {(~there).sum():,} of {len(there):,} rows have missing values: left out, as in training"
    return replace(beside, notes=(note, *beside.notes), rows=np.flatnonzero(there))


def _beside(
    cells: Mapping[str, Cells], inputs: Collection[str], options: TableOptions, found: Target, path: Path
) -> Beside:
    if options.header == "none" and len(cells) == len(inputs):  # the inputs alone
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
