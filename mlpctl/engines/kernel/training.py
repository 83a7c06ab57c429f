"""Call compiled code: works become flat arrays, and sums become scores."""

import math
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.minibatches import steps_per_epoch, used_examples
from mlpctl.engines.base import Work
from mlpctl.engines.early_stopping import EarlyStopping
from mlpctl.engines.initial_weights import by_itself, initial_weights
from mlpctl.engines.kernel.arguments import DUE, LOSS, N_SUMS, OUT_OF_MEMORY, SCORES, array_address, own_address
from mlpctl.engines.kernel.cache import loop_name
from mlpctl.engines.kernel.helper_threads import ALONE
from mlpctl.engines.kernel.layout import Layout, aligned_zeros, layout_of, pack, padded, with_hyperparameters
from mlpctl.engines.kernel.native import Native, native_function
from mlpctl.engines.kernel.random_numbers import draw_start, orders
from mlpctl.engines.schedule import rates_of
from mlpctl.engines.scoring import scores_of, squared_deviations
from mlpctl.models.constants import HAS_FIRST, HAS_SECOND
from mlpctl.models.learner import State
from mlpctl.store.schema import Block

if TYPE_CHECKING:
    from mlpctl.data.parts import Part
    from mlpctl.data.prepare import Data

SCORED_AT_A_TIME = 256
"""Rows scored together: as many as fit the cache beside the weights of a usual network."""

PARTS = ("val", "test", "fit")
SCORED: "tuple[Part, ...]" = ("val", "test", "train")
"""Prefixes of columns, and the parts of the data, in the order in which compiled code scores them."""

SHARED_ORDERS, KEPT_ORDERS = 65_536, 16
"""The most rows of an order that is kept for other trials, and how many are: 8 MiB. To draw one takes as long as to
train on it where an epoch is a few steps."""

EVERY = -1
"""An epoch that is none: after it is due what is due after every epoch."""


NEVER = np.zeros(1, np.int64)
NEVER.setflags(write=False)
"""`Training.halt` of a trial that has no limit."""
_NEVER = array_address(NEVER)


@dataclass(eq=False)
class Training:
    """A trial in training.

    Attributes:
        layout: of its network.
        theta: parameters.
        stats: running statistics.
        first: velocity or first moment, (1,) where the optimizer has none.
        second: mean or sum of squares, (1,) where it has none.
        block: arguments of the compiled loop for these, see `arguments`.
        epochs_done: so far.
        steps_done: optimizer steps so far.
        halt: (1,), set to 1 to end an epoch at its next minibatch; nothing continues the trial then.
        stopping: what watches its epochs; None where all are trained.
    """

    layout: Layout
    theta: NDArray[Any]
    stats: NDArray[Any]
    first: NDArray[Any]
    second: NDArray[Any]
    real: NDArray[np.float64]
    block: list[int]
    epochs_done: int = 0
    steps_done: int = 0
    halt: NDArray[np.int64] = field(default_factory=lambda: NEVER)
    stopping: EarlyStopping | None = None


def begun_training(work: Work) -> Training:
    """Return a trial before its first epoch."""
    if by_itself(work.spec):
        return new_training(work, initial_weights(work.network, work.spec, work.start))
    trial = _blank(work, layout_of(work.network, work.spec))
    draw_start(work.network, work.spec, trial.block)
    return trial


def new_training(work: Work, weights: State) -> Training:
    """Return a trial that starts from weights."""
    trial = _blank(work, layout_of(work.network, work.spec))
    pack(trial.layout, weights, trial.theta, trial.stats)
    return trial


def twin(work: Work, layout: Layout, theta: NDArray[Any], stats: NDArray[Any]) -> Training:
    """Return a trial that starts as another did, from copies of its parameters and statistics."""
    trial = _blank(work, with_hyperparameters(layout, work.network, work.spec))
    trial.theta[:], trial.stats[:] = theta, stats
    return trial


