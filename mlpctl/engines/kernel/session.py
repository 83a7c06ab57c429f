"""Train trials on threads, in compiled code that holds no interpreter lock, some epochs at a time."""

import threading
import time
from collections.abc import Hashable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.engines.base import Event, Work, epoch_outcome, event_of, late
from mlpctl.engines.early_stopping import WATCHED, early_stopping
from mlpctl.engines.expected_time import kernel_seconds
from mlpctl.engines.initial_weights import start_key
from mlpctl.engines.kernel.helper_threads import helped
from mlpctl.engines.kernel.layout import Layout, deepest, unpack
from mlpctl.engines.kernel.training import (
    Arrays,
    Training,
    arrays_of,
    begun_training,
    new_training,
    scores_now,
    train_epochs,
    twin,
)
from mlpctl.engines.recent import Recent
from mlpctl.engines.threads import on_threads
from mlpctl.errors import DeviceError
from mlpctl.models.learner import OPTIMIZER_PREFIX, State
from mlpctl.store.schema import Block

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data

CALL_SECONDS = 0.05
"""Epochs are trained in calls of about this length: a call costs some 50 µs, and between calls a trial can stop."""

HELPED_FROM = 1e7
"""FLOP of a step from which idle cores help: 40 µs of one core."""

TINY = 1.5e-4
"""Trials below are trained by the thread that asks: others would wait for it, since Python takes as long for each."""

STARTS, COPIED = 64, 65_536
"""Initial weights that are kept to be copied, and the most numbers of each: 16 MiB in all."""

FAR_OFF = 100
"""Times that a call of compiled code may take of what it was guessed to: beyond, no alarm is set, which is a thread."""

FIRST_GUESS = 5e9
"""FLOP/s that the length of the first call is guessed with; the following ones are measured."""


def open_session(device: str, jobs: int) -> "KernelSession":
    """Return a session on the CPU.

    Raises:
        DeviceError: for another device.
    """
    if device not in ("auto", "cpu"):
        raise DeviceError(f"engine kernel trains on the CPU, not on {device}: use --device cpu, or --engine reference")
    return KernelSession(jobs)


@contextmanager
def _alarm(seconds: float, trial: Training) -> Iterator[None]:
    """Halt a trial that is still in compiled code after so many seconds."""
    timer = threading.Timer(seconds, trial.halt.fill, [1])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@dataclass
