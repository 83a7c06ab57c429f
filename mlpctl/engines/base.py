"""Define the interface of engines. Search, store and screen know engines by this interface alone.

An engine says whether it can run a spec, and opens a session over many trials. A session advances trials to given
epochs and yields an event after each epoch of a trial, or after a block of them; between events single trials can be
stopped, saved, restored and continued, and their weights taken out.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from mlpctl.data.prepare import Data
from mlpctl.metrics import Status
from mlpctl.models.learner import State
from mlpctl.models.network import Network
from mlpctl.spec import Spec
from mlpctl.store.schema import Block


@dataclass(frozen=True, eq=False)
class Work:
    """A trial to be trained.

    Attributes:
        key: key of the trial.
        spec: resolved spec.
        network: network of the spec.
        data: data, prepared for the spec.
        epochs: epochs to be done in the end.
        test_at: epochs after which the test part is scored.
        test_each: score the test part after every epoch.
        fit_each: score the training part, with the weights at the end of the epoch, after every epoch.
        limit: seconds in training, from where it stands; see `mlpctl.engines.time_limit.Clock`.
        start: weights that `init_from` names, in a process that cannot read them; None where it can.
    """

    key: str
    spec: Spec
    network: Network
    data: Data
    epochs: int
    test_at: frozenset[int] = frozenset()
    test_each: bool = False
    fit_each: bool = False
    limit: float = float("inf")
    start: State | None = None

    def parts_at(self, epoch: int) -> list[tuple[str, str]]:
        """Return (column prefix, part) of what is scored after an epoch."""
        parts = [("val", "val")] if len(self.data.parts["val"]) else []
        if len(self.data.parts["test"]) and (self.test_each or epoch in self.test_at):
            parts.append(("test", "test"))
        return [*parts, ("fit", "train")] if self.fit_each else parts


NO_SCORES = ("epoch", "lr", "seconds")
"""Columns of a block of epochs that are no scores."""


@dataclass(slots=True)  # not frozen, which takes a microsecond longer: as much as an epoch of a gate
class Event:
    """Event of a trial: an epoch is over, or a block of epochs, or it failed.

    Attributes:
        key: of the trial.
        epoch: epochs done.
        scores: columns of the schema: train_loss, val_accuracy, ….
        lr: learning rate of the epoch's first step.
        seconds: wall time of this epoch, its scoring included; None for a trial that is trained in a group.
        status: None while the trial goes on; "ok" when its epochs are done; else why it ended.
        error: reason of a failure, in one line.
        group_seconds: wall time of this epoch of the group that the trial is trained in; None without one.
        group_size: trials in training in that group.
        block: all epochs of the event, `epoch` last, as columns of `epochs.csv`: many short epochs are one event, since
            Python takes longer for an event than compiled code for an epoch. None where `epoch` is the only one.
    """

    key: str
    epoch: int
    scores: dict[str, float] = field(default_factory=dict)
    lr: float | None = None
    seconds: float | None = None
    status: Status | None = None
    error: str = ""
    group_seconds: float | None = None
    group_size: int | None = None
    block: Block | None = None

    @property
    def own_seconds(self) -> float:
        """Seconds of all its epochs; 0 for a trial that is trained in a group."""
        return self.seconds or 0.0 if self.block is None else sum(self.block["seconds"])

    def each(self) -> "Iterator[Event]":
        """Yield an event for each epoch; the last has the status."""
        if self.block is not None:
            for epoch in self.block["epoch"][:-1]:
                yield self.at(epoch)
        yield self if self.block is None else replace(self, block=None)

    def at(self, epoch: int) -> "Event":
        """Return the event of an epoch of the block before the last; its status is None."""
        assert self.block is not None
        end = epoch + 1 - self.block["epoch"][0]
        return replace(event_of(self.key, {name: values[:end] for name, values in self.block.items()}), block=None)

    def untested(self) -> "Event":
        """Return the event without scores of the test part."""
        kept = {name: score for name, score in self.scores.items() if not name.startswith("test_")}
        block = None if self.block is None else {n: v for n, v in self.block.items() if not n.startswith("test_")}
        return replace(self, scores=kept, block=block)

    def after(self, epoch: int) -> "Event":
        """Return the event without the epochs up to a given one, which is before its last."""
        if self.block is None:
            return self
        begin = max(0, epoch + 1 - self.block["epoch"][0])
        return replace(self, block={name: values[begin:] for name, values in self.block.items()})


def event_of(key: str, block: Block) -> Event:
    """Return the event of a block of epochs, one at least."""
    last = {name: values[-1] for name, values in block.items()}
    epoch, lr, seconds = (last.pop(name) for name in NO_SCORES)
    scores = {name: score for name, score in last.items() if score is not None}
    return Event(key, epoch, scores, lr, seconds, block=block)


def late(key: str, epoch: int, seconds: float, limit: float) -> Event:
    """Return the event of a trial that was ended within an epoch because its time was over.

    Args:
        key: of the trial.
        epoch: epochs that were done before.
        seconds: spent since.
        limit: that it had.
    """
    return Event(key, epoch, seconds=seconds, status="timeout", error=f"not done after {limit:g} s")


def epoch_outcome(epoch: int, epochs: int, *, finite: bool, stopped: bool) -> tuple[Status | None, str]:
    """Return the status and the error of a trial after an epoch; status None while it goes on.

    Args:
        epoch: epochs done.
        epochs: epochs to be done in the end.
        finite: true if loss and weights are finite.
        stopped: true if the trial is to end.
    """
    if not finite:
        return "diverged", f"loss or weights not finite in epoch {epoch}"
    if epoch >= epochs:
        return "ok", ""
    return ("interrupted", "stopped") if stopped else (None, "")


class Session(Protocol):
    """Trials in training."""

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Train each trial up to its epochs and yield events of its epochs; works are taken as slots come free.

        A trial that the session already holds (advanced before, or restored) goes on from where it stands. The event
        that ends a trial has a status; after it the trial stays in the session until `drop`.
        """

    def stop(self, key: str) -> None:
        """End a trial after the epoch it is in; its last event has the status "interrupted"."""

    def drain(self) -> None:
        """Take no more works; the trials in training go on to their end."""

    def save(self, key: str) -> State:
        """Return the state that continues a trial.

        Raises:
            KeyError: for a trial that the session does not hold.
        """

    def restore(self, work: Work, state: State) -> None:
        """Take in a trial as `save` left it, in this session or another."""

    def weights(self, key: str) -> State:
        """Return the parameters and running statistics of a trial, under the names of `initial_weights`.

        Raises:
            KeyError: for a trial that the session does not hold.
        """

    def drop(self, key: str) -> None:
        """Forget a trial and free its memory."""

    def close(self) -> None:
        """Stop all trials and give everything back."""


class Engine(Hashable, Protocol):
    """A way to train trials; hashed by its settings."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    def why_not(self, spec: Spec, data: Data) -> str | None:
        """Return why this engine cannot train a spec, in a few words; None if it can."""

    def open(self, device: str, jobs: int, threads: int) -> Session:
        """Return a session.

        Args:
            device: cpu, cuda, cuda:N or mps.
            jobs: trials in training at a time.
            threads: threads of torch, where it is what trains.

        Raises:
            DeviceError: if the device is not there.
        """