def _blank(work: Work, layout: Layout) -> Training:
    """Return a trial of zeros; its numbers are one array, since each costs as long as an epoch of a gate."""
    optimizer, n = work.spec.optimizer, layout.n_theta
    lengths = (n, max(layout.n_stats, 1), n if optimizer in HAS_FIRST else 1, n if optimizer in HAS_SECOND else 1)
    ends = [*accumulate(padded(length) for length in lengths)]
    memory = aligned_zeros(ends[-1], work.spec.dtype)
    begins = (0, *ends[:-1])
    where, size = own_address(memory), memory.itemsize
    theta, stats, first, second = (where + size * begin for begin in begins)
    real = np.array(layout.real)  # float64, whatever the arithmetic
    limited = work.limit < math.inf
    halt = np.zeros(1, np.int64) if limited else NEVER
    ending = own_address(halt) if limited else _NEVER
    block = [layout.where, len(layout.table), theta, n, stats, lengths[1], first, second, own_address(real),
             ending, *layout.whole]  # fmt: skip
    parts = [memory[begin : begin + length] for begin, length in zip(begins, lengths, strict=True)]
    return Training(layout, parts[0], parts[1], parts[2], parts[3], real, block, halt=halt)


@dataclass(frozen=True, eq=False)
class Arrays:
    """A dataset as compiled code takes it; the arrays of `Data`, not copies.

    Attributes:
        kept: all that `block` has the addresses of.
        loop: the compiled loop for their types.
        block: its arguments for them, see `arguments`.
        sizes: examples of PARTS.
        spread: per part that is scored, for each target: the sum of squared deviations from its mean, for R².
        orders: (epochs, used) of some seeds and epochs, see `_orders`.
    """

    kept: tuple[NDArray[Any], ...]
    loop: Native
    block: list[int]
    sizes: list[int]
    spread: dict[str, list[float]]
    orders: dict[tuple[int, ...], NDArray[np.int64]] = field(default_factory=dict)


def arrays_of(data: "Data") -> Arrays:
    """Return the arrays of a dataset, absent ones empty, and the loop for them, compiled where it is not yet."""
    dtype = data.X.dtype if data.scale is None else data.scale.dtype
    none = np.zeros(0, dtype)
    X: NDArray[Any]
    if isinstance(data.X, np.ndarray):
        X = data.X
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
        targets = data.y
        for prefix, name in zip(PARTS, SCORED, strict=True):
            y = targets[data.parts[name]].astype(np.float64)
            spread[prefix] = squared_deviations(len(y), y.sum(axis=0), (y**2).sum(axis=0)) if len(y) else []
    inputs = tuple(map(np.ascontiguousarray, (X, scale, shift, values, columns, starts, labels, targets)))
    parts = [np.ascontiguousarray(data.parts[name], np.int64) for name in SCORED]
    lengths = [len(part) for part in parts]
    block = [len(starts) > 0, len(scale) > 0, *map(array_address, inputs)]
    for part in parts:
        block += [array_address(part), len(part)]
    return Arrays((*inputs, *parts), native_function(loop_name(X.dtype, dtype.name)), block, lengths, spread)


