"""Define the networks that benchmarks train, and open trainers that time their steps by every implementation.

Timed are whole epochs, as the engines themselves time them; the first of every run is left out, with initial weights,
layouts and recordings in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.data.base import Dataset, digest_of
from mlpctl.errors import CheckFailed, DataError
from mlpctl.registry import import_registered, names

if TYPE_CHECKING:
    from mlpctl.engines.base import Session, Work

INPUTS, CLASSES = 784, 10  # as Fashion-MNIST has them
EPOCH_FLOPS = 6e7  # FLOPs of an epoch that is timed, about …
FEWEST_STEPS, MOST_STEPS = 2, 64  # … within these steps

IRIS_BN: dict[str, Any] = {"dataset": "iris", "scaling": "none", "widths": (128, 64, 32, 16), "batch_norm": (1, 2, 3),
                           "batch_size": 4, "val_fraction": 0.0}  # fmt: skip
FASHION: dict[str, Any] = {"dataset": "fashion-mnist", "hidden_units": 256, "batch_size": 256, "val_fraction": 0.0}
KERAS: dict[str, Any] = {"dataset": "fashion-mnist", "hidden_units": 128, "batch_size": 32, "optimizer": "adam",
                         "val_fraction": 0.0}  # fmt: skip

TENTH = {"data": {"examples": 6000}}  # a step costs the same on a tenth of Fashion-MNIST, and an epoch less time

OWN_WORKLOADS: dict[str, dict[str, Any]] = {
    "iris": {"dataset": "iris", "hidden_units": 16, "val_fraction": 0.0},
    "iris, batch norm": IRIS_BN,
    "Fashion-MNIST 784-256-10": {**FASHION, **TENTH, "lr": 0.1},
    "Keras 784-128-10, Adam": {**KERAS, **TENTH},
    "langid, bag of words": {"dataset": "langid", "val_fraction": 0.0},
}
"""The project's own workloads: name -> fields of the spec."""

ENGINES = ("kernel", "lanes")
"""Trainers that are engines of their own; the others are implementations of the reference engine."""

TRAINERS = (*names("impl"), *ENGINES)

DEFAULT_LANES = 4  # trials that the lanes engine trains at a time, unless told otherwise; the time of one is its share
LEAST_SECONDS, MOST_EPOCHS = 4e-3, 16  # a run takes about so long at least, or so many epochs
SAME_LOSS = 1e-3  # relative difference of losses in float32 up to which two trainers train the same trial


def random_network(width: int, depth: int, batch: int, *, inputs: int = INPUTS, classes: int = CLASSES) -> "Work":
    """Return a trial of `depth` hidden layers of `width` units on random pictures, as many as an epoch needs.

    Raises:
        UsageError: if there is no such network.
    """
    from mlpctl.data.prepare import prepare
    from mlpctl.engines.base import Work
    from mlpctl.models import build_network, resolve
    from mlpctl.spec import make_spec

    weights = inputs * width + (depth - 1) * width * width + width * classes
    n = batch * int(np.clip(EPOCH_FLOPS / (6 * weights * batch), FEWEST_STEPS, MOST_STEPS))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, inputs), dtype=np.float32)
    y = rng.integers(classes, size=n).astype(np.int32)
    digest, labels = digest_of(f"bench {n} {inputs} {classes}"), tuple(map(str, range(classes)))
    dataset = Dataset("noise", X, y, "classification", digest, "made up", classes=labels)
    fields = {"dataset": "noise", "widths": (width,) * depth, "batch_size": batch, "epochs": 2, "lr": 0.05}
    parts = {"val_fraction": 0.0, "test_fraction": 0.0, "scaling": "none"}
    spec = resolve(make_spec({**fields, **parts}), dataset)
    data = prepare(dataset, spec)
    return Work(f"{width}-{depth}-{batch}", spec, build_network(spec, data), data, 2)


def own_workloads() -> "tuple[dict[str, Work], list[str]]":
    """Return name -> one of the project's workloads, and a sentence per workload whose data are not here."""
    from mlpctl.runner.trial import trial_of
    from mlpctl.spec import make_spec

    trials, missing = {}, []
    for name, fields in OWN_WORKLOADS.items():
        try:
            trials[name] = trial_of(make_spec(fields)).work()
        except DataError as error:
            missing.append(f"{name} is left out: {error}")
    return trials, missing


