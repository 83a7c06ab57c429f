"""Define the messages between a session and the processes that train for it: tasks there, reports back.

A trial travels as the session has it: resolved spec, network and prepared data, not the name of a dataset. So no
process needs a file, and none can split, scale or count words in another way. The same messages go through pipes
(`processes`) and through Ray (`ray`).
"""

from dataclasses import dataclass, field, fields
from importlib.metadata import version
from typing import Any

from mlpctl import __version__
from mlpctl.engines.base import Engine, Event, Work
from mlpctl.engines.kernel.cache import kernel_folder
from mlpctl.errors import MlpctlError
from mlpctl.models.learner import State
from mlpctl.store.key import NUMERICS

SHARED_ARRAYS = ("data", "start")
"""Fields of a work that many trials share: they travel once, as objects with a name."""


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of a worker, the same for all its tasks.

    Attributes:
        engine: engine that trains; small, and with settings of its own.
        device: device of the worker.
        jobs: trials in training at a time, where the engine asks.
        threads: threads of torch.
        software: versions of the session's process; a worker with others must not train.
        weights: send the weights of every trial that ends well.
        below: send the state of a trial that ends well after fewer epochs and can be continued.
    """

    engine: Engine
    device: str
    jobs: int
    threads: int
    software: str
    weights: bool
    below: float


@dataclass(frozen=True)
class PackedWork:
    """A work in a task.

    Attributes:
        fields: fields of the work but for its shared arrays.
        shared: name of each shared array's field -> name of the object.
        state: state that the trial goes on from; None from its start.
    """

    fields: dict[str, Any]
    shared: dict[str, str]
    state: State | None = None


@dataclass(frozen=True)
class WorkerTask:
    """Trials for one worker.

    Attributes:
        settings: settings of the worker.
        works: trials to train, one after the other, or together where the engine trains so.
        objects: name -> shared object, or a reference to it.
        forgotten: names of objects that no later task has.
    """

    settings: WorkerSettings
    works: tuple[PackedWork, ...]
    objects: dict[str, Any]
    forgotten: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """An event of a trial.

    Attributes:
        event: event as the engine yields it.
        state: with a trial's last event, the state that continues it, where the settings ask for it.
        weights: with a trial's last event, its weights, where the settings ask for them.
    """

    event: Event
    state: State | None = None
    weights: State | None = None


@dataclass(frozen=True)
class WorkerFailure:
    """Reason why a worker cannot train at all.

    Attributes:
        error: error for the user; None for a bug of ours.
        traceback: traceback of a bug.
    """

    error: MlpctlError | None
    traceback: str = ""


@dataclass
class RemoteArrays:
    """The methods of a session that are about arrays, for trials that train in other processes.

    Attributes:
        given: key -> state that a trial goes on from; it travels with its work.
        states: key -> state of a trial that has ended.
        trained: key -> weights of a trial that has ended.
    """

    given: dict[str, State] = field(default_factory=dict, kw_only=True)
    states: dict[str, State] = field(default_factory=dict, kw_only=True)
    trained: dict[str, State] = field(default_factory=dict, kw_only=True)

    def save(self, key: str) -> State:
        """Return the state that continues a trial."""
        return self.states[key]

    def restore(self, work: Work, state: State) -> None:
        """Take in a saved trial."""
        self.given[work.key] = state

    def weights(self, key: str) -> State:
        """Return the parameters and running statistics of a trial."""
        return self.trained[key]

    def drop(self, key: str) -> None:
        """Forget a trial."""
        for arrays in (self.given, self.states, self.trained):
            arrays.pop(key, None)

    def keep(self, report: Report) -> None:
        """Keep the arrays of a trial's last report in place of earlier ones."""
        for kept, arrays in ((self.states, report.state), (self.trained, report.weights)):
            kept.pop(report.event.key, None)
            if arrays is not None:
                kept[report.event.key] = arrays

    def pack(self, work: Work, shared: dict[str, str]) -> PackedWork:
        """Return a work with the state that it goes on from, if any."""
        own = {each.name: getattr(work, each.name) for each in fields(work) if each.name not in SHARED_ARRAYS}
        return PackedWork(own, shared, self.given.get(work.key, self.states.get(work.key)))


def software(engine: str) -> str:
    """Return what must be the same everywhere for the same bits: versions; for the kernel its source too."""
    ours = f"mlpctl {__version__}, numerics {NUMERICS}"
    if engine == "kernel":
        return f"{ours}, kernel {kernel_folder().name}"
    return ", ".join([ours, *(f"{name} {version(name).partition('+')[0]}" for name in ("numpy", "torch"))])
