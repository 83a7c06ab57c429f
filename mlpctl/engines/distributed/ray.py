"""Train trials on a Ray cluster: tasks of about a second go out, and their reports come back when a task is done.

A result is read once, whatever Ray did to get it: a task that died with its node and was begun again has left nothing
behind. So no event comes twice, and only this process writes the store.
"""

import copy
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

from mlpctl.engines.base import Engine, Event, Session, Work
from mlpctl.engines.distributed.assignment import balanced_parts, flops_of, take
from mlpctl.engines.distributed.cluster import Cluster
from mlpctl.engines.distributed.messages import (
    PackedWork,
    RemoteArrays,
    Report,
    WorkerFailure,
    WorkerSettings,
    WorkerTask,
    software,
)
from mlpctl.engines.distributed.worker import train_tasks
from mlpctl.engines.recent import Recent
from mlpctl.errors import DeviceError, MlpctlError
from mlpctl.store.weights import weights_at

if TYPE_CHECKING:
    from ray import ObjectRef

    Reply = list[Report] | WorkerFailure

KEPT_OBJECTS = 8
"""Shared objects that a session and a node's process keep."""

TASK_SECONDS = {"cpu": 1.0, "cuda": 20.0}
"""Seconds that a task should take: a hundred times what Ray adds; a process on a GPU begins anew with each."""

TASK_WORKS = 500
"""Trials in a task, at most: its reports are in memory at once."""

RETRIES = 3
"""Times that Ray begins a task again whose process or node has died."""

BESIDE = 2e-3
"""Seconds of a trial beside its epochs."""

LOOK_SECONDS = 1.0
"""Between looks at the cluster: nodes come and go."""

MODULE_MISSING = "No module named"
"""Part of the traceback that Ray reports where a node cannot unpack a task."""

NODE_OUT_OF_MEMORY = "the node ran out of memory"
DIED = f"the process that trained it died {RETRIES + 1} times, or its node"


def open_session(
    cluster: Cluster,
    engine: Engine,
    device: str,
    threads: int,
    *,
    weights: bool,
    below: float,
    note: Callable[[str], None],
) -> "RaySession":
    """Return a session whose trials train on the nodes, each on `threads` CPUs; for the rest see RaySession.

    Raises:
        DeviceError: if no node has what is asked for.
    """
    kind = device.partition(":")[0]  # on a node Ray shows a task its own GPU alone
    if kind not in TASK_SECONDS:
        raise DeviceError(f"--cluster trains on cpu and cuda, not on {device}")
    threads = 1 if engine.name == "kernel" else threads  # it has no use for more
    if not cluster.slots(threads, kind):
        needs = f"{threads} CPU{'s' * (threads > 1)}{' and a GPU' * (kind == 'cuda')}"
        has = "{nodes} nodes, {cpus} CPUs, {gpus} GPUs".format(**cluster.facts())
        raise DeviceError(f"no node of the cluster has {needs}, which a trial takes; all together: {has}")
    return RaySession(cluster, WorkerSettings(engine, kind, 1, threads, software(engine.name), weights, below), note)


