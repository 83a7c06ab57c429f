"""Train trials with the reference engine, one per job, by any implementation: the oracle of the other engines."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.data.minibatches import order_of, steps_per_epoch, used_examples
from mlpctl.engines.base import Event, Session, Work, epoch_outcome, late
from mlpctl.engines.dropout import dropout_mask
from mlpctl.engines.early_stopping import WATCHED, EarlyStopping, early_stopping
from mlpctl.engines.initial_weights import initial_weights
from mlpctl.engines.recent import Recent
from mlpctl.engines.schedule import learning_rates
from mlpctl.engines.scoring import Tally
from mlpctl.engines.threads import on_threads
from mlpctl.engines.user_code import own_file, user_line
from mlpctl.errors import one_line
from mlpctl.metrics import Status
from mlpctl.models.learner import OPTIMIZER_PREFIX, Learner, State
from mlpctl.models.own import OwnNetwork
from mlpctl.registry import import_registered

if TYPE_CHECKING:
    import torch
    from threadpoolctl import threadpool_limits
    from torch import Tensor

    from mlpctl.data.prepare import Data
    from mlpctl.spec import Spec

SCORED_AT_A_TIME = 8192
"""Rows scored together: large enough for full speed, 25 MB at 784 inputs."""

EPOCHS_DONE = "epochs_done"

AUTO_IMPL = "concise"
"""torch's own, and the fastest that runs on every device."""


@dataclass
class Training:
    """A trial in training."""

    learner: Learner
    epochs_done: int = 0
    stopping: EarlyStopping | None = None

    def weights(self) -> State:
        """Return the parameters and running statistics as they are now, as copies."""
        state = self.learner.state()
        return {name: np.array(array) for name, array in state.items() if not name.startswith(OPTIMIZER_PREFIX)}


@dataclass(frozen=True)
class ReferenceEngine:
    """See `mlpctl.engines.base.Engine`."""

    name: str = "reference"

    def why_not(self, spec: "Spec", data: "Data") -> str | None:  # noqa: ARG002
        """Return None: what a spec can say, this engine trains."""
        return None

    def open(self, device: str, jobs: int, threads: int) -> Session:
        """Return a session; `threads` are torch's own and those of NumPy's BLAS, the same for every trial."""
        import torch
        from threadpoolctl import threadpool_limits

        from mlpctl.system.devices import torch_device

        torch.set_num_threads(threads)
        return ReferenceSession(torch_device(device), jobs, threadpool_limits(threads, "blas"))


ENGINE = ReferenceEngine()


