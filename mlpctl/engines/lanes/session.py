"""Train trials as lanes: they are planned into groups, and join and leave at the ends of epochs."""

import gc
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import TYPE_CHECKING

import torch

from mlpctl.engines.base import Event, Work, epoch_outcome
from mlpctl.engines.lanes.dataset import Resident
from mlpctl.engines.lanes.group_size import MOST_LANES, SHARE, tried_size
from mlpctl.engines.lanes.groups import Shared, plan
from mlpctl.engines.lanes.memory import free_bytes, out_of_memory
from mlpctl.engines.lanes.training import Lane, Result, TrainingGroup, weights_of
from mlpctl.engines.precision import Precision
from mlpctl.engines.recent import Recent
from mlpctl.errors import DeviceError
from mlpctl.metrics import Status
from mlpctl.models.learner import State

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data

SECONDS_AHEAD = 20e-6
"""Seconds of an epoch per lane, below which what is done with its events takes as long: 5 µs, and 100 for rows."""

DEAD = 1 / 8
"""Share of ended lanes from which on a group is packed again; packing costs a copy, and on CUDA a new graph."""


def open_session(device: str, precision: Precision, threads: int) -> "LanesSession":
    """Return a session; `threads` are torch's own, where it computes on the CPU.

    Raises:
        DeviceError: if the device is not there, or cannot multiply in the precision asked for.
    """
    from mlpctl.system.devices import torch_device

    place = torch_device(device)
    if precision == "tf32" and place.type != "cuda":
        raise DeviceError(f"precision tf32 needs a CUDA GPU, and the device is {place.type}: use --precision fp32")
    if place.type == "cpu":
        torch.set_num_threads(threads)
    elif place.type == "cuda":
        torch.cuda.set_device(place)  # nothing of this process is to be on another GPU, not even a context
    return LanesSession(
        place, precision, MOST_LANES[place.type], ahead=place.type != "cpu", tries_sizes=place.type == "cuda"
    )


