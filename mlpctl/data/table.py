"""Load table: a table of the user's, such as a CSV, Parquet or npz file, with a named target."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from mlpctl.data.base import IS_PATH, Beside, Dataset, Options, Source, Task, digest_of
from mlpctl.data.cells import MISSING, Cells, as_cells, as_texts
from mlpctl.data.columns import PLAIN, Column, Reading, summary, suspicions, understood
from mlpctl.data.encoding import assembled, check_whole, encoded
from mlpctl.data.files import existing_file, sha256_of
from mlpctl.data.npz import read_arrays, read_new_arrays
from mlpctl.data.table_files import FileForm, read_cells
from mlpctl.data.table_formats import LIBSVM
from mlpctl.data.table_target import FEW_VALUES, MOST_IMAGE_CLASSES, AskedTask, Target, encode_target, target_of
from mlpctl.errors import DataError, UsageError, did_you_mean
from mlpctl.spec import split_list
from mlpctl.system.parsing import parsing

MOST_CATEGORIES = 1000
"""Categories of one column, each of which becomes an input; more are names or numbers in disguise."""


DEFAULTS: Mapping[Task, Mapping[str, Any]] = {"classification": {}, "regression": {"lr": 0.01}}
"""Values of Spec fields that the user leaves open. At lr 0.1 the squared error of a few far examples ends training."""


class TableOptions(Options):
    """Options of table."""

    path: Path = Field(
        description="Table: CSV, TSV, Parquet, Feather, Stata, JSON, JSON lines, ARFF, libsvm, Excel, npz or npy; also "
        "as .gz, .bz2, .xz or .zip.",
        json_schema_extra={**IS_PATH},
    )
    target: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        ("target",),
        description="Column to predict; several, a,b, for regression. In an npz the array, y by default; beside an npy "
        "of inputs another npy file.",
    )
    task: AskedTask = Field(
        "auto", description="auto: words, or up to 20 distinct whole numbers of several rows each, are classes."
    )
    separator: str | None = Field(
        None, min_length=1, max_length=1, description="Between the columns of a CSV; found out by default."
    )
    header: Literal["first", "none"] = Field(
        "first", description="first: the first line of a CSV names the columns. none: they are called 1, 2, and so on."
    )
    comment: str = Field("", description="Beginning of lines of a CSV that are no data, such as #.")
    sheet: str = Field("", description="Sheet of an Excel file that has several.")
    na: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        (), description="Words or numbers for a missing value besides an empty cell, -999,unknown."
    )
    missing: Literal["error", "drop", "mean", "median", "most_frequent"] = Field(
        "error",
        description="What becomes of missing values: an error, the row is dropped, or they are filled with what the "
        "training part has in that column (a category with its most frequent word).",
    )
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

    @property
    def form(self) -> FileForm:
        """Return the options about how the file is written."""
        return FileForm(self.separator or "", self.encoding, self.header, self.comment, self.sheet, self.na)

    @property
    def impute(self) -> Literal["", "mean", "median", "most_frequent"]:
        """Return the statistic that fills missing values; "" for none."""
        match self.missing:
            case "error" | "drop":
                return ""
            case statistic:
                return statistic


def load(options: TableOptions) -> Dataset:
    """Return a table as X (N, D) float64, categories as columns of 0 and 1, and its target.

    Raises:
        DataError: for a missing or damaged file, a missing column, empty or infinite cells, too many categories.
    """
    path = existing_file(options.path.expanduser(), "the path of table")
    with parsing(path, "a table"):  # a cell may hold anything: bytes, lists, what numpy has no type for
        return _load_arrays(path, options) if path.suffix.lower() in (".npz", ".npy") else _load_frame(path, options)


def _load_frame(path: Path, options: TableOptions) -> Dataset:
    target = options.target
    are_plain = options.decimal in ("", ".") and not options.thousands
    cells = read_cells(path, options.form, texts=(*target, *options.categorical) if are_plain else None)
    for name in (*target, *options.drop, *options.categorical):
        if name not in cells:
            raise DataError(f"{path} has no column '{name}': {_advice(name, list(cells), is_target=name in target)}")
    if unprintable := [name for name in cells if not name.isprintable()]:
        raise DataError(f"{path}: the name of a column has printable characters alone, got {unprintable[0]!r}")
    inputs = {name: own for name, own in cells.items() if name not in {*target, *options.drop}}
    rows = len(next(iter(cells.values()), ()))
    if not rows or not inputs:
        raise DataError(f"{path} needs rows and at least one input column, got {rows} and {len(inputs)}")
    columns, values = list[Column](), list[NDArray[np.float64]]()
    for name, own in inputs.items():
        column, numbers = _input(name, own, path, options)
        columns.append(column)
        values.append(numbers)
    targets, there = {name: cells[name] for name in target}, np.ones(rows, dtype=bool)
    told = [f"{path.name}: {text}" for text in suspicions(inputs, {column.name: column for column in columns})]
    del cells, inputs
    for own in values:
        there &= ~np.isnan(own)
    if options.missing == "drop":
        there &= ~np.any([_is_missing(*own, options) for own in targets.items()], axis=0)
        targets = {name: _rows_of(own, there) for name, own in targets.items()}
        values = [own[there] for own in values]
        if not there.any():
            raise DataError(f"{path}: each row has a missing value, and --data missing=drop leaves none")
    X = assembled(columns, values, str(path))
    found = encode_target(targets, path, options.task, options.reading)
    fitted = np.array([column.kind == "category" for column in columns for _ in column.inputs])
    is_plain = all(not column.told for column in (*columns, *found.columns)) and not found.is_new
    first = [f"{path.name}: {X.shape[0]:,} rows; {summary(columns)}; target {', '.join(target)}: {found.told}"]
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
        digest=_digest(path, options, 1 if is_plain else 2),
        source=str(path),
        features=tuple(name for column in columns for name in column.inputs),
        classes=found.classes,
        targets=() if found.classes else target,
        fitted_columns=fitted if fitted.any() else None,
        defaults=DEFAULTS[found.task],
        columns=tuple(columns),
        read_new=partial(read_examples, tuple(columns), options.form, may_miss=bool(options.impute), target=target),
        read_beside=partial(read_beside, tuple(columns), options, found),
        impute=options.impute,
        notes=(*first, *told),
    )


def _advice(name: str, names: Sequence[str], *, is_target: bool) -> str:
    """Return what to type where a table has no column of some name."""
    if all(text.replace(".", "", 1).lstrip("+-").isdigit() for text in names) and not name.isdigit():
        return "its first line has numbers alone; --data header=none calls the columns 1, 2, and so on"
    return did_you_mean(name, names) + ("; name it with --data target=COLUMN" if is_target else "")


def _is_missing(name: str, cells: Cells, options: TableOptions) -> NDArray[np.bool_]:
    """Return for each cell of a target whether it is missing; words such as NA may be classes."""
    if not isinstance(cells, list):
        return np.isnan(cells)
    is_word = understood(name, cells, options.reading, str(options.path)).kind == "category"
    return np.array([not cell if is_word else cell in MISSING for cell in cells])


def _rows_of(cells: Cells, there: NDArray[np.bool_]) -> Cells:
    if not isinstance(cells, list):
        return cells[there]
    return [cell for cell, is_there in zip(cells, there.tolist(), strict=True) if is_there]


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


def _load_arrays(path: Path, options: TableOptions) -> Dataset:
    """Return the inputs and the target of an npz file, or of two npy files."""
    if options.drop or options.categorical or len(options.target) > 1:
        raise UsageError(
            "an npz or npy file has arrays, not named columns: target names one array, leave drop and categorical out"
        )
    arrays = read_arrays(path, _array_of(options))
    name, targets = arrays.target, _target_cells(arrays.y, arrays.target)
    most = MOST_IMAGE_CLASSES if arrays.image_shape else FEW_VALUES
    found = encode_target(targets, path, options.task, options.reading, most)
    shape = "×".join(map(str, arrays.image_shape or arrays.X.shape[1:]))
    return Dataset(
        name="table",
        X=arrays.X,
        y=found.y,
        task=found.task,
        digest=_digest(path, options, 2 if found.is_new else 1, arrays.y if path.suffix == ".npy" else None),
        source=str(path),
        features=() if arrays.image_shape else tuple(f"x{k + 1}" for k in range(arrays.X.shape[1])),
        classes=found.classes,
        targets=() if found.classes else tuple(targets),
        image_shape=arrays.image_shape,
        defaults=DEFAULTS[found.task],
        test_index=None if arrays.n_test is None else np.arange(len(arrays.X))[-arrays.n_test :],
        read_beside=partial(_read_array_target, options, found),
        notes=(
            f"{path.name}: {len(arrays.X):,} rows; {shape} {'pixels' if arrays.image_shape else 'numbers'}; "
            f"target {name}: {found.told}",
        ),
    )


def _array_of(options: TableOptions) -> str:
    """Return the name of the array of the target; "" for the usual ones."""
    return "" if options.target == ("target",) else options.target[0]


def _target_cells(y: NDArray[Any], name: str) -> dict[str, Cells]:
    """Return a target (N,) or (N, M) as columns of cells."""
    columns = {name: y} if y.ndim == 1 else {f"{name}{k + 1}": own for k, own in enumerate(y.T)}
    return {key: as_cells(own, key) for key, own in columns.items()}


LATER = ("decimal", "thousands", "encoding", "header", "comment", "sheet", "na", "missing")
"""Options that older datasets do not have: they count where they are given."""


def _digest(path: Path, options: TableOptions, version: int, beside: NDArray[Any] | None = None) -> str:
    """Return the hash of what decides the arrays; version 1 where the file reads as it did before there was another.

    Args:
        path: file.
        options: of the dataset.
        version: of the rules that read it.
        beside: target that is in another file.
    """
    fields = type(options).model_fields
    left_out = {"path", "separator", *(name for name in LATER if getattr(options, name) == fields[name].default)}
    others = () if beside is None else (beside,)
    return digest_of(f"table {version}", sha256_of(path), options.model_dump_json(exclude=left_out), *others)


def read_examples(
    columns: Sequence[Column],
    form: FileForm,
    path: Path,
    content: bytes | None,
    *,
    may_miss: bool = False,
    target: Sequence[str] = (),
) -> tuple[NDArray[np.float64], list[str]]:
    """Return (X, notes): new examples (B, D) of a file, read as a table's columns were understood in training.

    Args:
        columns: of the inputs.
        form: how the table was written.
        path: file, or its name in messages.
        content: content of what is no file.
        may_miss: True if missing cells are NaN, to be filled as in training.
        target: columns that are no inputs, and not worth a note.

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
    ignored = [name for name in cells if name not in {*(column.name for column in columns), *target}]
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
    return _scored(found, {name: cells[name] for name in options.target}, options, path, others)


def _read_array_target(options: TableOptions, found: Target, path: Path, content: bytes | None) -> Beside:
    """Return the target of new examples in an npz file, where it has one."""
    if content is not None or path.suffix.lower() != ".npz":
        return Beside()
    _, y, name = read_new_arrays(path, _array_of(options))
    return Beside() if y is None else _scored(found, _target_cells(y, name), options, path)


def _scored(
    found: Target, target: Mapping[str, Cells], options: TableOptions, path: Path, others: Mapping[str, Cells] = {}
) -> Beside:
    """Return what stands beside inputs, the target left out where it has not what it had in training."""
    try:
        return Beside(target_of(found, target, path, options.reading), others)
    except DataError as error:
        return Beside(columns=others, notes=(f"not scored: {error}",))


TABLE = Source(
    name="table",
    help="Any table of yours with a named target: CSV, Parquet, JSON, Excel, npz and others.",
    load=load,
    options=TableOptions,
    defaults={"model": "mlp", "scaling": "standard", "target_scaling": "standard", "batch_size": 32, "epochs": 30},
    locate=lambda options: [str(options.path)],
)
