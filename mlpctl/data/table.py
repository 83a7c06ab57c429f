"""Load table: a table of the user's, CSV, TSV, Parquet or npz, with a named target."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from mlpctl.data.base import IS_PATH, Dataset, Options, Source, Task, digest_of
from mlpctl.data.files import existing_file, guess_separator, sha256_of
from mlpctl.data.npz import read_arrays
from mlpctl.errors import DataError, UsageError, did_you_mean
from mlpctl.spec import split_list
from mlpctl.system.parsing import parsing, short_lines

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 1000
"""Categories of one column, each of which becomes an input; more are names or numbers in disguise."""

LONGEST_LINE = 1 << 24
"""Characters of the first line of a table; more is no text, or has no lines."""

FEW_VALUES = 20
"""Distinct whole numbers up to which a target is taken for classes."""


class TableOptions(Options):
    """Options of table."""

    path: Path = Field(description="CSV, TSV, Parquet or npz file.", json_schema_extra={**IS_PATH})
    target: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        ("target",), description="Column to predict; several, a,b, for regression. In an npz the array, y by default."
    )
    task: Literal["auto", "classification", "regression"] = Field(
        "auto", description="auto: words, or up to 20 distinct whole numbers, are classes."
    )
    separator: str | None = Field(None, description="Between the columns of a CSV; found out by default.")
    categorical: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field(
        (), description="Columns of numbers that are names of categories, a,b."
    )
    drop: Annotated[tuple[str, ...], BeforeValidator(split_list)] = Field((), description="Columns to leave out, a,b.")


def load(options: TableOptions) -> Dataset:
    """Return a table as X (N, D) float64, categories as columns of 0 and 1, and its target.

    Raises:
        DataError: for a missing or damaged file, a missing column, empty or infinite cells, too many categories.
    """
    path = existing_file(options.path.expanduser(), "the path of table")
    with parsing(path, "a table"):  # a cell may hold anything: bytes, lists, what numpy has no type for
        return _load_npz(path, options) if path.suffix.lower() == ".npz" else _load_frame(path, options)


def _load_frame(path: Path, options: TableOptions) -> Dataset:
    frame, target = read_frame(path, options), options.target
    for name in (*target, *options.drop, *options.categorical):
        if name not in frame.columns:
            raise DataError(
                f"{path} has no column '{name}': {did_you_mean(name, map(str, frame.columns))}"
                + ("; name it with --data target=COLUMN" if name in target else "")
            )
    if unprintable := [name for name in map(str, frame.columns) if not name.isprintable()]:
        raise DataError(f"{path}: the name of a column has printable characters alone, got {unprintable[0]!r}")
    inputs = frame.drop(columns=list({*target, *options.drop}))
    if not len(frame) or not len(inputs.columns):
        raise DataError(f"{path} needs rows and at least one input column, got {len(frame)} and {len(inputs.columns)}")
    X, features, fitted = encode_inputs(inputs, path, options.categorical)
    task, y, classes = encode_target(frame[list(target)], options.task, path)
    return Dataset(
        name="table",
        X=X,
        y=y,
        task=task,
        digest=_digest(path, options),
        source=str(path),
        features=features,
        classes=classes,
        targets=() if classes else target,
        fitted_columns=fitted if fitted.any() else None,
    )


def _load_npz(path: Path, options: TableOptions) -> Dataset:
    """Return the arrays X and y, or another target, of an npz file."""
    import pandas as pd

    if options.drop or options.categorical or len(options.target) > 1:
        raise UsageError(
            "an npz file has arrays, not named columns: target names one array, leave drop and categorical out"
        )
    name = "y" if options.target == ("target",) else options.target[0]
    arrays = read_arrays(path, name)
    columns = {name: arrays.y} if arrays.y.ndim == 1 else {f"{name}{k + 1}": y for k, y in enumerate(arrays.y.T)}
    task, y, classes = encode_target(pd.DataFrame(columns), options.task, path)
    return Dataset(
        name="table",
        X=arrays.X,
        y=y,
        task=task,
        digest=_digest(path, options),
        source=str(path),
        features=() if arrays.image_shape else tuple(f"x{k + 1}" for k in range(arrays.X.shape[1])),
        classes=classes,
        targets=() if classes else tuple(columns),
        image_shape=arrays.image_shape,
    )


def _digest(path: Path, options: TableOptions) -> str:
    return digest_of("table 1", sha256_of(path), options.model_dump_json(exclude={"path", "separator"}))


def read_frame(path: Path, options: TableOptions) -> "pd.DataFrame":
    """Return the file as a DataFrame; the suffix says what it is, anything unknown is read as text.

    Raises:
        DataError: if it cannot be read so.
    """
    import pandas as pd

    if path.suffix.lower() in (".parquet", ".pq"):
        with parsing(path, "Parquet"):
            return pd.read_parquet(path)
    with parsing(path, "a table"):
        with path.open(encoding="utf-8") as stream:
            separator = options.separator or guess_separator(next(short_lines(stream, LONGEST_LINE), ""))
        return pd.read_csv(path, sep=separator, skipinitialspace=True, low_memory=False)  # whole columns, one type


def encode_inputs(
    inputs: "pd.DataFrame", path: Path, categorical: tuple[str, ...] = ()
) -> tuple[NDArray[np.float64], tuple[str, ...], NDArray[np.bool_]]:
    """Return (X, names, mask of the columns that stand for a category): numbers as they are, words as 0 and 1 per word.

    Raises:
        DataError: for empty or infinite cells, or too many categories.
    """
    import pandas as pd

    blocks: list[NDArray[np.float64]] = []
    names: list[str] = []
    fitted: list[bool] = []
    for name, column in inputs.items():
        _check_whole(column, str(name), path)
        if _is_number(column) and name not in categorical:
            blocks.append(column.to_numpy(dtype=np.float64)[:, None])
            names.append(str(name))
            fitted.append(False)
            continue
        if name not in categorical:
            _check_no_typo(column, str(name), path)
        codes, values = pd.factorize(column.astype(str), sort=True)
        if len(values) > MOST_CATEGORIES:
            raise DataError(
                f"{path}: column '{name}' has {len(values)} different words, more than {MOST_CATEGORIES}: leave it out "
                f"with --data drop={name}"
            )
        blocks.append((codes[:, None] == np.arange(len(values))).astype(np.float64))
        names += [f"{name}={value}" for value in values]
        fitted += [True] * len(values)
    return np.concatenate(blocks, axis=1), tuple(names), np.array(fitted)


def encode_target(
    target: "pd.DataFrame", asked: Literal["auto", "classification", "regression"], path: Path
) -> tuple[Task, NDArray[Any], tuple[str, ...]]:
    """Return (task, y, classes).

    Raises:
        DataError: for empty or infinite cells, or words where numbers are needed.
    """
    import pandas as pd

    for name, column in target.items():
        _check_whole(column, str(name), path)
    first = target.iloc[:, 0]
    numeric = all(_is_number(column) for _, column in target.items())
    task: Task
    if asked == "auto":
        whole = numeric and bool((first.to_numpy(dtype=np.float64) % 1 == 0).all())
        few = whole and first.nunique() <= FEW_VALUES and pd.api.types.is_integer_dtype(first)
        task = "classification" if len(target.columns) == 1 and (not numeric or few) else "regression"
    else:
        task = asked
    if task == "regression":
        if not numeric:
            raise DataError(f"{path}: a regression needs numbers, and the target has words: set task=classification")
        return task, target.to_numpy(dtype=np.float64), ()
    if len(target.columns) > 1:
        raise DataError(f"{path}: a classification has one target, got {', '.join(map(str, target.columns))}")
    codes, values = pd.factorize(first if numeric else first.astype(str), sort=True)
    if len(values) < 2:
        raise DataError(f"{path}: the target '{first.name}' has one value only: two classes at least are needed")
    return task, codes.astype(np.int32), tuple(str(value) for value in values)


def _is_number(column: "pd.Series[Any]") -> bool:
    import pandas as pd

    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _check_no_typo(column: "pd.Series[Any]", name: str, path: Path) -> None:
    """Refuse words among numbers: one `n/k` in a column of measurements would make a category of each of them."""
    import pandas as pd

    words = pd.to_numeric(column.astype(str), errors="coerce").isna().to_numpy()
    if 0 < words.sum() < len(words) / 2:
        row = int(np.flatnonzero(words)[0])
        raise DataError(
            f"{path}: column '{name}' has {int(words.sum())} cells that are no numbers, the first, "
            f"'{column.iloc[row]}', in data row {row + 1}: mend them, or set --data categorical={name}"
        )


def _check_whole(column: "pd.Series[Any]", name: str, path: Path) -> None:
    import pandas as pd

    empty = column.isna().to_numpy()
    what = "empty or NaN"
    if not empty.any() and pd.api.types.is_float_dtype(column):
        empty, what = ~np.isfinite(column.to_numpy(dtype=np.float64)), "infinite"
    if empty.any():
        row = int(np.flatnonzero(empty)[0]) + 1
        raise DataError(
            f"{path}: column '{name}' has {int(empty.sum())} {what} cells, the first in data row {row}: fill them, or "
            f"leave the column out with --data drop={name}"
        )


TABLE = Source(
    name="table",
    help="Any table of yours: a CSV, TSV, Parquet or npz file with a named target.",
    load=load,
    options=TableOptions,
    defaults={"model": "mlp", "scaling": "standard", "batch_size": 32, "epochs": 30},
    locate=lambda options: [str(options.path)],
)