@dataclass
class LanesSession:
    """See `mlpctl.engines.base.Session`.

    Attributes:
        device: device that trains.
        precision: precision of products.
        most: lanes of a group at most.
        running: group in training.
        ahead: the device trains an epoch while the events of the one before are looked at, if that pays.
        tries_sizes: how many lanes train fastest together is measured before they begin.
        held: states of trials that are not in training, and of those in their first epoch.
    """

    device: torch.device
    precision: Precision
    most: int
    running: TrainingGroup | None = None
    ahead: bool = False
    tries_sizes: bool = False
    held: dict[str, State] = field(default_factory=dict)
    _sizes: dict[Shared, int] = field(default_factory=dict)
    _stopped: set[str] = field(default_factory=set)
    _leaving: set[str] = field(default_factory=set)
    _draining: bool = False
    _trouble: tuple[Status, str] | None = None
    _arrivals: "Iterator[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        """Keep the most recent datasets on the device."""
        self._resident: Recent[Data, Resident] = Recent(lambda data: Resident(data, self.device), 4)

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Train the works, group by group; a group takes in others as lanes come free."""
        pending, waiting = iter(works), list[Lane]()
        while self._take(pending, waiting):
            yield from self._train(self._choose(waiting), pending, waiting)
            self.running = None

    def stop(self, key: str) -> None:
        """End a trial after the epoch it is in."""
        self._stopped.add(key)

    def drain(self) -> None:
        """Take no more works."""
        self._draining = True

    def save(self, key: str) -> State:
        """Return all that is needed to continue a trial, in the form of the reference engine."""
        if key in self.held:
            return self.held[key]
        if self.running is None:
            raise KeyError(key)
        return self.running.state(key)

    def restore(self, work: Work, state: State) -> None:
        """Take in a saved trial."""
        self.held[work.key] = dict(state)

    def weights(self, key: str) -> State:
        """Return the parameters and running statistics of a trial."""
        return weights_of(self.save(key))

    def drop(self, key: str) -> None:
        """Forget a trial."""
        self.held.pop(key, None)
        self._stopped.discard(key)
        self._leaving.discard(key)

    def close(self) -> None:
        """Forget all trials and free the device's memory."""
        self.running = None
        self.held.clear()
        self._resident.clear()
        self._free()

    def _take(self, pending: Iterator[Work], waiting: list[Lane]) -> bool:
        """Take works until there are enough to plan with; whether any are waiting."""
        if self._draining:
            waiting.clear()
            return False
        for work in islice(pending, max(2 * self.most - len(waiting), 0)):
            done = int(self.held[work.key]["epochs_done"]) if work.key in self.held else 0
            waiting.append(Lane(work, next(self._arrivals), done))
        return bool(waiting)

    def _choose(self, waiting: list[Lane]) -> list[Lane]:
        """Take out and return the lanes of the next group: that of the trial that waits longest."""
        cap = int(SHARE * free_bytes(self.device))
        shared = waiting[0].shared
        most = self._sizes.get(shared, self.most)
        group = plan([(lane.shared, lane.bytes) for lane in waiting], cap, most)[0]
        if self.tries_sizes and shared not in self._sizes:
            lanes = [waiting[k] for k in group.members]
            size = tried_size(lanes, self._resident.of(waiting[0].work.data), self.precision)
            if size < len(lanes) or size == self.most:  # else more than these may be better still
                self._sizes[shared] = size
            group = replace(group, members=group.members[:size])
            self._free()
        chosen = [waiting[k] for k in group.members]
        _remove(waiting, chosen)
        return chosen

    def _train(self, lanes: list[Lane], pending: Iterator[Work], waiting: list[Lane]) -> Iterator[Event]:
        """Yield the events of a group until its last lane has left."""
        size, room = len(lanes), sum(lane.bytes for lane in lanes)
        started = time.perf_counter()
        while lanes:
            results, failure, error = self._epoch(lanes)
            if failure == "out_of_memory" and len(lanes) > 1 and not any(lane.begun for lane in lanes):
                self.running = None
                self._free()
                self._sizes[lanes[0].shared] = len(lanes) // 2
                waiting[:0] = lanes  # what they began from is held, or drawn again
                return
            if failure is not None:
                for lane in lanes:
                    yield Event(lane.work.key, lane.epochs_done, status=failure, error=error)
                return
            seconds = time.perf_counter() - started
            for result in results:
                self.held.pop(result.lane.work.key, None)
                result.lane.begun = True
            events = [self._event(result, seconds, len(lanes)) for result in results]
            started = time.perf_counter()
            if len(lanes) == size and seconds < SECONDS_AHEAD * size and all(event.status is None for event in events):
                self._go_ahead()
            yield from events
            self._let_go()
            lanes = [lane for lane in lanes if not lane.ended]
            lanes += self._joining(lanes, size, room, pending, waiting)

    def _go_ahead(self) -> None:
        """Have the next epoch trained while the events of this one are looked at, where the device does not mind."""
        assert self.running is not None
        if self.ahead:
            try:
                self.running.launch(ahead=True)
            except (MemoryError, RuntimeError) as error:
                if self.running.before is None and out_of_memory(error):
                    self.ahead = False  # the copy that it takes has no room
                else:
                    self._trouble = _trouble(error)

    def _epoch(self, lanes: list[Lane]) -> tuple[list[Result], Status | None, str]:
        """Return the results of an epoch, or of trials with nothing to train; or the status and error of a failure."""
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            return [], *trouble
        try:
            running = self._laid_out(lanes)
            done = running.scored() if any(lane.epochs_done >= lane.work.epochs for lane in lanes) else []
            ends = [result for result in done if result.lane.epochs_done >= result.lane.work.epochs]
            return ends or running.epoch(), None, ""  # what has nothing to train leaves before others do
        except (MemoryError, RuntimeError, ValueError, ArithmeticError) as error:
            return [], *_trouble(error)

    def _laid_out(self, lanes: list[Lane]) -> TrainingGroup:
        old = self.running
        if old is not None:
            joined = any(not lane.begun for lane in lanes)
            if not joined and len(lanes) > (1 - DEAD) * len(old.lanes):
                return old
            old.release()
        try:
            self.running = self._begun(lanes, old)
        except (MemoryError, RuntimeError) as error:
            if old is None or not out_of_memory(error):
                raise
        if self.running is old:  # what they are copied from and to is too much: by way of the CPU
            assert old is not None
            old.arrays = old.arrays.to(torch.device("cpu"))
            self._free()
            self.running = self._begun(lanes, old)
        assert self.running is not None
        return self.running

    def _begun(self, lanes: list[Lane], old: TrainingGroup | None) -> TrainingGroup:
        running = TrainingGroup(lanes, self._resident.of(lanes[0].work.data), self.precision)
        running.begin(old, self.held)
        return running

    def _event(self, result: Result, seconds: float, size: int) -> Event:
        lane = result.lane
        is_stopped = lane.work.key in self._stopped
        status, error = epoch_outcome(lane.epochs_done, lane.work.epochs, finite=result.finite, stopped=is_stopped)
        if status is not None:
            lane.ended = True
            self._leaving.add(lane.work.key)
        return Event(
            lane.work.key, lane.epochs_done, result.scores, result.lr, seconds if size == 1 else None, status, error,
            group_seconds=seconds, group_size=size,
        )  # fmt: skip

    def _let_go(self) -> None:
        """Copy out what ended and was not dropped, before its lane moves on or is taken."""
        assert self.running is not None
        for key in sorted(self._leaving):
            self.held[key] = self.running.state(key)
        self._leaving.clear()

    def _joining(
        self, lanes: list[Lane], size: int, room: int, pending: Iterator[Work], waiting: list[Lane]
    ) -> list[Lane]:
        """Take out and return waiting trials that fit where others have left."""
        if len(lanes) == size or not lanes or not self._take(pending, waiting):
            return []
        room -= sum(lane.bytes for lane in lanes)
        joining: list[Lane] = []
        for lane in waiting:
            if lane.shared == lanes[0].shared and lane.bytes <= room and len(lanes) + len(joining) < size:
                joining.append(lane)
                room -= lane.bytes
        _remove(waiting, joining)
        return joining

    def _free(self) -> None:
        if self.device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()


def _remove(waiting: list[Lane], taken: list[Lane]) -> None:
    numbers = {lane.number for lane in taken}
    waiting[:] = [lane for lane in waiting if lane.number not in numbers]


def _trouble(error: BaseException) -> tuple[Status, str]:
    """Return the status of trials that an error has ended, and the error in one line."""
    return "out_of_memory" if out_of_memory(error) else "crashed", f"{type(error).__name__}: {error}".replace("\n", " ")
