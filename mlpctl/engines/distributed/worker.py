"""Train the trials of tasks in another process: `train_tasks` for every transport, `serve_tasks` behind a pipe."""

import os
import pickle
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from mlpctl.engines.base import Session, Work
from mlpctl.engines.distributed.messages import PackedWork, Report, WorkerFailure, WorkerSettings, WorkerTask
from mlpctl.engines.schedule import is_prefix
from mlpctl.engines.time_limit import Clock
from mlpctl.errors import MlpctlError

FLUSH_SECONDS = 0.05
"""Reports wait so long to travel together: one by one a message takes ten times what a report does."""


def train_tasks(task: WorkerTask, session: Session, object_of: Callable[[str], Any]) -> Iterator[Report]:
    """Train the trials of a task and yield a report for each event.

    Args:
        task: trials and settings.
        session: session of the ordinary engine, on the worker's device.
        object_of: name -> shared object of the task.
    """
    settings, works, clock = task.settings, dict[str, Work](), Clock()

    def unpacked() -> Iterator[Work]:
        for packed in task.works:
            work = _unpack(packed, object_of)
            if packed.state is not None:
                session.restore(work, packed.state)
            works[work.key] = work
            clock.start(work)
            yield work

    for event in clock.watch(session.advance(unpacked()), session.stop):
        if event.status is None:
            yield Report(event)
            continue
        work = works.pop(event.key)
        state = weights = None
        if event.status in ("ok", "interrupted"):
            if event.epoch < settings.below and is_prefix(work.spec):
                state = session.save(work.key)
            if settings.weights:
                weights = session.weights(work.key)
        session.drop(work.key)
        yield Report(event, state, weights)


def _unpack(packed: PackedWork, object_of: Callable[[str], Any]) -> Work:
    return Work(**packed.fields, **{name: object_of(shared) for name, shared in packed.shared.items()})


@dataclass(frozen=True)
class StopTrial:
    """Message to a process: end a trial after its epoch."""

    key: str


@dataclass(frozen=True)
class Drain:
    """Message to a process: begin no more trials."""


@dataclass(frozen=True)
class Ready:
    """Message from a process: its device is open."""


@dataclass(frozen=True)
class Done:
    """Message from a process: a task is done."""


def serve_tasks(connection: Connection, settings: WorkerSettings) -> None:
    """Train the tasks that come through a pipe until it is closed; Ctrl-C is the session's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = _Server(connection)
    threading.Thread(target=server.listen, daemon=True).start()
    threading.Thread(target=server.flush_now_and_then, daemon=True).start()
    try:
        server.session = settings.engine.open(settings.device, settings.jobs, settings.threads)
        server.send(Ready())
        while True:
            server.train(server.tasks.get())
    except MlpctlError as error:
        server.send(WorkerFailure(type(error)(f"{settings.device}: {error}")))
    except Exception:  # noqa: BLE001  whatever it is, the session raises it
        server.send(WorkerFailure(None, traceback.format_exc()))


@dataclass
class _Server:
    connection: Connection
    session: Session | None = None
    tasks: "queue.SimpleQueue[WorkerTask]" = field(default_factory=queue.SimpleQueue)
    objects: dict[str, Any] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    sending: threading.Lock = field(default_factory=threading.Lock)

    def listen(self) -> None:
        """Read messages; when the pipe is closed, end this process, whatever it is doing."""
        with suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                message: object = self.connection.recv()
                if isinstance(message, WorkerTask):
                    self.tasks.put(message)
                elif self.session is not None and isinstance(message, StopTrial):
                    self.session.stop(message.key)
                elif self.session is not None and isinstance(message, Drain):
                    self.session.drain()
        os._exit(0)

    def train(self, task: WorkerTask) -> None:
        """Train the trials of a task and send the reports."""
        assert self.session is not None
        for name in task.forgotten:
            del self.objects[name]
        self.objects |= task.objects
        for report in train_tasks(task, self.session, self.objects.__getitem__):
            with self.sending:
                self.reports.append(report)
        self.send(Done())

    def send(self, message: object) -> None:
        """Send the reports that wait, then a message."""
        with self.sending, suppress(OSError):  # a closed pipe is seen by `listen`
            if self.reports:
                self.connection.send(self.reports)
                self.reports = []
            if message is not None:
                self.connection.send(message)

    def flush_now_and_then(self) -> None:
        """Send the reports of an epoch while the next one is trained."""
        while True:
            time.sleep(FLUSH_SECONDS)
            self.send(None)