@dataclass
class ReferenceSession:
    """See `mlpctl.engines.base.Session`."""

    device: "torch.device"
    jobs: int
    limits: "threadpool_limits"
    trials: dict[str, Training] = field(default_factory=dict)
    _stopped: set[str] = field(default_factory=set)
    _draining: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Keep the most recent datasets on the device."""
        self._resident: Recent[Data, Resident] = Recent(lambda data: Resident(data, self.device), 4)

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Train the works, `jobs` at a time."""
        yield from on_threads(works, self._train, self.jobs, self._draining)

    def stop(self, key: str) -> None:
        """End a trial after the epoch it is in."""
        self._stopped.add(key)

    def drain(self) -> None:
        """Take no more works."""
        self._draining.set()

    def save(self, key: str) -> State:
        """Return all that is needed to continue a trial."""
        training = self.trials[key]
        return {**training.learner.state(), EPOCHS_DONE: np.array(training.epochs_done)}

    def restore(self, work: Work, state: State) -> None:
        """Take in a saved trial."""
        weights = {name: array for name, array in state.items() if name != EPOCHS_DONE}
        self.trials[work.key] = Training(self._learner(work, weights), int(state[EPOCHS_DONE]))

    def weights(self, key: str) -> State:
        """Return the parameters and running statistics of a trial."""
        training = self.trials[key]
        best = training.stopping and training.stopping.weights
        return best or training.weights()

    def drop(self, key: str) -> None:
        """Forget a trial."""
        self.trials.pop(key, None)
        self._stopped.discard(key)

    def close(self) -> None:
        """Forget all trials."""
        self.trials.clear()
        self._resident.clear()
        self.limits.restore_original_limits()

    def _learner(self, work: Work, state: State) -> Learner:
        if isinstance(work.network, OwnNetwork):
            from mlpctl.models.own_learner import OwnLearner

            return OwnLearner(work.network, work.spec, state, str(self.device))
        impl = AUTO_IMPL if work.spec.impl == "auto" else work.spec.impl
        make: Callable[..., Learner] = import_registered("impl", impl).load()
        return make(work.network, work.spec, state, str(self.device))

    def _train(self, work: Work) -> Iterator[list[Event]]:
        import torch

        try:
            if work.key not in self.trials:
                own = isinstance(work.network, OwnNetwork)  # its own code draws its weights
                start = {} if own else initial_weights(work.network, work.spec, work.start)
                self.trials[work.key] = Training(self._learner(work, start))
            for event in self._epochs(work, self.trials[work.key]):
                yield [event]
        except (MemoryError, torch.OutOfMemoryError) as error:
            yield [self._failure(work, "out_of_memory", error)]
        except (RuntimeError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            yield [self._failure(work, "crashed", error)]
        except Exception as error:
            if not isinstance(work.network, OwnNetwork):
                raise
            yield [self._failure(work, "crashed", error)]  # foreign code may raise anything

    def _random_numbers(self, work: Work, epoch: int) -> AbstractContextManager[None]:
        """Return the context of an epoch: for code of the user's own, torch's random numbers are of the epoch's own."""
        if not isinstance(work.network, OwnNetwork):
            return nullcontext()
        from mlpctl.models.own_learner import seeded

        return seeded(work.spec.data_key, epoch, str(self.device))

    def _failure(self, work: Work, status: Status, error: BaseException) -> Event:
        done = self.trials[work.key].epochs_done if work.key in self.trials else 0
        own = work.network.model if isinstance(work.network, OwnNetwork) else None
        place = user_line(error, own_file(own.make)) if own is not None else ""
        return Event(work.key, done, status=status, error=one_line(f"{type(error).__name__}: {error}{place}"))

    def _epochs(self, work: Work, training: Training) -> Iterator[Event]:
        resident = self._resident.of(work.data)
        if training.epochs_done >= work.epochs:  # nothing to train: fixed weights, or epochs 0
            scores = score_parts(work, training.learner, resident, training.epochs_done)
            yield Event(work.key, training.epochs_done, scores, seconds=0.0, status="ok")
        spent, training.stopping = 0.0, early_stopping(work.spec)
        while training.epochs_done < work.epochs:
            started = time.perf_counter()
            epoch = training.epochs_done + 1
            try:
                with self._random_numbers(work, epoch):
                    scores, lr = train_epoch(work, training.learner, resident, epoch, started + work.limit - spent)
            except TimeoutError:
                yield late(work.key, training.epochs_done, time.perf_counter() - started, work.limit)
                return
            training.epochs_done = epoch
            scores |= score_parts(work, training.learner, resident, epoch)
            seconds = time.perf_counter() - started
            spent += seconds
            finite = math.isfinite(scores["train_loss"]) and all(
                np.isfinite(array).all() for array in training.learner.state().values()
            )
            status, error = epoch_outcome(epoch, work.epochs, finite=finite, stopped=work.key in self._stopped)
            if training.stopping is not None:
                status = training.stopping.after(epoch, scores[WATCHED], status, training.weights)
            yield Event(work.key, epoch, scores, lr, seconds, status, error)
            if status is not None:
                return


class Resident:
    """A dataset on a device; uint8 stays uint8 until a minibatch is gathered."""

    def __init__(self, data: "Data", device: "torch.device") -> None:
        """Copy the data to the device; on the CPU nothing is copied."""
        import torch

        def there(array: "NDArray[Any] | None") -> "Tensor | None":
            return None if array is None else torch.from_numpy(array).to(device)

        self.data, self.device = data, device
        self.X = there(data.X) if isinstance(data.X, np.ndarray) else None
        self.y = torch.from_numpy(data.y).to(device)
        self.scale, self.shift = there(data.scale), there(data.shift)

    def gather(self, rows: NDArray[np.int64]) -> "tuple[Tensor, Tensor]":
        """Return the inputs (B, D) and targets (B,) or (B, C) of some rows."""
        import torch

        index = torch.from_numpy(rows).to(self.device)
        y = self.y[index]
        if self.X is None:
            return self._gather_sparse(rows), y
        X = self.X[index]
        if self.scale is not None and self.shift is not None:
            X = X.to(self.scale.dtype) * self.scale + self.shift
        return X, y

    def _gather_sparse(self, rows: NDArray[np.int64]) -> "Tensor":
        import torch

        assert not isinstance(self.data.X, np.ndarray)
        coo = self.data.X[rows].tocoo()
        index = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
        sparse = torch.sparse_coo_tensor(index, torch.from_numpy(coo.data), coo.shape, check_invariants=False)
        return sparse.to(self.device).coalesce()


def train_epoch(
    work: Work, learner: Learner, resident: Resident, epoch: int, until: float = math.inf
) -> tuple[dict[str, float], float]:
    """Take all steps of an epoch; return the running train_loss and train_accuracy, and the first step's lr.

    Raises:
        TimeoutError: if it is not done when `time.perf_counter` says `until`.
    """
    spec, train = work.spec, work.data.parts["train"]
    visited = train[order_of(spec, epoch, len(train))[: used_examples(spec, len(train))]]
    steps = steps_per_epoch(spec, len(train))
    rates = learning_rates(spec, epoch, steps)
    tally = Tally()
    for step in range(steps):
        if time.perf_counter() > until:
            raise TimeoutError
        assert isinstance(spec.batch_size, int)
        X, y = resident.gather(visited[step * spec.batch_size : (step + 1) * spec.batch_size])
        masks = _masks(work, epoch, step, len(y), resident.device)
        losses, outputs = learner.step(X, y, float(rates[step]), masks)
        tally.add(work.network, outputs.cpu().numpy(), y.cpu().numpy(), float(losses.double().sum()))
    scores = tally.scores(work.network)
    return {f"train_{name}": scores[name] for name in ("loss", "accuracy") if name in scores}, float(rates[0])


def _masks(work: Work, epoch: int, step: int, n: int, device: "torch.device") -> "list[Tensor | None]":
    import torch

    return [
        torch.from_numpy(dropout_mask(work.spec, epoch, step, number, (n, layer.outputs))).to(device)
        if layer.dropout
        else None
        for number, layer in enumerate(work.network.layers)
    ]


def score_parts(work: Work, learner: Learner, resident: Resident, epoch: int) -> dict[str, float]:
    """Return the scores of the parts that are due after an epoch, as columns."""
    columns: dict[str, float] = {}
    for prefix, part in work.parts_at(epoch):
        rows = work.data.parts[part]  # type: ignore[index]
        scores = score(work, learner, resident, rows)
        columns |= {f"{prefix}_{name}": value for name, value in scores.items()}
    return columns


def score(work: Work, learner: Learner, resident: Resident, rows: NDArray[np.int64]) -> dict[str, float]:
    """Return the metrics of some rows, with the weights as they are."""
    from mlpctl.models.losses import loss

    tally = Tally()
    for start in range(0, len(rows), SCORED_AT_A_TIME):
        X, y = resident.gather(rows[start : start + SCORED_AT_A_TIME])
        outputs = learner.outputs(X)
        losses = loss(work.network, outputs, y)
        tally.add(work.network, outputs.cpu().numpy(), y.cpu().numpy(), float(losses.double().sum()))
    return tally.scores(work.network)
