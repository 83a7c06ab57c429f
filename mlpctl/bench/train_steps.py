"""Training steps as works of a benchmark: one trial, by any engine and implementation, from its start again and again.

Timed are the epochs as the engines themselves time them, so what a session does around them does not count. The first
epoch of every run is left out: it has initial weights, layouts and recordings in it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.errors import CheckFailed
from mlpctl.registry import names, resolve

if TYPE_CHECKING:
    from mlpctl.bench.timing import Once
    from mlpctl.engines.base import Session, Work

ENGINES = ("kernel", "lanes")
"""Trainers that are engines of their own; the others are implementations of the reference engine."""

TRAINERS = (*names("impl"), *ENGINES)

LANES = 4
"""Trials that the lanes engine trains at a time, unless told otherwise; a trial's share counts."""

LEAST_SECONDS, MOST_EPOCHS = 4e-3, 16
"""A run takes about so long at least, or so many epochs."""

CLOSE = 1e-3
"""Relative difference of losses in float32, after some epochs, from which two trainers do not train the same."""


@dataclass
class Trainer:
    """What trains one trial, or several alike at once.

    Attributes:
        name: of TRAINERS.
        session: open, for this trainer alone.
        works: trials that are trained at the same time; they differ in their keys alone.
        steps: optimizer steps of an epoch.
        epochs: of a run; the first does not count.
        losses: training loss of each epoch of the last run.
    """

    name: str
    session: "Session"
    works: list["Work"]
    steps: int
    epochs: int = 2
    losses: list[float] = field(default_factory=list)

    def once(self) -> float:
        """Train from the start; return the seconds per step and trial.

        Raises:
            CheckFailed: if a trial failed.
        """
        works = [replace(work, epochs=self.epochs) for work in self.works]
        seconds, losses = list[float](), list[float]()
        for event in self.session.advance(works):
            if event.status not in (None, "ok"):
                raise CheckFailed(f"{self.name} could not train what is timed: {event.status}, {event.error}")
            if event.key == works[0].key:
                own = event.seconds if event.group_seconds is None else event.group_seconds
                seconds.append(own or 0.0)
                losses.append(event.scores["train_loss"])
        for work in works:
            self.session.drop(work.key)
        self.losses = losses
        return sum(seconds[1:]) / (len(seconds) - 1) / self.steps / len(works)

    def fit_epochs(self) -> None:
        """Set how many epochs a run has, so that it takes long enough to be timed."""
        self.once()
        epoch = max(self.once() * self.steps * len(self.works), 1e-7)
        self.epochs = int(np.clip(np.ceil(LEAST_SECONDS / epoch) + 1, 2, MOST_EPOCHS))


@contextmanager
def trainers(
    works: Mapping[Any, "Work"], which: Mapping[Any, Sequence[str]], *, device: str, threads: int, lanes: int = LANES,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[dict[Any, dict[str, Trainer]]]:  # fmt: skip
    """Yield key -> trainer name -> trainer of that work, warm; the sessions are closed behind.

    Args:
        works: what is trained.
        which: key -> names of trainers; one that cannot train the work, or not on the device, is left out.
        device: cpu, cuda or cuda:N.
        threads: of torch and NumPy; the kernel has one.
        lanes: trials that the lanes engine trains at a time.
        note: told the name of each work before it is set up.
    """
    with ExitStack() as stack:
        opened: dict[Any, dict[str, Trainer]] = {}
        for key, work in works.items():
            note(str(key))
            opened[key] = {}
            for name in which[key]:
                trainer = _trainer(name, work, device, threads, lanes)
                if trainer is not None:
                    stack.callback(trainer.session.close)
                    trainer.fit_epochs()
                    opened[key][name] = trainer
        yield opened


def why_not(name: str, work: "Work", device: str) -> str | None:
    """Return why a trainer cannot train a work on a device; None if it can."""
    if name in ("kernel", "numpy") and device != "cpu":
        return f"{name} trains on the CPU alone"
    engine, spec = _engine_of(name, work)
    reason: str | None = engine.why_not(spec, work.data)
    return reason


def _engine_of(name: str, work: "Work") -> tuple[Any, Any]:
    if name in ENGINES:
        return resolve("engine", name), work.spec
    return resolve("engine", "reference"), work.spec.model_copy(update={"impl": name})


def _trainer(name: str, work: "Work", device: str, threads: int, lanes: int) -> Trainer | None:
    from mlpctl.data.minibatches import steps_per_epoch

    if why_not(name, work, device) is not None:
        return None
    engine, spec = _engine_of(name, work)
    count = lanes if name == "lanes" else 1
    alike = [replace(work, key=f"{work.key}-{name}-{k}", spec=spec) for k in range(count)]
    return Trainer(name, engine.open(device, 1, threads), alike, steps_per_epoch(spec, work.data.n_train))


def works_of(trainers: Mapping[str, Trainer]) -> "dict[Any, Once]":
    """Return trainer name -> what gives the seconds of a step."""
    return {name: trainer.once for name, trainer in trainers.items()}


def difference(trainers: Mapping[str, Trainer]) -> float:
    """Return the largest relative difference of the trainers' losses, over the epochs that all of them trained.

    Raises:
        CheckFailed: if they do not train the same trial.
    """
    epochs = min(len(trainer.losses) for trainer in trainers.values())
    losses = {name: np.array(trainer.losses[:epochs]) for name, trainer in trainers.items()}
    middle = np.median(list(losses.values()), axis=0)
    apart = {name: float(np.max(np.abs(own - middle) / np.abs(middle))) for name, own in losses.items()}
    name = max(apart, key=lambda one: apart[one])
    if not apart[name] <= CLOSE:  # NaN too
        raise CheckFailed(
            f"all must train the same trial, and the losses of {name} differ by {apart[name]:.2g} from the others'"
        )
    return apart[name]
