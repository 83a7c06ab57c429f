"""Write the data section of a program: examples, parts and scaling; large data go to a file beside the program."""

import textwrap
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.prepare import imputed, kept_columns, prepare
from mlpctl.errors import UsageError

if TYPE_CHECKING:
    from mlpctl.runner.trial import Trial
    from mlpctl.store.weights import Weights

Array = NDArray[Any]

MOST_NUMBERS, MOST_INPUTS = 1000, 20
"""Examples with more numbers, or with more inputs each, are not written into the program."""

MOST_BYTES = 2**30
"""Size of the inputs in memory from which a program without sparse matrices is no use."""


@dataclass(frozen=True)
class DataSection:
    """Text that makes X, y and the rows train, val and test, and the arrays of the file beside the program."""

    text: str
    arrays: dict[str, Array]

    @property
    def arrays_in_words(self) -> str:
        """Return what the file has, in words."""
        return "data" if "X" in self.arrays else "weights to start from"


def data_section(trial: "Trial", start: "Weights | None") -> DataSection:
    """Return the data section of a trial's program.

    Args:
        trial: with its data.
        start: weights that the training starts from, where a program cannot draw them.

    Raises:
        UsageError: for sparse data that are too large as a plain matrix.
    """
    dataset, data = trial.dataset, prepare(trial.dataset, trial.spec)
    X: Any = imputed(dataset, data.parts["train"]) if dataset.impute else dataset.X
    if dataset.fitted_columns is not None:
        X = X[:, kept_columns(dataset, data.parts["train"])]
    if not isinstance(X, np.ndarray):
        size = X.shape[0] * X.shape[1] * 8
        if size > MOST_BYTES:
            raise UsageError(
                f"export writes inputs of 1 GiB at most, and {dataset.name} has {size / 2**30:.1f} GiB with "
                f"{X.shape[1]} columns: take fewer, as with --data vocabulary=1000"
            )
        X = X.toarray()
    arrays: dict[str, Array] = {"X": X, "y": dataset.y}
    arrays |= {str(part): rows for part, rows in data.parts.items()}
    is_small = X.size <= MOST_NUMBERS and X.shape[1] <= MOST_INPUTS
    lines = _written(arrays) if is_small else _loaded(dataset.name)
    if start is not None and is_small:
        lines.insert(0, "# The file beside this program has the weights that the training starts from.")
        lines.insert(1, "stored = np.load(Path(__file__).with_name(DATA_FILE))")
    lines += ["", *_scaling(trial, X), *_target_scaling(trial), f"y = y.astype({_type_of_y(trial)})"]
    outside = {} if is_small else arrays
    return DataSection("\n".join(lines) + "\n", {**outside, **(start or {})})


def as_npz(arrays: dict[str, Array]) -> bytes:
    """Return the content of a compressed .npz file of some arrays."""
    stream = BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _type_of_y(trial: "Trial") -> str:
    return "np.int64" if trial.dataset.task == "classification" else "DTYPE"


def _written(arrays: dict[str, Array]) -> list[str]:
    X, y = arrays["X"], arrays["y"]
    is_class = y.ndim == 1
    targets = y[:, None] if is_class else y
    rows = (" ".join(str(value) for value in (*x.tolist(), *t.tolist())) for x, t in zip(X, targets, strict=True))
    lines = [
        f"# An example a line: {X.shape[1]} inputs, then {'its class' if is_class else 'what is to be predicted'}.",
        'EXAMPLES = """\\',
        *rows,
        '"""',
        "table = np.array([line.split() for line in EXAMPLES.splitlines()], dtype=np.float64)",
        f"X = table[:, :{X.shape[1]}]{'' if X.dtype == np.float64 else f'.astype(np.{X.dtype})'}  # (N, D)",
        f"y = table[:, {X.shape[1]}{'' if is_class else ':'}]  # {'(N,)' if is_class else '(N, C)'}",
        "",
        "# The rows of each part. Nothing is learned from the validation part and the test part.",
    ]
    for part in ("train", "val", "test"):
        text = f"{part} = np.array([{', '.join(map(str, arrays[part].tolist()))}], dtype=np.int64)"
        lines += textwrap.wrap(text, 110, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return lines


def _loaded(name: str) -> list[str]:
    return [
        f"# The file beside this program has {name}: inputs X (N, D), what is to be predicted y, and the rows of each",
        "# part. Nothing is learned from the validation part and the test part.",
        "stored = np.load(Path(__file__).with_name(DATA_FILE))",
        'X, y, train, val, test = (stored[name] for name in ("X", "y", "train", "val", "test"))',
    ]


def _target_scaling(trial: "Trial") -> list[str]:
    """Return the lines that do to y what `mlpctl.data.prepare.scaled_targets` does."""
    if trial.spec.target_scaling != "standard":
        return []
    return [
        "",
        "# Standardize what is to be predicted; errors are told in its own unit.",
        "target_mean, target_spread = y[train].mean(axis=0), y[train].std(axis=0)",
        "target_spread = np.where(np.ptp(y[train], axis=0) > 0, target_spread, 1.0)",
        "y = (y - target_mean) / target_spread",
    ]


def _scaling(trial: "Trial", X: Array) -> list[str]:
    """Return the lines that do to X what `mlpctl.data.prepare.scaled` does."""
    scaling = trial.spec.scaling
    bytes_ = X.dtype == np.uint8
    if scaling == "none":
        return ["X = X.astype(DTYPE)"]
    if scaling == "standard":
        lines = [
            "# Standardize: mean 0 and variance 1 of each input over the training part.",
            "low = X[train].mean(axis=0, dtype=np.float64)",
            "spread = X[train].std(axis=0, dtype=np.float64)",
        ]
    elif bytes_:
        lines = [f"low, spread = 0.0, np.full(X.shape[1], {trial.dataset.unit_max!r})  # pixels in [0, 1]"]
    else:
        lines = [
            "# Scale each input to [0, 1] over the training part.",
            "low, spread = X[train].min(axis=0), np.ptp(X[train], axis=0)",
        ]
    changes = "spread" if bytes_ else "np.ptp(X[train], axis=0)"
    lines += [f"spread = np.where({changes} > 0, spread, 1.0)  # an input that is constant becomes 0"]
    if bytes_:
        return [*lines, "X = X.astype(DTYPE) * (1 / spread).astype(DTYPE) + np.asarray(-low / spread, dtype=DTYPE)"]
    return [*lines, "X = ((X - low) / spread).astype(DTYPE)"]
