"""Load the small sets of scikit-learn: iris, digits, wine, breast-cancer, diabetes.

Importing scikit-learn takes a second, a thousand times an iris trial: so an .npz of each set is kept in the cache.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.base import Dataset, Options, Source, Task, digest_of
from mlpctl.data.files import keep
from mlpctl.errors import DataError
from mlpctl.system.facts import library_version
from mlpctl.system.files import cache_folder
from mlpctl.system.parsing import parsing

IMAGE_SHAPES = {"digits": (8, 8)}
DIGITS_MAX = 16.0
"""A digits pixel counts the set pixels of a 4×4 block."""


def load(name: str, options: Options) -> Dataset:  # noqa: ARG001
    """Return one of the bundled sets: X (N, D) float64, digits uint8; y (N,) classes, diabetes (N, 1) float64."""
    path = cache_path(name)
    arrays = _read(path)
    where = f", cached in {path}"
    if arrays is None:
        arrays = from_sklearn(name)
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **arrays)
        where = "" if not keep(path, [stream.getbuffer()]) else f", now cached in {path}"
    X, y = arrays["X"], arrays["y"]
    classes = tuple(map(str, arrays["classes"]))
    return Dataset(
        name=name,
        X=X,
        y=y,
        task="classification" if classes else "regression",
        digest=digest_of(X, y),
        source=f"scikit-learn {library_version('scikit-learn')}{where}",
        features=() if name in IMAGE_SHAPES else tuple(map(str, arrays["features"])),
        classes=classes,
        targets=() if classes else ("progression",),
        image_shape=IMAGE_SHAPES.get(name),
        unit_max=DIGITS_MAX if name == "digits" else 255.0,
    )


def cache_path(name: str) -> Path:
    """Return the file of a set in the cache, of the installed scikit-learn."""
    return cache_folder() / f"scikit-learn-{library_version('scikit-learn')}" / f"{name}.npz"


def _read(path: Path) -> dict[str, NDArray[Any]] | None:
    """Return the kept arrays, or None where they are missing or damaged (each member has a CRC)."""
    try:
        with parsing(path, "npz"), path.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
            arrays = {key: kept[key] for key in ("X", "y", "features", "classes")}
    except DataError:
        return None
    return arrays if len(arrays["X"]) == len(arrays["y"]) else None


@contextmanager
def no_joblib_warning() -> Iterator[None]:
    """Silence joblib while scikit-learn is imported: it tells of missing shared memory, which nothing here needs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*serial mode", category=UserWarning)
        yield


def from_sklearn(name: str) -> dict[str, NDArray[Any]]:
    """Return a set as scikit-learn has it: arrays X, y, features and classes."""
    with no_joblib_warning():
        from sklearn import datasets

    bunch = getattr(datasets, f"load_{name.replace('-', '_')}")()
    regression = name == "diabetes"
    return {
        "X": np.ascontiguousarray(bunch.data, dtype=np.uint8 if name in IMAGE_SHAPES else np.float64),
        "y": bunch.target.astype(np.float64)[:, None] if regression else bunch.target.astype(np.int32),
        "features": np.array(list(map(str, bunch.feature_names))),
        "classes": np.array([] if regression else list(map(str, bunch.target_names)), dtype=np.str_),
    }


def _locate(name: str, options: Options) -> list[str]:  # noqa: ARG001
    path = cache_path(name)
    return [str(path) if path.is_file() else "scikit-learn"]


def _source(name: str, help_: str, task: Task = "classification", **defaults: Any) -> Source:
    loader: Callable[[Any], Dataset] = partial(load, name)
    return Source(name, help_, loader, task=task, defaults=defaults, locate=partial(_locate, name))


# Inputs of different units and sizes learn alike once standardized. The published iris run trains on raw inputs; its
# experiment says `scaling = "none"`.
IRIS = _source(
    "iris", "150 iris flowers of three species, four lengths in cm (Fisher 1936).",
    model="mlp", scaling="standard", batch_size=16, epochs=50,
)  # fmt: skip
DIGITS = _source(
    "digits", "1,797 handwritten digits, 8×8 pixels of 0 to 16 (UCI).",
    model="mlp", scaling="unit", batch_size=32, epochs=20,
)  # fmt: skip
WINE = _source(
    "wine", "178 wines of three growers, 13 chemical measurements (UCI).",
    model="mlp", scaling="standard", batch_size=16, epochs=30,
)  # fmt: skip
BREAST_CANCER = _source(
    "breast-cancer", "569 tumours, malignant or benign, 30 measurements of cell nuclei (Wisconsin).",
    model="mlp", scaling="standard", batch_size=32, epochs=30,
)  # fmt: skip
DIABETES = _source(
    "diabetes", "442 patients, ten measurements, disease progression after a year (Efron et al. 2004).",
    task="regression", model="linear", scaling="standard", target_scaling="standard", batch_size=32, epochs=50, lr=0.01,
)  # fmt: skip
