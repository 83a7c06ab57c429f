"""Trials on several devices of this machine: each has a process, and whichever is idle takes the next parcel.

Events are passed on as they come. A process that dies takes no finished trial with it: what it had in training is
trained again in halves, so that a trial that kills its process is found by being alone, and nothing is told twice.
"""

import multiprocessing
import pickle
import queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count, islice
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING

from mlpctl.engines.base import Engine, Event, State, Work
from mlpctl.engines.distributed.arrays import Travelling
from mlpctl.engines.distributed.assign import handed
from mlpctl.engines.distributed.messages import Parcel, fields_of
from mlpctl.engines.distributed.process_worker import (
    KEPT,
    Done,
    Drained,
    Order,
    Problem,
    Ready,
    Sent,
    Stopped,
    Terms,
    serve,
)
from mlpctl.engines.lanes.groups import shared_of
from mlpctl.errors import DeviceError

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data

AHEAD = {"cuda": 4096, "cpu": 64}
"""Works that are taken per device before they are divided: enough for a program of the best size, and no flood."""

UNHEARD = 64
"""Messages that may wait for the driver; then the processes wait, so that memory stays flat."""

DEATHS = 3
"""Processes of a device that die before they have opened it, one after the other: then it is not tried again."""

Message = list[Sent] | Ready | Done | Problem | None


@dataclass(eq=False)
class Helper:
    """A process on a device.

    Attributes:
        device: its.
        process: running.
        connection: to it.
        works: it was handed, and that have not ended.
        known: numbers of the data it has, the oldest first.
        ready: it has opened its device.
    """

    device: str
    process: SpawnProcess
    connection: Connection
    works: dict[str, Work] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)
    ready: bool = False

    def tell(self, message: object) -> None:
        """Send a message; that nobody hears it, the thread that listens sees."""
        with suppress(OSError):
            self.connection.send(message)