@dataclass
class Trainer:
    """Trains one trial, or several alike at once, from the start again and again."""

    name: str  # of TRAINERS
    session: "Session"  # open, for this trainer alone
    trials: list["Work"]  # trained at the same time; they differ in their keys alone
    steps: int  # of an epoch
    epochs: int = 2  # of a run; the first does not count
    losses: list[float] = field(default_factory=list)  # training loss of each epoch of the last run

    def run(self) -> float:
        """Train from the start; return the seconds per step and trial.

        Raises:
            CheckFailed: if a trial failed.
        """
        trials = [replace(trial, epochs=self.epochs) for trial in self.trials]
        seconds, losses = list[float](), list[float]()
        events = (epoch for event in self.session.advance(trials) for epoch in event.each())
        for event in events:
            if event.status not in (None, "ok"):
                raise CheckFailed(f"{self.name} could not train what is timed: {event.status}, {event.error}")
            if event.key == trials[0].key:
                own = event.seconds if event.group_seconds is None else event.group_seconds
                seconds.append(own or 0.0)
                losses.append(event.scores["train_loss"])
        for trial in trials:
            self.session.drop(trial.key)
        self.losses = losses
        return sum(seconds[1:]) / (len(seconds) - 1) / self.steps / len(trials)

    def fit_epochs(self) -> None:
        """Set how many epochs a run has, so that it takes long enough to be timed."""
        self.run()
        epoch = max(self.run() * self.steps * len(self.trials), 1e-7)
        self.epochs = int(np.clip(np.ceil(LEAST_SECONDS / epoch) + 1, 2, MOST_EPOCHS))


@contextmanager
def open_trainers(
    trials: "Mapping[Any, Work]", which: Sequence[str], *, device: str, lanes: int = DEFAULT_LANES
) -> Iterator[dict[Any, dict[str, Trainer]]]:
    """Yield key -> name -> trainer, warm and on one thread; close their sessions behind.

    Args:
        trials: what is trained.
        which: names of trainers; one that cannot train a trial, or not on the device, is left out.
        device: cpu, cuda or cuda:N.
        lanes: trials that the lanes engine trains at a time.
    """
    from mlpctl.data.minibatches import steps_per_epoch

    with ExitStack() as stack:
        opened: dict[Any, dict[str, Trainer]] = {}
        for key, trial in trials.items():
            opened[key] = {}
            for name in which:
                if why_not(name, trial, device) is not None:
                    continue
                engine, spec = _engine_of(name, trial)
                alike = [replace(trial, key=f"{trial.key}-{name}-{k}", spec=spec)
                         for k in range(lanes if name == "lanes" else 1)]  # fmt: skip
                steps = steps_per_epoch(spec, trial.data.n_train)
                trainer = opened[key][name] = Trainer(name, engine.open(device, 1, 1), alike, steps)
                stack.callback(trainer.session.close)
                trainer.fit_epochs()
        yield opened


def why_not(name: str, trial: "Work", device: str) -> str | None:
    """Return why a trainer cannot train a trial on a device; None if it can."""
    if name in ("kernel", "numpy") and device != "cpu":
        return f"{name} trains on the CPU alone"
    engine, spec = _engine_of(name, trial)
    reason: str | None = engine.why_not(spec, trial.data)
    return reason


def _engine_of(name: str, trial: "Work") -> tuple[Any, Any]:
    if name in ENGINES:
        return import_registered("engine", name), trial.spec
    return import_registered("engine", "reference"), trial.spec.model_copy(update={"impl": name})


def loss_difference(trainers: Mapping[str, Trainer]) -> float:
    """Return the largest relative difference of the trainers' losses, over the epochs that all of them trained.

    Raises:
        CheckFailed: if they do not train the same trial.
    """
    epochs = min(len(trainer.losses) for trainer in trainers.values())
    losses = {name: np.array(trainer.losses[:epochs]) for name, trainer in trainers.items()}
    middle = np.median(list(losses.values()), axis=0)
    apart = {name: float(np.max(np.abs(own - middle) / np.abs(middle))) for name, own in losses.items()}
    name = max(apart, key=lambda one: apart[one])
    if not apart[name] <= SAME_LOSS:  # NaN too
        raise CheckFailed(
            f"all must train the same trial, and the losses of {name} differ by {apart[name]:.2g} from the others'"
        )
    return apart[name]