def train_epochs(work: Work, trial: Training, arrays: Arrays, count: int, task: int = ALONE) -> tuple[Block, bool]:
    """Train some epochs; return them, without their seconds, and whether everything is still finite.

    There are fewer than asked for where one diverged, or the trial was halted.

    Args:
        work: the trial.
        trial: is trained.
        arrays: of its data.
        count: epochs.
        task: of the threads that help, see `helper_threads`.

    Raises:
        MemoryError: where there is none for scratch.
    """
    spec, rows = work.spec, work.data.parts["train"]
    used = used_examples(spec, len(rows))
    first_epoch, steps = trial.epochs_done + 1, steps_per_epoch(spec, len(rows))
    rates = rates_of(spec, first_epoch, count, steps)
    results = _results(work, count)
    always = _due(work, EVERY)
    results[:, DUE] = always
    more = {e: _due(work, first_epoch + e) for epoch in work.test_at if 0 <= (e := epoch - first_epoch) < count}
    for e, due in more.items():
        results[e, DUE] = due
    if spec.shuffle:
        orders = _orders(arrays, spec.data_key, first_epoch, count, rows, used)
    else:
        orders = np.tile(rows[:used], (count, 1))
    done = _called(trial, arrays, orders, rates.astype(spec.dtype), first_epoch, results, task)
    finite, done = done >= 0, abs(done)
    trial.epochs_done += done
    trial.steps_done += done * steps
    loss, accuracy = (results[:done, LOSS:SCORES].T / used).tolist()
    block = {"epoch": list(range(first_epoch, first_epoch + done)), "lr": rates[:done, 0].tolist(), "train_loss": loss}
    if work.network.n_classes:
        block["train_accuracy"] = accuracy
    for number in range(len(PARTS)):
        if always >> number & 1:
            block |= _columns(work, arrays, number, results[:done])
        elif scored := [e for e, due in more.items() if due >> number & 1 and e < done]:
            for name, values in _columns(work, arrays, number, results[scored]).items():
                there = dict(zip(scored, values, strict=True))
                block[name] = [there.get(e) for e in range(done)]
    return block, finite


def scores_now(work: Work, trial: Training, arrays: Arrays) -> dict[str, float]:
    """Return the scores that are due, without training: for epochs 0 and for trials that are already done."""
    results = _results(work, 1)
    results[0, DUE] = _due(work, trial.epochs_done)
    no_rows, no_rates = np.zeros((1, 0), np.int64), np.zeros((1, 0), work.spec.dtype)
    _called(trial, arrays, no_rows, no_rates, 0, results)
    due = int(results[0, DUE])
    parts = [_columns(work, arrays, number, results) for number in range(len(PARTS)) if due >> number & 1]
    return {name: score for part in parts for name, [score] in part.items()}


def _results(work: Work, count: int) -> NDArray[np.float64]:
    return np.zeros((count, SCORES + len(PARTS) * (N_SUMS + 2 * work.network.n_outputs)))


def _called(
    trial: Training,
    arrays: Arrays,
    orders: NDArray[np.int64],
    rates: NDArray[Any],
    epoch: int,
    results: NDArray[np.float64],
    task: int = ALONE,
) -> int:
    """Call the compiled loop, see `epochs.epochs_for`; return the epochs done, negative if the last diverged."""
    (count, n), (_, steps) = orders.shape, rates.shape
    where = (own_address(orders), own_address(rates)) if n else (0, 0)
    width = results.shape[1]
    done = arrays.loop(
        *arrays.block, *trial.block, where[0], count, n, where[1], steps, trial.steps_done, epoch, own_address(results),
        width, (width - SCORES) // len(PARTS), SCORED_AT_A_TIME, task,
    )  # fmt: skip
    if done == OUT_OF_MEMORY:
        raise MemoryError("no memory for the numbers of a step")
    return done


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


def _due(work: Work, epoch: int) -> int:
    """Return the parts that are scored after an epoch: a sum of 1, 2 and 4 for PARTS."""
    return sum(1 << PARTS.index(prefix) for prefix, _ in work.parts_at(epoch))


def _columns(work: Work, arrays: Arrays, number: int, results: NDArray[np.float64]) -> dict[str, list[float]]:
    """Return the scores of one of PARTS by their columns, from the results of epochs (E, width) that score it."""
    prefix, width = PARTS[number], (results.shape[1] - SCORES) // len(PARTS)
    begin = SCORES + number * width
    loss, correct, *errors = results[:, begin : begin + width].T
    squares, absolute = errors[: len(errors) // 2], errors[len(errors) // 2 :]
    spread, n = arrays.spread.get(prefix, []), arrays.sizes[number]
    scores = scores_of(work.network, n, loss, correct, absolute, squares, spread)
    return {f"{prefix}_{name}": value.tolist() for name, value in scores.items()}
