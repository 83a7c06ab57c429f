"""Load table: a table of the user's, such as a CSV, Parquet or npz file, with a named target."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.base import Dataset, Source
from mlpctl.data.cells import MISSING, Cells, as_texts, joined, with_gaps
from mlpctl.data.columns import Column, summary, suspicions, understood
from mlpctl.data.encoding import assembled, check_whole, encoded
from mlpctl.data.files import existing_file
from mlpctl.data.table_arrays import load_arrays
from mlpctl.data.table_files import read_cells
from mlpctl.data.table_new import is_missing, read_beside, read_examples, rows_of
from mlpctl.data.table_options import TableOptions, table_digest
from mlpctl.data.table_target import DEFAULTS, encode_target
from mlpctl.errors import DataError, did_you_mean
from mlpctl.system.parsing import parsing

MOST_CATEGORIES = 1000
"""Categories of one column, each of which becomes an input; more are names or numbers in disguise."""


def load(options: TableOptions) -> Dataset:
    """Return a table as X (N, D) float64, categories as columns of 0 and 1, and its target.

    Raises:
        DataError: for a missing or damaged file, a missing column, empty or infinite cells, too many categories.
    """
    path = existing_file(options.path.expanduser(), "the path of table")
    with parsing(path, "a table"):  # a cell may hold anything: bytes, lists, what numpy has no type for
        return load_arrays(path, options) if path.suffix.lower() in (".npz", ".npy") else _load_frame(path, options)


def _load_frame(path: Path, options: TableOptions) -> Dataset:
    target = options.target
    are_plain = options.decimal in ("", ".") and not options.thousands
    texts = (*target, *options.categorical, options.group) if are_plain else None
    cells = read_cells(path, options.form, texts=texts)
    for name in (*target, *options.drop, *options.categorical, *([options.group] if options.group else [])):
        if name not in cells:
            raise DataError(f"{path} has no column '{name}': {_advice(name, list(cells), is_target=name in target)}")
    if unprintable := [name for name in cells if not name.isprintable()]:
        raise DataError(f"{path}: the name of a column has printable characters alone, got {unprintable[0]!r}")
    n_first = rows = len(next(iter(cells.values()), ()))
    if options.test_path is not None:
        cells = _with_test_rows(cells, options, texts)
        rows = len(cells[target[0]])
        if rows == n_first:
            raise DataError(f"{options.test_path} has no rows: leave test_path out, or give a table with rows")
    inputs = {name: own for name, own in cells.items() if name not in options.left_out}
    if not rows or not inputs:
        raise DataError(f"{path} needs rows and at least one input column, got {rows} and {len(inputs)}")
    columns, values = list[Column](), list[NDArray[np.float64]]()
    for name, own in inputs.items():
        column, numbers = _input(name, own, path, options)
        columns.append(column)
        values.append(numbers)
    targets, there = {name: cells[name] for name in target}, np.ones(rows, dtype=bool)
    groups = _numbered(cells[options.group], options.group, path) if options.group else None
    n_test = None if options.test_path is None else rows - n_first
    told = [f"{path.name}: {text}" for text in suspicions(inputs, {column.name: column for column in columns})]
    del cells, inputs
    for own in values:
        there &= ~np.isnan(own)
    if options.missing == "drop":
        there &= ~np.any([is_missing(*own, options) for own in targets.items()], axis=0)
        targets = {name: rows_of(own, there) for name, own in targets.items()}
        values = [own[there] for own in values]
        groups = None if groups is None else groups[there]
        n_test = None if n_test is None else int(there[n_first:].sum())
        if not there.any():
            raise DataError(f"{path}: each row has a missing value, and --data missing=drop leaves none")
    X = assembled(columns, values, str(path))
    found = encode_target(targets, path, options.task, options.reading)
    fitted = np.array([column.kind == "category" for column in columns for _ in column.inputs])
    is_plain = all(not column.told for column in (*columns, *found.columns)) and not found.is_new
    first = [f"{path.name}: {X.shape[0]:,} rows; {summary(columns)}; target {', '.join(target)}: {found.told}"]
    first += _parts_told(options, groups, n_test)
    if gaps := rows - int(there.sum()):
        what = (
            f"filled with the {options.missing.replace('_', ' ')} of the training part"
            if options.impute
            else "left out"
        )
        first.append(f"{path.name}: {gaps:,} of {rows:,} rows have missing values: {what}")
    first += [f"{path.name}: {text}" for column in (*columns, *found.columns) if (text := column.told)]
    return Dataset(
        name="table",
        X=X,
        y=found.y,
        task=found.task,
        digest=table_digest(path, options, 1 if is_plain else 2),
        source=str(path) if options.test_path is None else f"{path} and {options.test_path}",
        features=tuple(name for column in columns for name in column.inputs),
        classes=found.classes,
        targets=() if found.classes else target,
        test_index=None if n_test is None else np.arange(len(X))[len(X) - n_test :],  # -0 would be all
        is_ordered=options.split == "ordered",
        groups=groups,
        fitted_columns=fitted if fitted.any() else None,
        defaults=DEFAULTS[found.task],
        columns=tuple(columns),
        read_new=partial(read_examples, tuple(columns), options),
        read_beside=partial(read_beside, tuple(columns), options, found),
        impute=options.impute,
        notes=(*first, *told),
    )


def _with_test_rows(
    cells: Mapping[str, Cells], options: TableOptions, texts: Collection[str] | None
) -> dict[str, Cells]:
    """Return the cells of a table with those of the table of the test part behind them.

    Raises:
        DataError: where the second table does not have a column of the first, or has words instead of numbers.
    """
    assert options.test_path is not None
    path = existing_file(options.test_path.expanduser(), "the test_path of table")
    others, both = read_cells(path, options.form, texts=texts), dict[str, Cells]()
    for name, own in cells.items():
        if name in options.drop:
            continue
        if name not in others:
            advice = did_you_mean(name, others)
            if name in options.target:
                advice = f"leave test_path out; mlpctl predict RESULTS --input {path} predicts it"
            raise DataError(f"{path} has no column '{name}', which {options.path} has: {advice}")
        both[name] = joined(own, others[name])
        words = next((each for each in (own, others[name]) if isinstance(each, list)), [])
        is_mixed = isinstance(own, list) != isinstance(others[name], list) and name not in options.categorical
        if is_mixed and understood(name, with_gaps(both[name]), options.reading, str(path)).kind == "category":
            word = next(word for word in words if word not in MISSING)
            raise DataError(
                f"column '{name}' has words, such as '{word}', in one of {options.path} and {path}, and numbers in the "
                f"other: mend it, or leave it out with --data drop={name}"
            )
    return both


def _parts_told(options: TableOptions, groups: NDArray[np.int64] | None, n_test: int | None) -> list[str]:
    """Return lines on what decides the parts, where the user said it."""
    told = list[str]()
    if n_test is not None and options.test_path is not None:
        told.append(f"{options.test_path.name}: the last {n_test:,} of these rows, the test part")
    if options.split == "ordered":
        told.append("split=ordered: the last rows are held out")
    if groups is not None:
        told.append(f"group={options.group}: {groups.max() + 1:,} groups, each in one part")
    return told


def _numbered(cells: Cells, name: str, path: Path) -> NDArray[np.int64]:
    """Return a number for each cell, equal for equal ones.

    Raises:
        DataError: where one is missing, or all are equal.
    """
    texts = with_gaps(cells)
    if "" in texts:
        raise DataError(
            f"{path}: column '{name}' has no value in row {texts.index('') + 1}, and each row needs a group"
        )
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    if len(numbers) < 2:
        raise DataError(f"{path}: column '{name}' has one value in all rows; two groups at least are needed")
    return np.array([numbers[text] for text in texts], np.int64)


def _advice(name: str, names: Sequence[str], *, is_target: bool) -> str:
    """Return what to type where a table has no column of some name."""
    if all(text.replace(".", "", 1).lstrip("+-").isdigit() for text in names) and not name.isdigit():
        return "its first line has numbers alone; --data header=none calls the columns 1, 2, and so on"
    return did_you_mean(name, names) + ("; name it with --data target=COLUMN" if is_target else "")


def _input(name: str, cells: Cells, path: Path, options: TableOptions) -> tuple[Column, NDArray[np.float64]]:
    """Return what a column is, and a number for each of its cells."""
    where, may_miss = str(path), options.missing != "error"
    if not isinstance(cells, list):
        if name not in options.categorical:
            check_whole(cells, name, where, may_miss=may_miss)
            return Column(name, "number"), cells
        cells = as_texts(cells)
    column = understood(name, cells, options.reading, where)
    if len(column.words) > MOST_CATEGORIES:
        raise DataError(
            f"{path}: column '{name}' has {len(column.words)} different words, more than {MOST_CATEGORIES}: leave it "
            f"out with --data drop={name}"
        )
    return column, encoded(column, cells, where, may_miss=may_miss)[0]


TABLE = Source(
    name="table",
    help="Any table of yours with a named target: CSV, Parquet, JSON, Excel, npz and others.",
    load=load,
    options=TableOptions,
    defaults={"model": "mlp", "scaling": "standard", "target_scaling": "standard", "batch_size": 32, "epochs": 30},
    locate=lambda options: [str(options.path)],
)
