"""Read inputs X and a target from a user's npz file, or from two npy files, without unpickling anything."""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.files import existing_file
from mlpctl.errors import DataError, did_you_mean
from mlpctl.system.parsing import check_memory, parsing

INPUT_NAMES = ("X", "x", "data", "images", "features")
TARGET_NAMES = ("y", "target", "labels", "Y")
"""Names of the arrays in an npz file, the first that is there."""


@dataclass(frozen=True, eq=False)
class NpzArrays:
    """Inputs and target, as they were written.

    Attributes:
        X: inputs (N, D): uint8, float32 or float64.
        y: target (N,) or (N, M), as it was written.
        target: name of the target.
        image_shape: (height, width) if X was (N, height, width).
        n_test: number of the last rows that are the test part; None if the file does not say.
    """

    X: NDArray[Any]
    y: NDArray[Any]
    target: str
    image_shape: tuple[int, int] | None
    n_test: int | None = None


def read_arrays(path: Path, target: str) -> NpzArrays:
    """Return the inputs and the target of an npz file, X with one row per example; pictures stay uint8.

    An npz file may have x_train, y_train, x_test and y_test: the last two are the test part.

    Args:
        path: npz file, or npy file of the inputs.
        target: name of the array, "" for the usual ones; beside an npy file, another one.

    Raises:
        DataError: for a damaged file, a missing array, objects, shapes that do not fit, NaN or infinite inputs.
    """
    n_test = None
    if path.suffix.lower() == ".npy":
        if not target.lower().endswith(".npy"):
            raise DataError(f"{path} has inputs alone: name the file of the target too, --data target=FILE.npy")
        beside = existing_file(path.parent / target if not Path(target).exists() else Path(target), "the target")
        X, y, target = read_npy(path), read_npy(beside), beside.stem
    else:
        with parsing(path, "npz"), zipfile.ZipFile(path) as archive:
            sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
            parts = ("x_train", "x_test", target or "y_train", (target or "y_train").replace("train", "test"))
            if set(parts) <= sizes.keys() and len(set(parts)) == 4:
                check_memory(path, 4 * sum(sizes[name] for name in parts))
                arrays = [_member(archive, name) for name in parts]
                _check_rows(path, parts[1], arrays[1], arrays[3])
                _check_rows(path, parts[0], arrays[0], arrays[2])
                if any(a.shape[1:] != b.shape[1:] for a, b in (arrays[:2], arrays[2:])):
                    raise DataError(f"{path}: the arrays {', '.join(parts)} need examples of one shape")
                X, y, n_test = np.concatenate(arrays[:2]), np.concatenate(arrays[2:]), len(arrays[1])
                target = parts[2]
            else:
                own = _first(INPUT_NAMES, sizes)
                target = target or _first(TARGET_NAMES, sizes)
                for name in (own, target):
                    if name not in sizes:
                        raise DataError(f"{path} has no array '{name}': {did_you_mean(name, sizes)}; it needs X and y")
                check_memory(path, 2 * (sizes[own] + sizes[target]))
                X, y = _member(archive, own), _member(archive, target)
    _check_rows(path, "X", X, y, target)
    flat, image_shape = flattened(path, X), (int(X.shape[1]), int(X.shape[2])) if X.ndim == 3 else None
    return NpzArrays(flat, y.reshape(len(y), -1) if y.ndim > 1 else y, target, image_shape, n_test)


def read_new_arrays(path: Path, target: str = "") -> tuple[NDArray[Any], NDArray[Any] | None, str]:
    """Return (X, y, name of y) of an npz file of new examples; y is None where the file does not have it.

    Args:
        path: file.
        target: name of the array, "" for the usual ones.

    Raises:
        DataError: for a damaged file, or one without inputs.
    """
    with parsing(path, "npz"), zipfile.ZipFile(path) as archive:
        sizes = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
        own, beside = _first(INPUT_NAMES, sizes), target or _first(TARGET_NAMES, sizes)
        if own in sizes and beside not in sizes:
            check_memory(path, sizes[own])
            return _member(archive, own), None, beside
        if own not in sizes and "x_train" not in sizes:
            raise DataError(f"{path} has no array '{own}': {did_you_mean(own, sizes)}")
    arrays = read_arrays(path, target)
    return arrays.X, arrays.y, arrays.target


def read_npy(path: Path) -> NDArray[Any]:
    """Return the array of an npy file.

    Raises:
        DataError: for a damaged file, objects, more than the memory.
    """
    with parsing(path, "npy"), path.open("rb") as stream:
        check_memory(path, path.stat().st_size)
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        return array


def _first(names: tuple[str, ...], there: Iterable[str]) -> str:
    """Return the first of some names that is there, else the usual one."""
    return next((name for name in names if name in there), names[0])


def _check_rows(path: Path, name: str, X: NDArray[Any], y: NDArray[Any], target: str = "its target") -> None:
    if X.ndim == 0 or y.ndim == 0 or len(X) != len(y) or not X.size:
        raise DataError(f"{path}: {name} and {target} need a row per example, got the shapes {X.shape} and {y.shape}")


def flattened(path: Path, X: NDArray[Any]) -> NDArray[Any]:
    """Return inputs with one row of numbers per example.

    Raises:
        DataError: for what is no number, NaN or infinite.
    """
    if X.dtype.kind not in "biuf":
        raise DataError(f"{path}: X must hold numbers, got {X.dtype}")
    flat = X.reshape(len(X), -1)
    if flat.dtype not in (np.uint8, np.float32, np.float64):
        flat = flat.astype(np.float64)
    _check_finite(flat, path)
    return np.ascontiguousarray(flat)


def _member(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        return array


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
