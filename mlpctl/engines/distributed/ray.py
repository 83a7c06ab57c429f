"""Trials on a cluster: works go out as tasks of about a second, and their events come back when a task is done.

A result is read once, whatever Ray did to get it: a task that died with its node and was begun again has left nothing
behind. So no event comes twice, and the driver, which alone writes the store, need not know.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

from mlpctl.engines.base import Engine, Event, Work
from mlpctl.engines.distributed.arrays import Travelling
from mlpctl.engines.distributed.messages import Order, Parcel, Reply, fields_of, flops_of, shares, software, take
from mlpctl.engines.distributed.ray_worker import KEPT, train
from mlpctl.errors import DeviceError
from mlpctl.store.weights import weights_at

if TYPE_CHECKING:
    from ray import ObjectRef

    from mlpctl.engines.distributed.ray_connect import Cluster

TASK_SECONDS = {"cpu": 1.0, "cuda": 20.0}
"""How long a task is meant to last: a hundred times what Ray takes for it; a process on a GPU begins anew with each."""

TASK_WORKS = 500
"""Works in a task, at most: what a task sends back is in memory at once."""

RETRIES = 3
"""How often Ray begins a task again whose process or node has died."""

BESIDE = 2e-3
"""Seconds of a trial beside its epochs."""

LOOK_SECONDS = 1.0
"""Between looks at the cluster: nodes come and go."""

MISSING = "No module named"
"""What Ray reports, inside a traceback, where a node could not unpack a task."""

OUT_OF_MEMORY = "the node ran out of memory"
DIED = f"the process that trained it died {RETRIES + 1} times, or its node"


@dataclass
class ClusterSession(Travelling):
    """See `mlpctl.engines.base.Session`. `stop` has nothing to stop: events come when their trial is over.

    Attributes:
        cluster: connected.
        engine: what the nodes train with; it travels.
        device: cpu or cuda.
        threads: of torch, in the engine reference; a task takes as many CPUs.
        weights_back: whether `weights` will be called for trials that end well.
        below: `save` will be called for trials that end well with fewer epochs, and can be continued.
        note: called with what the user should know.
    """

    cluster: "Cluster"
    engine: Engine
    device: str
    threads: int
    weights_back: bool
    below: int
    note: Callable[[str], None]
    _flying: "dict[ObjectRef[Reply], list[Work]]" = field(default_factory=dict)
    _again: list[Work] = field(default_factory=list)
    _objects: "dict[int, tuple[object, ObjectRef[Any]]]" = field(default_factory=dict)
    _rate: float | None = None
    _draining: bool = False
    _looked: float | None = None
    _slots: int = 0

    def __post_init__(self) -> None:
        """Declare what a task needs."""
        gpus = 1 if self.device == "cuda" else 0
        self._train = ray.remote(train).options(num_cpus=self.threads, num_gpus=gpus, max_retries=RETRIES)
        self._software = software(self.engine.name)

    def advance(self, works: Iterable[Work]) -> Iterator[Event]:
        """Train the works, as many at a time as the cluster has room for."""
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
        """Take no more works."""
        self._draining = True

    def close(self) -> None:
        """Stop all trials."""
        for ref in self._flying:
            ray.cancel(ref, force=True)
        self._flying.clear()
        self._objects.clear()

    def _look(self) -> None:
        """See how much room there is, now and then, and say so where it changed."""
        first, now = self._looked is None, monotonic()
        if self._looked is not None and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        before, self._slots = self._slots, self.cluster.slots(self.threads, self.device)
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
            taken = take(pending, room * TASK_SECONDS[self.device], room * each, self._rate or 0.0, BESIDE)
            for share in shares(taken, room):
                self._submit(share)

    def _submit(self, works: list[Work]) -> None:
        objects: dict[str, ObjectRef[Any]] = {}
        parcels = tuple(self._parcel(work, objects) for work in works)
        order = Order(
            self._software, self.engine, self.device, self.threads, parcels, objects, self.weights_back, self.below
        )
        self._flying[self._train.remote(order)] = works

    def _parcel(self, work: Work, objects: "dict[str, ObjectRef[Any]]") -> Parcel:
        data, start = self._put(work.data), None
        objects[data.hex()] = data
        if work.spec.init_from is not None:
            start = self._put(weights_at(work.spec.init_from))
            objects[start.hex()] = start
        return Parcel(fields_of(work), data.hex(), start.hex() if start else "", self.given.get(work.key))

    def _put(self, thing: object) -> "ObjectRef[Any]":
        """Return the place of an object in the cluster; the same for the same object while it is recent."""
        if id(thing) not in self._objects:
            while len(self._objects) >= KEPT:
                del self._objects[next(iter(self._objects))]
            self._objects[id(thing)] = (thing, ray.put(thing))
        return self._objects[id(thing)][1]

    def _landed(self, ref: "ObjectRef[Reply]", works: Sequence[Work]) -> Iterator[Event]:
        try:
            reply = ray.get(ref)
        except RayTaskError as error:
            if MISSING in str(error):
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
                yield Event(works[0].key, 0, status="out_of_memory", error=OUT_OF_MEMORY)
            else:
                yield Event(works[0].key, 0, status="crashed", error=DIED)
            return
        if reply.problem is not None:
            raise reply.problem
        self.states |= reply.states
        self.trained |= reply.weights
        seconds = sum(event.seconds or 0.0 for event in reply.events) or reply.seconds  # without compiling, if known
        rate = seconds / sum(map(flops_of, works))
        self._rate = ((self._rate or rate) + rate) / 2
        yield from chain(reply.events)
