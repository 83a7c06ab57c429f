"""Read new examples from a file, raw as in the dataset: a CSV of named features, an image, or an array."""

import csv
import io
import math
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.base import Beside, Dataset
from mlpctl.data.files import guess_separator
from mlpctl.data.npz import read_new_arrays, read_npy
from mlpctl.errors import DataError, UsageError, did_you_mean
from mlpctl.system.parsing import parsing

STDIN = "-"
NPY, NPZ = ".npy", ".npz"
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
"""Suffixes of images."""

IMAGE_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
"""Formats of images, by their content: others may start programs, as Pillow does for PostScript."""


@dataclass(frozen=True, eq=False)
class NewExamples:
    """Examples of a file.

    Attributes:
        X: inputs (B, D), raw as in the dataset.
        beside: the target where the file has it, and its other columns.
        notes: lines for the user.
    """

    X: Any
    beside: Beside
    notes: list[str]


def read_new(dataset: Dataset, name: str) -> NewExamples:
    """Return the examples of a file with what stands beside their inputs; "-" is the standard input.

    Raises:
        DataError: for a file that is missing, damaged, or has not what the dataset needs.
        UsageError: for a kind of file that does not fit the dataset.
    """
    content = sys.stdin.read().encode() if name == STDIN else None
    X, notes = read_inputs(dataset, name, content)
    beside = Beside()
    if dataset.read_beside is not None and Path(name).suffix.lower() not in (NPY, *IMAGES):
        beside = dataset.read_beside(Path(name), content)
    return NewExamples(X, beside, [*notes, *beside.notes])


def read_inputs(dataset: Dataset, name: str, content: bytes | None = None) -> tuple[NDArray[Any], list[str]]:
    """Return (X, notes): the examples (B, D) of a file, and lines for the user.

    Raises:
        DataError: for a file that is missing, damaged, or has not what the dataset needs.
        UsageError: for a kind of file that does not fit the dataset.
    """
    path = Path(name)
    suffix = path.suffix.lower()
    if not isinstance(dataset.X, np.ndarray):
        if dataset.read_new is None or (content is not None and dataset.name == "langid"):
            raise UsageError(f"the inputs of {dataset.name} are words: use --text 'the sentence', or a file of texts")
        return dataset.read_new(path, content)
    if suffix in (NPY, NPZ):
        return _array(path, dataset), []
    if suffix in IMAGES:
        return _image(path, dataset), []
    if not dataset.features:
        raise UsageError(f"the inputs of {dataset.name} are pixels: give a PNG image or an .npy array, got '{name}'")
    if dataset.read_new is not None:
        return dataset.read_new(path, content)
    return _columns(name, dataset, content)


def _columns(name: str, dataset: Dataset, content: bytes | None) -> tuple[NDArray[Any], list[str]]:
    where = "the standard input" if name == STDIN else name
    with parsing(where, "a CSV in UTF-8"):
        text = (Path(name).read_bytes() if content is None else content).decode("utf-8-sig")
        separator = guess_separator(text.partition("\n")[0])
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True) if row]
    if len(rows) < 2:
        raise DataError(f"{where} needs a line that names the features and a line per example, has {len(rows)} lines")
    header = [name.strip() for name in rows[0]]
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise DataError(f"{where}, line {number}: {len(header)} columns are named, the line has {len(row)}")
    table = {name: [row[k].strip() for row in rows[1:]] for k, name in enumerate(header)}
    missing = [name for name in dataset.features if name not in table]
    if missing:
        raise DataError(
            f"{where} has no column '{missing[0]}': {did_you_mean(missing[0], header)}; {dataset.name} needs "
            f"{','.join(dataset.features)}"
        )
    X = np.array(
        [
            [_number(cell, name, line, where) for line, cell in enumerate(table[name], start=2)]
            for name in dataset.features
        ]
    ).T  # (B, D)
    ignored = [name for name in header if name not in dataset.features]
    return X, [f"columns of {where} that are no features: {', '.join(ignored)}"] if ignored else []


def _number(cell: str, name: str, line: int, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}, line {line}: '{name}' must be a number, got '{cell}'")
    return value


def _array(path: Path, dataset: Dataset) -> NDArray[Any]:
    X = read_new_arrays(path)[0] if path.suffix.lower() == NPZ else read_npy(path)
    n_inputs = dataset.X.shape[1]
    if X.ndim == 0 or X.dtype.kind not in "biuf" or X.size == 0 or X.size % n_inputs:
        shape = "×".join(map(str, dataset.image_shape)) if dataset.image_shape else str(n_inputs)
        raise DataError(f"{path}: examples of {dataset.name} have {shape} numbers, got {X.dtype} of shape {X.shape}")
    X = X.reshape(-1, n_inputs)
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        raise DataError(f"{path} has values that are NaN or infinite")
    if dataset.X.dtype == np.uint8 and (X.min() < 0 or X.max() > 255 or (X % 1 != 0).any()):
        raise DataError(f"{path}: pixels of {dataset.name} are whole numbers from 0 to {dataset.unit_max:g}")
    return X


def _image(path: Path, dataset: Dataset) -> NDArray[Any]:
    if dataset.image_shape is None or dataset.X.dtype != np.uint8:
        raise UsageError(f"{dataset.name} does not have pixels from 0 to 255 as inputs: give an .npy array, or a CSV")
    from PIL import Image

    height, width = dataset.image_shape
    with parsing(path, f"an image in {' or '.join(IMAGE_FORMATS)}"), warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size is looked at before it is decoded
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            if image.size != (width, height):
                found = "×".join(map(str, image.size))
                raise DataError(f"{path} must be {width}×{height} pixels, as {dataset.name} has them, got {found}")
            grey = np.asarray(image.convert("L"), dtype=np.float64)
    pixels: NDArray[Any] = np.round(grey * (dataset.unit_max / 255))
    return pixels.reshape(1, -1)
