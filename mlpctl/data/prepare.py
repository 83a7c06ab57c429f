"""Split and scale a dataset for a spec: the arrays that engines train on, and the rows of each part."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.base import Dataset, Task
from mlpctl.data.parts import Index, Part, SplitRule, numbered_classes, split, split_rule
from mlpctl.errors import DataError, UsageError
from mlpctl.spec import Dtype, Scaling, TargetScaling
from mlpctl.system.parsing import check_memory

if TYPE_CHECKING:
    import scipy.sparse

    from mlpctl.spec import Spec

CELLS_AT_ONCE = 1 << 20
"""Numbers of the inputs that are scaled together."""


@dataclass(frozen=True, eq=False)
class Data:
    """Dataset, split and scaled; shared by all trials that agree on both.

    Attributes:
        X: inputs (N, D): uint8, the spec's dtype, or CSR of the spec's dtype. Never copied per trial.
        y: classes (N,) int32, or targets (N, M) of the spec's dtype, scaled.
        scale: factors (D,) of uint8 inputs as they are gathered; None if X is used as it is.
        shift: terms (D,) that are added then.
        parts: rows of each part; the validation part may be empty.
        task: classification or regression.
        n_classes: number of classes K; 0 for regression.
        label_values: numbers that stand for class 0 and 1 where a loss needs numbers.
        target_mean: mean of each target over the training part; () where targets are not scaled.
        target_spread: standard deviation of each target over the training part.
    """

    X: "NDArray[Any] | scipy.sparse.csr_matrix[Any]"
    y: NDArray[Any]
    scale: NDArray[Any] | None
    shift: NDArray[Any] | None
    parts: dict[Part, Index]
    task: Task
    n_classes: int
    label_values: tuple[float, float]
    target_mean: tuple[float, ...] = ()
    target_spread: tuple[float, ...] = ()

    @property
    def n_inputs(self) -> int:
        """Return D, the number of inputs."""
        return int(self.X.shape[1])

    @property
    def n_train(self) -> int:
        """Return the number of rows of the training part."""
        return len(self.parts["train"])


def prepare(dataset: Dataset, spec: "Spec") -> Data:
    """Return a dataset, split and scaled as a resolved spec says; equal splits and scalings share one copy.

    Raises:
        UsageError: where the split leaves no row to train on, or the scaling does not fit the inputs.
    """
    return _prepare(dataset, *preparation(spec))


def preparation(spec: "Spec") -> tuple[Scaling, TargetScaling, Dtype, SplitRule]:
    """Return the part of a resolved spec that decides split and scaling."""
    assert spec.scaling is not None
    return spec.scaling, spec.target_scaling or "none", spec.dtype, split_rule(spec)


@lru_cache(maxsize=8)  # of a `data` axis, or a split that follows the seed
def _prepare(
    dataset: Dataset,
    scaling: Scaling,
    target_scaling: TargetScaling,
    dtype: Dtype,
    rule: SplitRule,
) -> Data:
    parts = split(dataset, rule)
    X, scale, shift = scaled(dataset, scaling, dtype, parts["train"])
    y, mean, spread = scaled_targets(dataset.y, target_scaling, parts["train"])
    y = y.astype(dtype) if dataset.task == "regression" else y
    if dataset.task == "classification" and len(numbered_classes(y[parts["train"]])[1]) < 2:
        raise DataError(f"the training part of {dataset.name} has one class only; two at least are needed")
    classes = len(dataset.classes)
    return Data(X, y, scale, shift, parts, dataset.task, classes, dataset.label_values, mean, spread)


def scaled_targets(
    y: NDArray[Any], scaling: TargetScaling, train: Index
) -> tuple[NDArray[Any], tuple[float, ...], tuple[float, ...]]:
    """Return (y, mean, spread): targets (N, M) with mean 0 and variance 1 over the training part, and what they had.

    A constant target becomes zeros. Where they are not scaled, mean and spread are ().
    """
    if scaling == "none":
        return y, (), ()
    mean, spread = y[train].mean(axis=0, dtype=np.float64), y[train].std(axis=0, dtype=np.float64)
    constant = np.ptp(y[train], axis=0) == 0  # its deviation may be 1e-17
    mean, spread = np.where(constant, y[train][0], mean), np.where(constant, 1.0, spread)
    return (y - mean) / spread, tuple(mean.tolist()), tuple(spread.tolist())


def prepare_new(dataset: Dataset, spec: "Spec", X: Any, y: NDArray[Any] | None = None) -> tuple[Data, Index]:
    """Return (data, rows): the data with new examples behind them, and where these are.

    The new examples go through the same lines as all others, with what was fitted on the training part: that is what
    makes sure that they are prepared as in training.

    Args:
        dataset: that the spec was trained on.
        spec: resolved.
        X: new inputs (B, D), raw as in `dataset.X`: dense or CSR as they are there.
        y: their target, raw as in `dataset.y`; None where nobody knows it: then it is zeros.
    """
    data = prepare(dataset, spec)
    both: Any
    if isinstance(dataset.X, np.ndarray):
        both = np.concatenate([dataset.X, (X if isinstance(X, np.ndarray) else X.toarray()).astype(dataset.X.dtype)])
    else:
        import scipy.sparse

        both = scipy.sparse.vstack([dataset.X, scipy.sparse.csr_matrix(X)], format="csr")
    assert spec.scaling is not None
    inputs, scale, shift = scaled(replace(dataset, X=both), spec.scaling, spec.dtype, data.parts["train"])
    rows = np.arange(dataset.X.shape[0], both.shape[0], dtype=np.int64)
    if y is None:
        y = np.zeros((len(rows), *data.y.shape[1:]))
    elif data.target_spread:
        y = (y - np.array(data.target_mean)) / np.array(data.target_spread)
    return replace(data, X=inputs, y=np.concatenate([data.y, y.astype(data.y.dtype)]), scale=scale, shift=shift), rows


def kept_columns(dataset: Dataset, train: Index) -> Index:
    """Return the columns of X that are inputs: all but words and categories that the training part does not have."""
    if dataset.fitted_columns is None:
        return np.arange(dataset.X.shape[1], dtype=np.int64)
    seen = [np.asarray((dataset.X[train][:, own] != 0).sum(axis=0)).reshape(-1) > 0 for own in blocks(dataset.X)]
    return np.flatnonzero(np.concatenate(seen) | ~dataset.fitted_columns)


def blocks(X: Any) -> Iterator[slice]:
    """Yield slices of the columns of inputs, of two columns at least, so that few numbers are copied at a time.

    The sums of a column are added up in the same order whatever its block: row by row, if it is not alone.
    """
    count = max(X.shape[1] * X.shape[0] // CELLS_AT_ONCE, 1)
    ends = np.linspace(0, X.shape[1], min(count, max(X.shape[1] // 2, 1)) + 1).astype(int).tolist()
    yield from map(slice, ends[:-1], ends[1:])


def imputed(dataset: Dataset, train: Index) -> NDArray[np.float64]:
    """Return the inputs (N, D), NaN filled with the mean, median or most frequent value of the training part."""
    X: NDArray[np.float64] = np.array(dataset.X)
    fills = fill_values(dataset, train)
    for k in range(X.shape[1]):  # a column at a time takes no second copy
        X[np.isnan(X[:, k]), k] = fills[k]
    return X


def fill_values(dataset: Dataset, train: Index) -> NDArray[np.float64]:
    """Return what fills NaN in each input (D,); a category is filled with its most frequent word.

    Raises:
        DataError: for a column that has no value in the training part.
    """
    X, fills = np.asarray(dataset.X), np.empty(dataset.X.shape[1])
    start = 0
    for column in dataset.columns:
        own = slice(start, start := start + len(column.inputs))
        there = X[train, own]
        there = there[~np.isnan(there[:, 0])]
        if not len(there):
            raise DataError(f"column '{column.name}' has no value in the training part: leave it out with --data drop=")
        if column.kind == "category":
            fills[own] = np.arange(there.shape[1]) == there.sum(axis=0).argmax()
        elif dataset.impute == "most_frequent":
            values, counts = np.unique(there, return_counts=True)
            fills[own] = values[counts.argmax()]
        else:
            fills[own] = there.mean() if dataset.impute == "mean" else np.median(there)
    return fills


def fitted_scaling(dataset: Dataset, scaling: Scaling, train: Index) -> tuple[Index, NDArray[Any], NDArray[Any]]:
    """Return (columns, low, spread): the inputs that are kept, what is subtracted from each, and divided by then."""
    kept = kept_columns(dataset, train)
    low, spread = np.zeros(len(kept)), np.ones(len(kept))
    if scaling == "none":
        return kept, low, spread
    X: Any = imputed(dataset, train) if dataset.impute else dataset.X
    X = X[:, kept]
    for own in blocks(X):
        block = X[train][:, own]
        block = block if isinstance(block, np.ndarray) else block.toarray()
        low[own], spread[own] = _fitted(block, scaling, dataset.unit_max)
    return kept, low, spread


def scaled(
    dataset: Dataset, scaling: Scaling, dtype: Dtype, train: Index
) -> "tuple[NDArray[Any] | scipy.sparse.csr_matrix[Any], NDArray[Any] | None, NDArray[Any] | None]":
    """Return (X, scale, shift), fitted on the training part alone.

    uint8 inputs stay uint8: scale and shift are applied as they are gathered. Columns that stand for a word or a
    category are kept only where the training part has it.
    """
    if dataset.impute:
        dataset = replace(dataset, X=imputed(dataset, train))
    X = dataset.X
    if dataset.fitted_columns is not None and len(kept := kept_columns(dataset, train)) < X.shape[1]:
        X = X[:, kept]
    if not isinstance(X, np.ndarray) and (scaling == "none" or not dataset.columns):
        if scaling != "none":
            raise UsageError(f"scaling '{scaling}' would fill a sparse matrix: set scaling none for {dataset.name}")
        return X.astype(dtype), None, None
    if scaling == "none" and X.dtype != np.uint8:
        return X.astype(dtype), None, None
    if X.dtype == np.uint8:
        low, spread = _fitted(X[train], scaling, dataset.unit_max)
        return X, (1.0 / spread).astype(dtype), (-low / spread).astype(dtype)
    check_memory(dataset.source, X.shape[0] * X.shape[1] * np.dtype(dtype).itemsize)
    filled = np.empty(X.shape, dtype)
    for own in blocks(X):
        block = X[:, own] if isinstance(X, np.ndarray) else X[:, own].toarray()
        low, spread = _fitted(block[train], scaling, dataset.unit_max)
        filled[:, own] = (block - low) / spread
    return filled, None, None


def _fitted(X: NDArray[Any], scaling: Scaling, unit_max: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (low, spread): what is subtracted from each column of the training part (N, D), and divided by then."""
    low, spread = np.zeros(X.shape[1]), np.ones(X.shape[1])
    if scaling == "standard":
        low, spread = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
    elif scaling == "unit" and X.dtype == np.uint8:
        spread = np.full(X.shape[1], unit_max)
    elif scaling == "unit":
        low, spread = X.min(axis=0), np.ptp(X, axis=0)
    if X.dtype != np.uint8:  # the mean of equal numbers is rounded: a deviation of 1e-17 would be divided by
        smallest = X.min(axis=0)
        constant = smallest == X.max(axis=0)
        low, spread = np.where(constant, smallest, low), np.where(constant, 0.0, spread)
    return low, np.where(spread > 0, spread, 1.0)  # a constant column becomes zeros