class KernelSession:
    """See `mlpctl.engines.base.Session`."""

    jobs: int
    trials: dict[str, Training] = field(default_factory=dict)
    _arrays: "Recent[Data, Arrays]" = field(default_factory=lambda: Recent(arrays_of, 8))
    _training: set[str] = field(default_factory=set)
    _no_more: bool = False
    _starts: dict[Hashable, tuple[Layout, NDArray[Any], NDArray[Any]]] = field(default_factory=dict)
    _stopped: set[str] = field(default_factory=set)
    _draining: threading.Event = field(default_factory=threading.Event)

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Train the works, `jobs` at a time; one at a time where the first is so small that Python is most of it.

        Where no more are to come, cores that are idle help the large ones that are in training.
        """
        pending = self._taken(works)
        if not self._draining.is_set() and (first := next(pending, None)) is not None:
            jobs = 1 if kernel_seconds(first) < TINY else self.jobs
            yield from on_threads(chain([first], pending), self._train, jobs, self._draining)

    def stop(self, key: str) -> None:
        """End a trial after the epochs it is in."""
        self._stopped.add(key)

    def drain(self) -> None:
        """Take no more works."""
        self._draining.set()

    def save(self, key: str) -> State:
        """Return all that is needed to continue a trial."""
        trial = self.trials[key]
        return {
            **self.weights(key),
            f"{OPTIMIZER_PREFIX}first": trial.first.copy(),
            f"{OPTIMIZER_PREFIX}second": trial.second.copy(),
            "epochs_done": np.array(trial.epochs_done),
            "steps_done": np.array(trial.steps_done),
        }

    def restore(self, work: Work, state: State) -> None:
        """Take in a saved trial."""
        trial = new_training(work, state)
        trial.first[:] = state[f"{OPTIMIZER_PREFIX}first"]
        trial.second[:] = state[f"{OPTIMIZER_PREFIX}second"]
        trial.epochs_done, trial.steps_done = int(state["epochs_done"]), int(state["steps_done"])
        self.trials[work.key] = trial

    def weights(self, key: str) -> State:
        """Return the parameters and running statistics of a trial."""
        trial = self.trials[key]
        best = trial.stopping and trial.stopping.weights
        return best or unpack(trial.layout, trial.theta, trial.stats)

    def drop(self, key: str) -> None:
        """Forget a trial."""
        self.trials.pop(key, None)
        self._stopped.discard(key)

    def close(self) -> None:
        """Forget all trials."""
        self.trials.clear()
        self._arrays.clear()
        self._starts.clear()

    def _taken(self, works: Iterable[Work]) -> Iterator[Work]:
        self._no_more = False
        yield from works
        self._no_more = True

    def _train(self, work: Work) -> Iterator[list[Event]]:
        self._training.add(work.key)
        try:
            if work.key not in self.trials:
                self.trials[work.key] = self._begun(work)
            yield from self._epochs(work, self.trials[work.key], self._arrays.of(work.data))
        except MemoryError as error:
            done = self.trials[work.key].epochs_done if work.key in self.trials else 0
            yield [Event(work.key, done, status="out_of_memory", error=f"MemoryError: {error}")]
        finally:
            self._training.discard(work.key)

    def _begun(self, work: Work) -> Training:
        """Return a trial before its first epoch; to draw weights takes as long as an epoch on iris."""
        start = start_key(work.network, work.spec)
        if (known := self._starts.get(start)) is not None:
            return twin(work, *known)
        trial = begun_training(work)
        if len(trial.theta) <= COPIED:
            if len(self._starts) >= STARTS:
                self._starts.clear()
            self._starts[start] = trial.layout, trial.theta.copy(), trial.stats.copy()
        return trial

    def _epochs(self, work: Work, trial: Training, arrays: Arrays) -> Iterator[list[Event]]:
        if trial.epochs_done >= work.epochs:
            scores = scores_now(work, trial, arrays)
            yield [Event(work.key, trial.epochs_done, scores, seconds=0.0, status="ok")]
        pace = work.network.flops_per_example * work.data.n_train / FIRST_GUESS  # seconds per epoch
        spent, trial.stopping = 0.0, early_stopping(work.spec)
        while trial.epochs_done < work.epochs:
            count = max(1, min(work.epochs - trial.epochs_done, int(CALL_SECONDS / max(pace, 1e-9))))
            count = count if trial.stopping is None else 1  # the weights of the best epoch are kept
            started = time.perf_counter()
            block, finite = self._trained(work, trial, arrays, count, work.limit - spent, pace * count)
            seconds, done = time.perf_counter() - started, len(block["epoch"])
            spent += seconds
            pace = seconds / (done or 1)
            block["seconds"] = [pace] * done
            event = event_of(work.key, block) if done else None
            if (spent > work.limit or trial.halt[0]) and finite and trial.epochs_done < work.epochs:
                end = late(work.key, trial.epochs_done, 0.0 if done else seconds, work.limit)
                yield [end] if event is None else [event, end]
                return
            assert event is not None
            is_stopped = work.key in self._stopped
            event.status, event.error = epoch_outcome(trial.epochs_done, work.epochs, finite=finite, stopped=is_stopped)
            if trial.stopping is not None:
                weights = partial(unpack, trial.layout, trial.theta, trial.stats)
                loss = event.scores[WATCHED]
                event.status = trial.stopping.after(trial.epochs_done, loss, event.status, weights)
            yield [event]
            if event.status is not None:
                return

    def _trained(
        self, work: Work, trial: Training, arrays: Arrays, count: int, left: float, guess: float
    ) -> tuple[Block, bool]:
        """Train epochs, see `train_epochs`, with an alarm where time may run out and idle cores where it is large.

        Args:
            work: the trial.
            trial: is trained.
            arrays: of its data.
            count: epochs.
            left: seconds until its time is over.
            guess: seconds that it will take.
        """
        batch = min(int(work.spec.batch_size or 1), work.data.n_train)
        is_large = work.network.flops_per_example * batch > HELPED_FROM
        threads = self.jobs // len(self._training) if is_large and self._no_more else 1
        alarmed = left < FAR_OFF * guess
        if threads == 1 and not alarmed:
            return train_epochs(work, trial, arrays, count)
        with ExitStack() as stack:
            if alarmed:
                stack.enter_context(_alarm(left, trial))
            task = stack.enter_context(helped(threads, deepest(trial.layout, batch), work.spec.dtype))
            return train_epochs(work, trial, arrays, count, task)
