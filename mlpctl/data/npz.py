"""Read the arrays of a user's npz file, inputs X and a target, without unpickling anything."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.errors import DataError, did_you_mean
from mlpctl.system.parsing import check_memory, parsing


@dataclass(frozen=True, eq=False)
class NpzArrays:
    """Arrays of an npz file.

    Attributes:
        X: inputs (N, D): uint8, float32 or float64.
        y: target (N,) or (N, M), as it was written.
        image_shape: (height, width) if X was (N, height, width).
    """

    X: NDArray[Any]
    y: NDArray[Any]
    image_shape: tuple[int, int] | None


def read_arrays(path: Path, target: str) -> NpzArrays:
    """Return the arrays X and `target` of an npz file, X with one row per example; pictures stay uint8.

    Raises:
        DataError: for a damaged file, a missing array, objects, shapes that do not fit, NaN or infinite inputs.
    """
    with parsing(path, "npz"), zipfile.ZipFile(path) as archive:
        sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
        for name in ("X", target):
            if name not in sizes:
                raise DataError(f"{path} has no array '{name}': {did_you_mean(name, sizes)}; it needs X and y")
        check_memory(path, 2 * (sizes["X"] + sizes[target]))
        X, y = (_member(archive, f"{name}.npy") for name in ("X", target))
    if X.ndim == 0 or y.ndim == 0 or len(X) != len(y) or not X.size:
        raise DataError(f"{path}: X and {target} need a row per example, got the shapes {X.shape} and {y.shape}")
    if X.dtype.kind not in "biuf":
        raise DataError(f"{path}: X must hold numbers, got {X.dtype}")
    flat = X.reshape(len(X), -1)
    if flat.dtype not in (np.uint8, np.float32, np.float64):
        flat = flat.astype(np.float64)
    _check_finite(flat, path)
    image_shape = (int(X.shape[1]), int(X.shape[2])) if X.ndim == 3 else None
    return NpzArrays(np.ascontiguousarray(flat), y.reshape(len(y), -1) if y.ndim > 1 else y, image_shape)


def _member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _check_finite(X: NDArray[Any], path: Path) -> None:
    if X.dtype.kind != "f" or np.isfinite(X.sum(dtype=np.float64)):  # any NaN or infinity shows in the sum
        return
    bad = np.argwhere(~np.isfinite(X))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{path}: X has {len(bad)} NaN or infinite values, the first in row {row + 1}, column {column + 1} "
            "(counted from 1): fill them, or leave those rows out"
        )
