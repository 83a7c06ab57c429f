"""Load a table whose file has arrays: npz, or a pair of npy."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.base import Beside, Dataset
from mlpctl.data.cells import Cells, as_cells
from mlpctl.data.files import existing_file
from mlpctl.data.npz import NpzArrays, read_arrays, read_new_arrays
from mlpctl.data.table_new import scored
from mlpctl.data.table_options import TableOptions, table_digest
from mlpctl.data.table_target import DEFAULTS, FEW_VALUES, MOST_IMAGE_CLASSES, Target, encode_target
from mlpctl.errors import DataError, UsageError


def load_arrays(path: Path, options: TableOptions) -> Dataset:
    """Return the inputs and the target of an npz file, or of two npy files."""
    if options.drop or options.categorical or options.group or len(options.target) > 1:
        raise UsageError(
            "an npz or npy file has arrays, not named columns: target names one array, leave drop, categorical and "
            "group out"
        )
    arrays = read_arrays(path, _array_of(options))
    if options.test_path is not None:
        arrays = _with_test_rows(arrays, options)
    name, targets = arrays.target, _target_cells(arrays.y, arrays.target)
    most = MOST_IMAGE_CLASSES if arrays.image_shape else FEW_VALUES
    found = encode_target(targets, path, options.task, options.reading, most)
    shape = "×".join(map(str, arrays.image_shape or arrays.X.shape[1:]))
    return Dataset(
        name="table",
        X=arrays.X,
        y=found.y,
        task=found.task,
        digest=table_digest(path, options, 2 if found.is_new else 1, arrays.y if path.suffix == ".npy" else None),
        source=str(path) if options.test_path is None else f"{path} and {options.test_path}",
        features=() if arrays.image_shape else tuple(f"x{k + 1}" for k in range(arrays.X.shape[1])),
        classes=found.classes,
        targets=() if found.classes else tuple(targets),
        image_shape=arrays.image_shape,
        is_ordered=options.split == "ordered",
        defaults=DEFAULTS[found.task],
        test_index=None if arrays.n_test is None else np.arange(len(arrays.X))[-arrays.n_test :],
        read_beside=partial(_read_array_target, options, found),
        notes=(
            f"{path.name}: {len(arrays.X):,} rows; {shape} {'pixels' if arrays.image_shape else 'numbers'}; "
            f"target {name}: {found.told}",
        ),
    )


def _with_test_rows(first: NpzArrays, options: TableOptions) -> NpzArrays:
    """Return arrays with those of the file of the test part behind them.

    Raises:
        DataError: where the examples of the two are not alike, or the first has a test part already.
    """
    assert options.test_path is not None
    path = existing_file(options.test_path.expanduser(), "the test_path of table")
    if path.suffix.lower() != ".npz" or options.path.suffix.lower() != ".npz":
        raise UsageError("test_path is for an npz file beside another: save the arrays with numpy.savez")
    if first.n_test is not None:
        raise UsageError(f"{options.path} has a test part of its own: leave test_path out")
    second = read_arrays(path, _array_of(options))
    kinds = [(own.X.shape[1:], own.image_shape, own.X.dtype.kind, own.y.shape[1:]) for own in (first, second)]
    if kinds[0] != kinds[1]:
        raise DataError(
            f"{path} has inputs {second.X.dtype} {second.X.shape} and a target {second.y.shape}, and {options.path} "
            f"{first.X.dtype} {first.X.shape} and {first.y.shape}: their examples must have one shape and kind"
        )
    both = [np.concatenate(pair) for pair in ((first.X, second.X), (first.y, second.y))]
    return replace(first, X=both[0], y=both[1], n_test=len(second.X))


def _array_of(options: TableOptions) -> str:
    """Return the name of the array of the target; "" for the usual ones."""
    return "" if options.target == ("target",) else options.target[0]


def _target_cells(y: NDArray[Any], name: str) -> dict[str, Cells]:
    """Return a target (N,) or (N, M) as columns of cells."""
    columns = {name: y} if y.ndim == 1 else {f"{name}{k + 1}": own for k, own in enumerate(y.T)}
    return {key: as_cells(own, key) for key, own in columns.items()}


def _read_array_target(options: TableOptions, found: Target, path: Path, content: bytes | None) -> Beside:
    """Return the target of new examples in an npz file, where it has one."""
    if content is not None or path.suffix.lower() != ".npz":
        return Beside()
    _, y, name = read_new_arrays(path, _array_of(options))
    return Beside() if y is None else scored(found, _target_cells(y, name), options, path)
