"""Train trials on several devices of this machine: each has a process, and an idle one takes the next group of trials.

Events are passed on as they come. A process that dies takes no finished trial with it: what it had in training is
trained again in halves, so that a trial that kills its process is in the end alone, and no event comes twice.
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
from typing import TYPE_CHECKING, Any

from mlpctl.engines.base import Engine, Event, Work
from mlpctl.engines.distributed.assignment import groups_for
from mlpctl.engines.distributed.messages import (
    RemoteArrays,
    Report,
    WorkerFailure,
    WorkerSettings,
    WorkerTask,
    software,
)
from mlpctl.engines.distributed.worker import Done, Drain, Ready, StopTrial, serve_tasks
from mlpctl.engines.lanes.groups import shared_of
from mlpctl.engines.recent import Recent
from mlpctl.errors import DeviceError

if TYPE_CHECKING:
    from mlpctl.data.prepare import Data

KEPT_DATASETS = 8
"""Datasets that a process keeps."""

TRIALS_AHEAD = {"cuda": 4096, "cpu": 64}
"""Trials that are taken per device before they are divided: enough for a program of the best size, and no flood."""

UNREAD = 64
"""Messages that may wait for the session; then the processes wait, so that memory stays flat."""

DEATHS = 3
"""Processes of a device that die before they have opened it, one after the other: then it is not tried again."""

TO_DIE = 5.0
"""Seconds that a process may take to end once its pipe is closed."""

Message = list[Report] | Ready | Done | WorkerFailure | None


@dataclass(eq=False)
class WorkerProcess:
    """A process on a device.

    Attributes:
        settings: settings of the process, its device among them.
        process: running process.
        connection: pipe to it.
        reader: thread that reads the pipe; it ends with the process.
        works: trials it was given that have not ended.
        known: names of the objects it has, the oldest first.
        ready: it has opened its device.
    """

    settings: WorkerSettings
    process: SpawnProcess
    connection: Connection
    reader: threading.Thread = field(default_factory=threading.Thread)
    works: dict[str, Work] = field(default_factory=dict)
    known: list[str] = field(default_factory=list)
    ready: bool = False

    def send(self, message: object) -> None:
        """Send a message; a closed pipe is seen by the thread that reads it."""
        with suppress(OSError):
            self.connection.send(message)


@dataclass
class ProcessesSession(RemoteArrays):
    """See `mlpctl.engines.base.Session`; `save` is for trials that have ended.

    Attributes:
        engine: engine that trains.
        devices: devices, one process each; the same device may be named twice.
        jobs: trials in training at a time on each, where the engine asks.
        threads: threads of torch in each process.
        weights_back: true if `weights` will be called for trials that end well.
        below: `save` will be called for trials that end with fewer epochs and can be continued.
        note: function that is called with what the user should know.
        workers: position in `devices` -> process.
    """

    engine: Engine
    devices: tuple[str, ...]
    jobs: int
    threads: int
    weights_back: bool
    below: float
    note: Callable[[str], None]
    workers: dict[int, WorkerProcess] = field(default_factory=dict)
    _groups: list[list[Work]] = field(default_factory=list)
    _busy: set[int] = field(default_factory=set)
    _inbox: "queue.Queue[tuple[WorkerProcess, Message]]" = field(default_factory=lambda: queue.Queue(UNREAD))
    _epochs: dict[str, int] = field(default_factory=dict)
    _suspects: set[str] = field(default_factory=set)
    _deaths: dict[int, int] = field(default_factory=dict)
    _draining: bool = False

    def __post_init__(self) -> None:
        """Name shared objects by numbers, the recent ones for as long as a process has them."""
        self._settings = WorkerSettings(
            self.engine, "", self.jobs, self.threads, software(self.engine.name), self.weights_back, self.below
        )
        numbers = count()
        self._names: Recent[Data, str] = Recent(lambda _: str(next(numbers)), KEPT_DATASETS * len(self.devices) + 1)

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Train the trials on all devices."""
        pending = iter(works)
        while True:
            self._hand_out(pending)
            if not self._busy:
                return
            worker, message = self._inbox.get()
            place = next((place for place, known in self.workers.items() if known is worker), None)
            if place is None:
                continue  # it was given up
            if message is None:
                yield from self._died(place, worker)
            elif isinstance(message, WorkerFailure):
                raise message.error or RuntimeError(f"in the process on {worker.settings.device}:\n{message.traceback}")
            elif isinstance(message, Ready):
                worker.ready = True
                self._deaths.pop(place, None)
            elif isinstance(message, Done):
                worker.works.clear()
                self._busy.discard(place)
            else:
                for report in message:
                    yield from self._received(worker, report)

    def stop(self, key: str) -> None:
        """End a trial after the epoch that its process is in, which may be ahead of its events."""
        for worker in self.workers.values():
            if key in worker.works:
                worker.send(StopTrial(key))

    def drain(self) -> None:
        """Take no more trials; those in training go on."""
        if not self._draining:
            self._draining = True
            self._groups.clear()
            for worker in self.workers.values():
                worker.send(Drain())

    def drop(self, key: str) -> None:
        """Forget a trial."""
        super().drop(key)
        self._epochs.pop(key, None)

    def close(self) -> None:
        """Stop all trials and end the processes."""
        for worker in self.workers.values():
            worker.process.kill()
            worker.process.join()
            while worker.reader.is_alive():  # it may wait for room, and must not read from a pipe that is opened next
                with suppress(queue.Empty):
                    self._inbox.get(timeout=0.01)
            worker.connection.close()
        self.workers.clear()
        self._busy.clear()
        self._names.clear()

    def _hand_out(self, pending: Iterator[Work]) -> None:
        """Give a group of trials to each idle device; running processes come first, others are begun."""
        usable = [place for place in range(len(self.devices)) if self._deaths.get(place, 0) < DEATHS]
        for place in sorted(set(usable) - self._busy, key=lambda place: (place not in self.workers, place)):
            if not self._groups and not self._draining:
                ahead = TRIALS_AHEAD.get(self.devices[place].partition(":")[0], TRIALS_AHEAD["cuda"])
                taken = list(islice(pending, ahead * len(usable)))
                kind = shared_of if self.engine.name == "lanes" else lambda _: 0
                self._groups = groups_for(taken, len(usable), kind)
            if not self._groups:
                return
            if place not in self.workers:
                self.workers[place] = self._begin(self.devices[place])
            self._busy.add(place)
            self._give(self.workers[place], self._groups.pop(0))

    def _begin(self, device: str) -> WorkerProcess:
        settings = replace(self._settings, device=device)
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=serve_tasks, args=(theirs, settings), daemon=True, name=f"mlpctl on {device}")
        with _ctrl_c_ignored():
            process.start()
        theirs.close()  # so that its death closes the connection
        worker = WorkerProcess(settings, process, ours)
        worker.reader = threading.Thread(target=_listen, args=(worker, self._inbox), daemon=True)
        worker.reader.start()
        return worker

    def _give(self, worker: WorkerProcess, works: list[Work]) -> None:
        objects: dict[str, Any] = {}
        packed = []
        for work in works:
            name = self._names.of(work.data)
            if name not in worker.known:
                worker.known.append(name)
                objects[name] = work.data
            packed.append(self.pack(work, {"data": name}))
        needed = {work.shared["data"] for work in packed}
        forgotten = tuple(name for name in worker.known[:-KEPT_DATASETS] if name not in needed)
        worker.known = [name for name in worker.known if name not in forgotten]
        worker.works = {work.key: work for work in works}
        worker.send(WorkerTask(worker.settings, tuple(packed), objects, forgotten))

    def _received(self, worker: WorkerProcess, report: Report) -> Iterator[Event]:
        """Yield the event of a report unless it came already, before a process died."""
        event = report.event
        before = self._epochs.get(event.key, -1)
        is_known = event.epoch <= before
        if is_known and event.status is None:
            return
        self._epochs[event.key] = event.epoch
        if event.status is not None:
            worker.works.pop(event.key, None)
            self.keep(report)
        yield replace(event, scores={}, block=None) if is_known else event.after(before)

    def _died(self, place: int, worker: WorkerProcess) -> Iterator[Event]:
        """Give out again what a dead process had in training; yield the end of a trial that, alone, has killed two."""
        worker.process.join(TO_DIE)
        worker.process.kill()  # of one that lives on nothing can be read any more
        worker.process.join()
        worker.reader.join()
        worker.connection.close()
        del self.workers[place]
        self._busy.discard(place)
        left, how = list(worker.works.values()), _how(worker.process.exitcode)
        if not worker.ready:
            self._count_death(place, f"the process on {worker.settings.device} {how} before it had opened it")
        elif len(left) == 1 and left[0].key in self._suspects:
            key = left.pop().key
            error = f"the process on {worker.settings.device} that trained it alone {how}, twice"
            yield Event(key, self._epochs.get(key, 0), status="crashed", error=error)
        else:
            self._suspects.update(work.key for work in left)
        if not self._draining:
            half = (len(left) + 1) // 2 if worker.ready else len(left)
            self._groups[:0] = [part for part in (left[:half], left[half:]) if part]

    def _count_death(self, place: int, what: str) -> None:
        self._deaths[place] = self._deaths.get(place, 0) + 1
        if self._deaths[place] < DEATHS:
            return
        rest = [name for k, name in enumerate(self.devices) if self._deaths.get(k, 0) < DEATHS]
        if not rest:
            raise DeviceError(f"{what}, {DEATHS} times: what had finished is saved, `mlpctl doctor` says what is there")
        self.note(f"{what}, {DEATHS} times: training goes on on {', '.join(rest)}")


def _listen(worker: WorkerProcess, inbox: "queue.Queue[tuple[WorkerProcess, Message]]") -> None:
    """Pass on the messages of a process, and None at its end."""
    with suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            inbox.put((worker, worker.connection.recv()))
    inbox.put((worker, None))


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    """Let processes that are begun here ignore Ctrl-C from their first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
