"""What an engine is. Search, store and screen know engines by this interface alone.

An engine says whether it can run a spec, and opens a session over many trials. A session advances trials to given
epochs and yields an event after each epoch of each trial; between events single trials can be stopped, saved,
restored and continued, and their weights taken out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from mlpctl.data.prepare import Data
from mlpctl.metrics import Status
from mlpctl.models import learner
from mlpctl.models.network import Network
from mlpctl.spec import Spec

State = learner.State


@dataclass(frozen=True, eq=False)
class Work:
    """What a session is asked to do with one trial.

    Attributes:
        key: names the trial.
        spec: resolved.
        network: of the spec.
        data: prepared for the spec.
        epochs: train until so many epochs are done.
        test_at: epochs after which the test part is scored.
        test_each: score the test part after every epoch.
        fit_each: score the training part, with the weights at the end of the epoch, after every epoch.
        limit: seconds in training, from where it stands; see `mlpctl.runner.failure_policy.Clock`.
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

    def parts_at(self, epoch: int) -> list[tuple[str, str]]:
        """Return (column prefix, part) of what is scored after an epoch."""
        parts = [("val", "val")] if len(self.data.parts["val"]) else []
        if len(self.data.parts["test"]) and (self.test_each or epoch in self.test_at):
            parts.append(("test", "test"))
        return [*parts, ("fit", "train")] if self.fit_each else parts


@dataclass(slots=True)  # not frozen, which takes a microsecond longer: as much as an epoch of a gate
class Event:
    """An epoch of a trial is over, or the trial failed.

    Attributes:
        key: of the trial.
        epoch: epochs done.
        scores: columns of the schema: train_loss, val_accuracy, ….
        lr: learning rate of the epoch's first step.
        seconds: wall time of this epoch, its scoring included; None for a trial that is trained in a group.
        status: None while the trial goes on; "ok" when its epochs are done; else why it ended.
        error: what went wrong, in one line.
        group_seconds: wall time of this epoch of the group that the trial is trained in; None without one.
        group_size: trials in training in that group.
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


def late(key: str, epoch: int, seconds: float, limit: float) -> Event:
    """Return the event of a trial that was ended within an epoch because its time was over.

    Args:
        key: of the trial.
        epoch: epochs that were done before.
        seconds: spent since.
        limit: that it had.
    """
    return Event(key, epoch, seconds=seconds, status="timeout", error=f"not done after {limit:g} s")


class Session(Protocol):
    """Trials in training."""

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Train each trial up to its epochs and yield an event per epoch; works are taken as slots come free.

        A trial that the session already holds (advanced before, or restored) goes on from where it stands. The event
        that ends a trial has a status; after it the trial stays in the session until `drop`.
        """

    def stop(self, key: str) -> None:
        """End a trial after the epoch it is in; its last event has the status "interrupted"."""

    def drain(self) -> None:
        """Take no more works; the trials in training go on to their end."""

    def save(self, key: str) -> State:
        """Return all that is needed to continue a trial."""

    def restore(self, work: Work, state: State) -> None:
        """Take in a trial as `save` left it, in this session or another."""

    def weights(self, key: str) -> State:
        """Return the parameters and running statistics of a trial, under the names of `initial_weights`."""

    def drop(self, key: str) -> None:
        """Forget a trial and free its memory."""

    def close(self) -> None:
        """Stop all trials and give everything back."""


class Engine(Protocol):
    """What trains trials."""

    name: str

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