@dataclass
class SeveralSession(Travelling):
    """See `mlpctl.engines.base.Session`; what is saved are trials that have ended.

    Attributes:
        engine: what trains.
        devices: one process each; the same device may be named twice.
        jobs: trials in training at a time on each, where the engine asks.
        threads: of torch, in each.
        weights_back: whether `weights` will be called for trials that end well.
        below: `save` will be called for trials that end with fewer epochs, and can be continued.
        note: called with what the user should know.
    """

    engine: Engine
    devices: tuple[str, ...]
    jobs: int
    threads: int
    weights_back: bool
    below: float
    note: Callable[[str], None]
    helpers: dict[int, Helper] = field(default_factory=dict)
    _parcels: list[list[Work]] = field(default_factory=list)
    _busy: set[int] = field(default_factory=set)
    _inbox: "queue.Queue[tuple[Helper, Message]]" = field(default_factory=lambda: queue.Queue(UNHEARD))
    _numbers: "dict[int, tuple[Data, str]]" = field(default_factory=dict)
    _count: "Iterator[int]" = field(default_factory=count)
    _seen: dict[str, int] = field(default_factory=dict)
    _suspects: set[str] = field(default_factory=set)
    _deaths: dict[int, int] = field(default_factory=dict)
    _draining: bool = False

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Train the works on all devices."""
        pending = iter(works)
        while True:
            self._hand_out(pending)
            if not self._busy:
                return
            helper, message = self._inbox.get()
            place = next((place for place, known in self.helpers.items() if known is helper), None)
            if place is None:
                continue  # the last words of one that was given up
            if message is None:
                yield from self._died(place, helper)
            elif isinstance(message, Problem):
                raise message.error or RuntimeError(f"in the process on {helper.device}:\n{message.told}")
            elif isinstance(message, Ready):
                helper.ready = True
                self._deaths.pop(place, None)
            elif isinstance(message, Done):
                helper.works.clear()
                self._busy.discard(place)
            else:
                for sent in message:
                    yield from self._heard(helper, *sent)

    def stop(self, key: str) -> None:
        """End a trial after the epoch that its process is in, which may be ahead of its events."""
        for helper in self.helpers.values():
            if key in helper.works:
                helper.tell(Stopped(key))

    def drain(self) -> None:
        """Take no more works; the trials in training go on to their end."""
        if not self._draining:
            self._draining = True
            self._parcels.clear()
            for helper in self.helpers.values():
                helper.tell(Drained())

    def drop(self, key: str) -> None:
        """Forget a trial."""
        super().drop(key)
        self._seen.pop(key, None)

    def close(self) -> None:
        """Stop all trials and end the processes."""
        for helper in self.helpers.values():
            helper.process.kill()
            helper.process.join()
            helper.connection.close()
        self.helpers.clear()
        self._busy.clear()
        self._numbers.clear()

    def _hand_out(self, pending: Iterator[Work]) -> None:
        """Give a parcel to each device that is idle; processes that are there come first, others are begun."""
        usable = [place for place in range(len(self.devices)) if self._deaths.get(place, 0) < DEATHS]
        for place in sorted(set(usable) - self._busy, key=lambda place: (place not in self.helpers, place)):
            if not self._parcels and not self._draining:
                ahead = AHEAD.get(self.devices[place].partition(":")[0], AHEAD["cuda"])
                taken = list(islice(pending, ahead * len(usable)))
                self._parcels = handed(taken, len(usable), shared_of if self.engine.name == "lanes" else lambda _: 0)
            if not self._parcels:
                return
            if place not in self.helpers:
                self.helpers[place] = self._begun(self.devices[place])
            self._busy.add(place)
            self._give(self.helpers[place], self._parcels.pop(0))

    def _begun(self, device: str) -> Helper:
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        terms = Terms(self.engine, device, self.jobs, self.threads, self.weights_back, self.below)
        process = spawn.Process(target=serve, args=(theirs, terms), daemon=True, name=f"mlpctl on {device}")
        with _deaf():
            process.start()
        theirs.close()  # so that its death closes the connection
        helper = Helper(device, process, ours)
        threading.Thread(target=_listen, args=(helper, self._inbox), daemon=True).start()
        return helper

    def _give(self, helper: Helper, works: list[Work]) -> None:
        data: dict[str, Data] = {}
        parcels = []
        for work in works:
            number = self._number(work.data)
            if number not in helper.known:
                helper.known.append(number)
                data[number] = work.data
            state = self.given.get(work.key, self.states.get(work.key))
            parcels.append(Parcel(fields_of(work), number, state=state))
        needed = {parcel.data for parcel in parcels}
        forgotten = tuple(number for number in helper.known[:-KEPT] if number not in needed)
        helper.known = [number for number in helper.known if number not in forgotten]
        helper.works = {work.key: work for work in works}
        helper.tell(Order(tuple(parcels), data, forgotten))

    def _number(self, data: "Data") -> str:
        """Return what a dataset is called between here and the processes; the same for the same while it is recent."""
        if id(data) not in self._numbers:
            while len(self._numbers) > KEPT * len(self.devices):
                del self._numbers[next(iter(self._numbers))]
            self._numbers[id(data)] = data, str(next(self._count))
        return self._numbers[id(data)][1]

    def _heard(self, helper: Helper, event: Event, state: State | None, weights: State | None) -> Iterator[Event]:
        """Yield an event but for what was told before a process died."""
        told_before = event.epoch <= self._seen.get(event.key, -1)
        if told_before and event.status is None:
            return
        self._seen[event.key] = event.epoch
        if event.status is not None:
            helper.works.pop(event.key, None)
            for kept, arrays in ((self.states, state), (self.trained, weights)):
                kept.pop(event.key, None)
                if arrays is not None:
                    kept[event.key] = arrays
        yield replace(event, scores={}) if told_before else event

    def _died(self, place: int, helper: Helper) -> Iterator[Event]:
        """Hand out again what a dead process had in training; yield the end of what has killed two, alone."""
        helper.process.join()
        helper.connection.close()
        del self.helpers[place]
        self._busy.discard(place)
        left, how = list(helper.works.values()), _how(helper.process.exitcode)
        if not helper.ready:
            self._count_death(place, f"the process on {helper.device} {how} before it had opened it")
        elif len(left) == 1 and left[0].key in self._suspects:
            key = left.pop().key
            error = f"the process on {helper.device} that trained it alone {how}, twice"
            yield Event(key, self._seen.get(key, 0), status="crashed", error=error)
        else:
            self._suspects.update(work.key for work in left)
        if not self._draining:
            half = (len(left) + 1) // 2 if helper.ready else len(left)
            self._parcels[:0] = [part for part in (left[:half], left[half:]) if part]

    def _count_death(self, place: int, what: str) -> None:
        self._deaths[place] = self._deaths.get(place, 0) + 1
        if self._deaths[place] < DEATHS:
            return
        rest = [name for k, name in enumerate(self.devices) if self._deaths.get(k, 0) < DEATHS]
        if not rest:
            raise DeviceError(f"{what}, {DEATHS} times: what had finished is saved, `mlpctl doctor` says what is there")
        self.note(f"{what}, {DEATHS} times: training goes on on {', '.join(rest)}")


def _listen(helper: Helper, inbox: "queue.Queue[tuple[Helper, Message]]") -> None:
    """Pass on what a process says, and None for its end."""
    with suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            inbox.put((helper, helper.connection.recv()))
    inbox.put((helper, None))


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


@contextmanager
def _deaf() -> Iterator[None]:
    """Let processes that are begun here ignore Ctrl-C from their first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