@dataclass
class RaySession(RemoteArrays):
    """See `mlpctl.engines.base.Session`. `stop` has nothing to stop: events come when their trial is over.

    Attributes:
        cluster: connected cluster.
        settings: settings of every task, which takes as many CPUs as it has threads.
        note: function that is called with what the user should know.
    """

    cluster: Cluster
    settings: WorkerSettings
    note: Callable[[str], None]
    _flying: "dict[ObjectRef[Reply], list[Work]]" = field(default_factory=dict)
    _again: list[Work] = field(default_factory=list)
    _rate: float | None = None
    _draining: bool = False
    _looked: float | None = None
    _slots: int = 0

    def __post_init__(self) -> None:
        """Declare what a task needs."""
        gpus = 1 if self.settings.device == "cuda" else 0
        self._train = ray.remote(train_task).options(num_cpus=self.settings.threads, num_gpus=gpus, max_retries=RETRIES)
        self._objects: Recent[object, ObjectRef[Any]] = Recent(ray.put, KEPT_OBJECTS)

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Train the trials, as many at a time as the cluster has room for."""
        pending = iter(works)
        while True:
            self._look()
            self._send(pending)
            if not self._flying:
                return
            done, _ = ray.wait(list(self._flying), timeout=LOOK_SECONDS)
            for ref in done:
                yield from self._landed(ref, self._flying.pop(ref))

    def stop(self, key: str) -> None:
        """Do nothing: when an event comes its trial is over."""

    def drain(self) -> None:
        """Take no more trials."""
        self._draining = True

    def close(self) -> None:
        """Stop all trials."""
        for ref in self._flying:
            ray.cancel(ref, force=True)
        self._flying.clear()
        self._objects.clear()

    def _look(self) -> None:
        """Count the slots of the cluster, now and then, and report a change."""
        first, now = self._looked is None, monotonic()
        if self._looked is not None and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        before, self._slots = self._slots, self.cluster.slots(self.settings.threads, self.settings.device)
        if not first and self._slots != before:
            room = f"it has room for {self._slots} at a time" if self._slots else "training goes on when one joins"
            self.note(f"nodes {'left' if self._slots < before else 'joined'} the cluster: {room}")

    def _send(self, pending: Iterator[Work]) -> None:
        """Keep the cluster busy: a task for every slot, and a few that wait there."""
        while self._again:
            self._submit([self._again.pop()])
        room = self._slots + self._slots // 4 + 1 - len(self._flying)
        if self.cluster.jobs is not None:
            room = self.cluster.jobs - len(self._flying)
        if room > 0 and not self._draining:
            each = TASK_WORKS if self._rate else 1  # one, until some are measured
            taken = take(pending, room * TASK_SECONDS[self.settings.device], room * each, self._rate or 0.0, BESIDE)
            for share in balanced_parts(taken, room):
                self._submit(share)

    def _submit(self, works: list[Work]) -> None:
        objects: dict[str, ObjectRef[Any]] = {}
        packed = tuple(self._packed(work, objects) for work in works)
        self._flying[self._train.remote(WorkerTask(self.settings, packed, objects))] = works

    def _packed(self, work: Work, objects: "dict[str, ObjectRef[Any]]") -> PackedWork:
        shared = {"data": self._objects.of(work.data)}
        if work.spec.init_from is not None:
            shared["start"] = self._objects.of(weights_at(work.spec.init_from))
        objects |= {ref.hex(): ref for ref in shared.values()}
        return self.pack(work, {name: ref.hex() for name, ref in shared.items()})

    def _landed(self, ref: "ObjectRef[Reply]", works: Sequence[Work]) -> Iterator[Event]:
        try:
            reply = ray.get(ref)
        except RayTaskError as error:
            if MODULE_MISSING in str(error):
                raise DeviceError(
                    "a node lacks a module that this machine has: pip install 'mlpctl[cluster]' in the same "
                    "version on every node, before `ray start`"
                ) from error
            raise  # an error of ours in the node's code
        except RayError as error:
            if len(works) > 1:
                self._again += works  # alone they show which of them it was
                return
            if isinstance(error, OutOfMemoryError):
                yield Event(works[0].key, 0, status="out_of_memory", error=NODE_OUT_OF_MEMORY)
            else:
                yield Event(works[0].key, 0, status="crashed", error=DIED)
            return
        if isinstance(reply, WorkerFailure):
            assert reply.error is not None
            raise reply.error
        if seconds := sum(_seconds(report.event) for report in reply):
            rate = seconds / sum(map(flops_of, works))
            self._rate = ((self._rate or rate) + rate) / 2
        for report in reply:
            if report.event.status is not None:
                self.keep(report)
            yield report.event


def _seconds(event: Event) -> float:
    """Return a trial's share of the time of the epochs of an event."""
    return event.own_seconds or (event.group_seconds or 0.0) / (event.group_size or 1)


def train_task(task: WorkerTask) -> "Reply":
    """Return the reports of a task, on a node; or the reason why this node cannot train at all."""
    settings = task.settings
    try:
        if settings.software != (here := software(settings.engine.name)):
            raise DeviceError(f"has {here}, the driver {settings.software}: install the same on both")
        session = _session(settings.engine, settings.device, settings.threads)
        return list(train_tasks(task, session, partial(_object, task)))
    except MlpctlError as error:
        return WorkerFailure(type(error)(f"node {socket.gethostname()}: {error}"))


_objects: dict[str, Any] = {}


def _object(task: WorkerTask, name: str) -> Any:
    """Return a shared object as a copy of our own: Ray's is read-only, of which torch warns."""
    if name not in _objects:
        while len(_objects) >= KEPT_OBJECTS:
            del _objects[next(iter(_objects))]
        _objects[name] = copy.deepcopy(ray.get(task.objects[name]))
    return _objects[name]


@lru_cache(maxsize=4)
def _session(engine: Engine, device: str, threads: int) -> Session:
    """Return a session: a process lives for many tasks, and a session holds the arrays that they share."""
    return engine.open(device, 1, threads)
