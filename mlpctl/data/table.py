"""Load table: a table of the user's, CSV, TSV, Parquet or npz, with a named target."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from mlpctl.data.base import IS_PATH, Dataset, Options, Source, digest_of
from mlpctl.data.columns import Column, Reading, check_whole, encoded, summary, suspicions, understood
from mlpctl.data.files import existing_file, sha256_of
from mlpctl.data.npz import read_arrays
from mlpctl.data.table_files import Cells, as_cells, as_texts, read_cells, read_text
from mlpctl.data.table_target import FEW_VALUES, MOST_IMAGE_CLASSES, AskedTask, encode_target
from mlpctl.errors import DataError, UsageError, did_you_mean
from mlpctl.spec import split_list
from mlpctl.system.parsing import parsing

MOST_CATEGORIES = 1000
"""Categories of one column, each of which becomes an input; more are names or numbers in disguise."""


class TableOptions(Options):
    """Options of table."""

    path: Path = Field(description="CSV, TSV, Parquet or npz file.", json_schema_extra={**IS_PATH})
    target: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        ("target",), description="Column to predict; several, a,b, for regression. In an npz the array, y by default."
    )
    task: AskedTask = Field(
        "auto", description="auto: words, or up to 20 distinct whole numbers of several rows each, are classes."
    )
    separator: str | None = Field(None, description="Between the columns of a CSV; found out by default.")
    categorical: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        (), description="Columns of numbers that are names of categories, a,b."
    )
    drop: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field((), description="Columns to leave out, a,b.")
    decimal: Literal["", ".", ","] = Field("", description="Decimal sign of the numbers; found out by default.")
    thousands: Literal["", ".", ",", " ", "'"] = Field(
        "", description="Thousands separator of the numbers; found out by default."
    )
    encoding: str = Field("", description="Encoding of a CSV, such as latin-1; UTF-8 or UTF-16 by default.")

    @property
    def reading(self) -> Reading:
        """Return the options about numbers and categories."""
        return Reading(self.decimal, self.thousands, self.categorical)


def load(options: TableOptions) -> Dataset:
    """Return a table as X (N, D) float64, categories as columns of 0 and 1, and its target.

    Raises:
        DataError: for a missing or damaged file, a missing column, empty or infinite cells, too many categories.
    """
    path = existing_file(options.path.expanduser(), "the path of table")
    with parsing(path, "a table"):  # a cell may hold anything: bytes, lists, what numpy has no type for
        return _load_npz(path, options) if path.suffix.lower() == ".npz" else _load_frame(path, options)


def _load_frame(path: Path, options: TableOptions) -> Dataset:
    cells, target = read_cells(path, options.separator, options.encoding), options.target
    for name in (*target, *options.drop, *options.categorical):
        if name not in cells:
            raise DataError(
                f"{path} has no column '{name}': {did_you_mean(name, cells)}"
                + ("; name it with --data target=COLUMN" if name in target else "")
            )
    if unprintable := [name for name in cells if not name.isprintable()]:
        raise DataError(f"{path}: the name of a column has printable characters alone, got {unprintable[0]!r}")
    inputs = {name: own for name, own in cells.items() if name not in {*target, *options.drop}}
    rows = len(next(iter(cells.values()), ()))
    if not rows or not inputs:
        raise DataError(f"{path} needs rows and at least one input column, got {rows} and {len(inputs)}")
    columns, blocks = list[Column](), list[NDArray[np.float64]]()
    for name, own in inputs.items():
        column, block = _input(name, own, path, options)
        columns.append(column)
        blocks.append(block)
    found = encode_target({name: cells[name] for name in target}, path, options.task, options.reading)
    fitted = np.array([column.kind == "category" for column in columns for _ in column.inputs])
    is_plain = all(not column.told for column in (*columns, *found.columns)) and not found.is_new
    told = [f"{path.name}: {rows:,} rows; {summary(columns)}; target {', '.join(target)}: {found.told}"]
    told += [f"{path.name}: {text}" for column in (*columns, *found.columns) if (text := column.told)]
    told += [f"{path.name}: {text}" for text in suspicions(inputs, {column.name: column for column in columns})]
    return Dataset(
        name="table",
        X=np.concatenate(blocks, axis=1),
        y=found.y,
        task=found.task,
        digest=_digest(path, options, version=1 if is_plain else 2),
        source=str(path),
        features=tuple(name for column in columns for name in column.inputs),
        classes=found.classes,
        targets=() if found.classes else target,
        fitted_columns=fitted if fitted.any() else None,
        columns=tuple(columns),
        notes=tuple(told),
    )


def _input(name: str, cells: Cells, path: Path, options: TableOptions) -> tuple[Column, NDArray[np.float64]]:
    """Return what a column is, and the inputs that it becomes."""
    where = str(path)
    if not isinstance(cells, list):
        if name not in options.categorical:
            check_whole(cells, name, where)
            return Column(name, "number"), cells[:, None]
        cells = as_texts(cells)
    column = understood(name, cells, options.reading, where)
    if len(column.words) > MOST_CATEGORIES:
        raise DataError(
            f"{path}: column '{name}' has {len(column.words)} different words, more than {MOST_CATEGORIES}: leave it "
            f"out with --data drop={name}"
        )
    return column, encoded(column, cells, where)[0]


def _load_npz(path: Path, options: TableOptions) -> Dataset:
    """Return the arrays X and y, or another target, of an npz file."""
    if options.drop or options.categorical or len(options.target) > 1:
        raise UsageError(
            "an npz file has arrays, not named columns: target names one array, leave drop and categorical out"
        )
    name = "y" if options.target == ("target",) else options.target[0]
    arrays = read_arrays(path, name)
    targets = {name: arrays.y} if arrays.y.ndim == 1 else {f"{name}{k + 1}": y for k, y in enumerate(arrays.y.T)}
    most = MOST_IMAGE_CLASSES if arrays.image_shape else FEW_VALUES
    found = encode_target(
        {key: as_cells(y, key) for key, y in targets.items()}, path, options.task, options.reading, most
    )
    shape = "×".join(map(str, arrays.image_shape or arrays.X.shape[1:]))
    return Dataset(
        name="table",
        X=arrays.X,
        y=found.y,
        task=found.task,
        digest=_digest(path, options, version=2 if found.is_new else 1),
        source=str(path),
        features=() if arrays.image_shape else tuple(f"x{k + 1}" for k in range(arrays.X.shape[1])),
        classes=found.classes,
        targets=() if found.classes else tuple(targets),
        image_shape=arrays.image_shape,
        notes=(
            f"{path.name}: {len(arrays.X):,} rows; {shape} {'pixels' if arrays.image_shape else 'numbers'}; "
            f"target {name}: {found.told}",
        ),
    )


def _digest(path: Path, options: TableOptions, *, version: int) -> str:
    """Return the hash of what decides the arrays; version 1 where the file reads as it did before there was another."""
    left_out = {
        "path",
        "separator",
        *(name for name in ("decimal", "thousands", "encoding") if not getattr(options, name)),
    }
    return digest_of(f"table {version}", sha256_of(path), options.model_dump_json(exclude=left_out))


def read_examples(
    columns: Sequence[Column], path: Path, content: bytes | None
) -> tuple[NDArray[np.float64], list[str]]:
    """Return (X, notes): new examples (B, D) of a file, read as a table's columns were understood in training.

    Args:
        columns: of the inputs.
        path: file, or its name in messages.
        content: content of what is no file.

    Raises:
        DataError: where a column is missing, or a cell is not what its column has.
    """
    cells = read_cells(path, None) if content is None else read_text(path, None, content)
    blocks, notes = list[NDArray[np.float64]](), list[str]()
    for column in columns:
        if column.name not in cells:
            needed = ", ".join(each.name for each in columns)
            raise DataError(
                f"{path} has no column '{column.name}': {did_you_mean(column.name, cells)}; the network needs {needed}"
            )
        own = cells[column.name]
        if not isinstance(own, list):
            if column.kind != "category":
                check_whole(own, column.name, str(path))
                blocks.append(own[:, None])
                continue
            own = as_texts(own)
        block, unseen = encoded(column, own, str(path))
        blocks.append(block)
        if unseen:
            notes.append(f"{path}: '{column.name}' has words that training did not have: {', '.join(unseen[:5])}")
    if not len(blocks[0]):
        raise DataError(f"{path} needs a line that names the columns and a line per example")
    ignored = [name for name in cells if name not in {column.name for column in columns}]
    notes += [f"columns of {path} that are no features: {', '.join(ignored)}"] if ignored else []
    return np.concatenate(blocks, axis=1), notes


TABLE = Source(
    name="table",
    help="Any table of yours: a CSV, TSV, Parquet or npz file with a named target.",
    load=load,
    options=TableOptions,
    defaults={"model": "mlp", "scaling": "standard", "batch_size": 32, "epochs": 30},
    locate=lambda options: [str(options.path)],
)
