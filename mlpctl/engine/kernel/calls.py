"""Calls into compiled code: from works and trials to flat arrays, and from sums back to scores."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.engine.base import State, Work
from mlpctl.engine.kernel.cache import mark_compiled
from mlpctl.engine.kernel.drawing import orders
from mlpctl.engine.kernel.layout import (
    N_COLUMNS,
    N_REAL,
    N_WHOLE,
    Layout,
    aligned_zeros,
    layout_of,
    pack,
    with_hyperparameters,
)
from mlpctl.engine.kernel.scoring import N_SUMS
from mlpctl.engine.kernel.training import epochs
from mlpctl.engine.metrics import scores_of, squared_deviations
from mlpctl.engine.order import steps_per_epoch, used_examples
from mlpctl.engine.schedule import rates_of
from mlpctl.models.constants import HAS_FIRST, HAS_SECOND

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data

SCORED_AT_A_TIME = 256
"""Rows scored together: as many as fit the cache beside the weights of a usual network."""

PARTS = ("val", "test", "fit")
"""In the order in which compiled code scores them."""

SHARED_ORDERS, KEPT_ORDERS = 65_536, 16
"""The most rows of an order that is kept for other trials, and how many are: 8 MiB. To draw one takes as long as to
train on it where an epoch is a few steps."""

EVERY = -1
"""An epoch that is none: after it is due what is due after every epoch."""


@dataclass(eq=False)
class Training:
    """A trial in training.

    Attributes:
        layout: of its network.
        theta: parameters.
        stats: running statistics.
        first: velocity or first moment, (1,) where the optimizer has none.
        second: mean or sum of squares, (1,) where it has none.
        epochs_done: so far.
        steps_done: optimizer steps so far.
        halt: (1,), set to 1 to end an epoch at its next minibatch; nothing continues the trial then.
    """

    layout: Layout
    theta: NDArray[Any]
    stats: NDArray[Any]
    first: NDArray[Any]
    second: NDArray[Any]
    epochs_done: int = 0
    steps_done: int = 0
    halt: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(1, np.uint8))


def new_training(work: Work, weights: State) -> Training:
    """Return a trial that starts from weights."""
    layout = layout_of(work.network, work.spec)
    return _training(work, layout, *pack(layout, weights, work.spec.dtype))


def twin(work: Work, layout: Layout, theta: NDArray[Any], stats: NDArray[Any]) -> Training:
    """Return a trial that starts as another did, from copies of its parameters and statistics."""
    copies = [aligned_zeros(len(array), work.spec.dtype) for array in (theta, stats)]
    copies[0][:], copies[1][:] = theta, stats
    return _training(work, with_hyperparameters(layout, work.network, work.spec), *copies)


def _training(work: Work, layout: Layout, theta: NDArray[Any], stats: NDArray[Any]) -> Training:
    optimizer, dtype = work.spec.optimizer, work.spec.dtype
    first = aligned_zeros(len(theta), dtype) if optimizer in HAS_FIRST else np.zeros(1, dtype)
    second = aligned_zeros(len(theta), dtype) if optimizer in HAS_SECOND else np.zeros(1, dtype)
    return Training(layout, theta, stats, first, second)


@dataclass(frozen=True, eq=False)
class Arrays:
    """A dataset as compiled code takes it; the arrays of `Data`, not copies.

    Attributes:
        inputs: X, scale, shift, values, columns, starts, labels, targets: the first arguments of `epochs`.
        spread: per part that is scored, for each target: the sum of squared deviations from its mean, for R².
        orders: (epochs, used) of some seeds and epochs, see `_orders`.
    """

    inputs: tuple[NDArray[Any], ...]
    spread: dict[str, list[float]]
    orders: dict[tuple[int, ...], NDArray[np.int64]] = field(default_factory=dict)


def arrays_of(data: "Data") -> Arrays:
    """Return the arrays of a dataset; absent ones are empty, of the type that compiled code expects."""
    dtype = data.X.dtype if data.scale is None else data.scale.dtype
    none = np.zeros(0, dtype)
    X: NDArray[Any]
    if isinstance(data.X, np.ndarray):
        X = np.ascontiguousarray(data.X)
        values, columns, starts = none, np.zeros(0, np.int64), np.zeros(0, np.int64)
    else:
        X = np.zeros((0, data.n_inputs), dtype)
        values = data.X.data
        columns, starts = data.X.indices.astype(np.int64), data.X.indptr.astype(np.int64)
    scale = none if data.scale is None else data.scale
    shift = none if data.shift is None else data.shift
    labels, targets = np.zeros(0, np.int32), np.zeros((0, 0), dtype)
    spread = {}
    if data.n_classes:
        labels = data.y.astype(np.int32, copy=False)
    else:
        targets = np.ascontiguousarray(data.y)
        for part, rows in (("val", "val"), ("test", "test"), ("fit", "train")):
            y = targets[data.parts[rows]].astype(np.float64)  # type: ignore[index]
            spread[part] = squared_deviations(len(y), y.sum(axis=0), (y**2).sum(axis=0)) if len(y) else []
    return Arrays((X, scale, shift, values, columns, starts, labels, targets), spread)


def compile_for(arrays: Arrays) -> None:
    """Compile or load what trains on some arrays: calls that train no epoch."""
    dtype = arrays.inputs[1].dtype
    table, none, rows = np.zeros((1, N_COLUMNS), np.uint64), np.zeros(1, dtype), np.zeros(0, np.int64)
    epochs(
        *arrays.inputs, np.zeros((0, 1), np.int64), table, np.zeros(N_WHOLE, np.int64), np.zeros(N_REAL, dtype),
        none, none, none, none, 0, np.zeros((0, 1), dtype), 1, np.zeros((0, 2)), rows, rows, rows,
        np.zeros((0, 3), np.bool_), np.zeros((0, 3, N_SUMS + 1)), SCORED_AT_A_TIME, np.zeros(1, np.uint8),
    )  # fmt: skip
    orders(0, 1, 1, np.zeros(1, np.int64), 1)
    mark_compiled(arrays.inputs[0].dtype, dtype.name)


def train_epochs(
    work: Work, trial: Training, arrays: Arrays, count: int
) -> tuple[list[tuple[int, float, dict[str, float]]], bool]:
    """Train some epochs; return (epoch, lr, scores as columns) of each, and whether everything is still finite.

    There are fewer than asked for where one diverged, or the trial was told to halt.
    """
    spec, rows = work.spec, work.data.parts["train"]
    used = used_examples(spec, len(rows))
    first_epoch, steps = trial.epochs_done + 1, steps_per_epoch(spec, len(rows))
    rates = rates_of(spec, first_epoch, count, steps)
    due, always = np.empty((count, len(PARTS)), np.bool_), _due(work, EVERY)
    due[:] = always
    scored = set(range(count)) if any(always) else set()
    for e in (epoch - first_epoch for epoch in work.test_at):
        if 0 <= e < count:
            due[e] = _due(work, first_epoch + e)
            scored.add(e)
    sums, scores = np.zeros((count, 2)), np.zeros((count, len(PARTS), N_SUMS + work.network.n_outputs))
    parts = work.data.parts
    done = epochs(
        *arrays.inputs, _orders(arrays, spec.data_key, first_epoch, count, rows, used), trial.layout.table,
        trial.layout.whole, trial.layout.real, trial.theta, trial.stats, trial.first, trial.second, trial.steps_done,
        rates.astype(spec.dtype), first_epoch, sums, parts["val"], parts["test"], rows, due, scores, SCORED_AT_A_TIME,
        trial.halt,
    )  # fmt: skip
    finite, done = done >= 0, abs(done)
    trial.epochs_done += done
    trial.steps_done += done * steps
    columns = _train_columns(work, used, sums[:done])
    for e in sorted(scored & set(range(done))):
        columns[e] |= _columns(work, arrays, scores[e].tolist(), due[e].tolist())
    lrs: list[float] = rates[:done, 0].tolist()
    return list(zip(range(first_epoch, first_epoch + done), lrs, columns, strict=True)), finite


def scores_now(work: Work, trial: Training, arrays: Arrays) -> dict[str, float]:
    """Return the scores that are due, without training: for epochs 0 and for trials that are already done."""
    due = np.array([_due(work, trial.epochs_done)], np.bool_)
    sums, scores = np.zeros((1, 2)), np.zeros((1, len(PARTS), N_SUMS + work.network.n_outputs))
    parts, dtype = work.data.parts, work.spec.dtype
    epochs(
        *arrays.inputs, np.zeros((1, 0), np.int64), trial.layout.table, trial.layout.whole, trial.layout.real,
        trial.theta, trial.stats, trial.first, trial.second, trial.steps_done, np.zeros((1, 0), dtype), 0, sums,
        parts["val"], parts["test"], parts["train"], due, scores, SCORED_AT_A_TIME, np.zeros(1, np.uint8),
    )  # fmt: skip
    return _columns(work, arrays, scores[0].tolist(), due[0].tolist())


def _orders(
    arrays: Arrays, seed: int, first_epoch: int, count: int, rows: NDArray[np.int64], used: int
) -> NDArray[np.int64]:
    """Return the rows of the training part in the order of each epoch; trials of one seed share them."""
    asked = (seed, first_epoch, count, used)
    known = arrays.orders.get(asked)
    if known is None:
        known = orders(seed, first_epoch, count, rows, used)
        if known.size <= SHARED_ORDERS:
            if len(arrays.orders) >= KEPT_ORDERS:
                arrays.orders.clear()
            arrays.orders[asked] = known
    return known


def _due(work: Work, epoch: int) -> list[bool]:
    prefixes = [prefix for prefix, _ in work.parts_at(epoch)]
    return [part in prefixes for part in PARTS]


def _train_columns(work: Work, used: int, sums: NDArray[Any]) -> list[dict[str, float]]:
    """Return what training itself shows of each epoch."""
    means: list[list[float]] = (sums / used).tolist()
    if not work.network.n_classes:
        return [{"train_loss": loss} for loss, _ in means]
    return [{"train_loss": loss, "train_accuracy": accuracy} for loss, accuracy in means]


def _columns(work: Work, arrays: Arrays, scores: list[list[float]], due: list[bool]) -> dict[str, float]:
    """Return the scores of the parts that are due."""
    parts = work.data.parts
    sizes = (len(parts["val"]), len(parts["test"]), len(parts["train"]))
    columns: dict[str, float] = {}
    for prefix, n, is_due, total in zip(PARTS, sizes, due, scores, strict=True):
        if is_due:
            loss, correct, absolute, *squares = total
            spread = arrays.spread.get(prefix, [])
            for name, value in scores_of(work.network, n, loss, int(correct), absolute, squares, spread).items():
                columns[f"{prefix}_{name}"] = value
    return columns
