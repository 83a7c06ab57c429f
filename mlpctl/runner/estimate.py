"""Estimate what trials will cost: a few of each shape are trained in a folder of their own, as a sweep trains them."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np

from mlpctl.engines.base import Event
from mlpctl.engines.choose import Choice, choose
from mlpctl.engines.expected_time import Load, load_of
from mlpctl.errors import UsageError
from mlpctl.models.cost import memory_of
from mlpctl.runner.budget import Limits
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.experiment import Experiment
from mlpctl.runner.loop import run
from mlpctl.runner.run_groups import RunGroup
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.spec import SEED_FIELDS
from mlpctl.store.writer import Store
from mlpctl.system.devices import devices_of

FIELDS_OF_NO_COST = {
    *SEED_FIELDS, "split_seed", "epochs", "lr", "momentum", "betas", "alpha", "eps", "weight_decay", "huber_delta",
    "init", "init_scale", "lr_schedule", "lr_step", "lr_gamma", "warmup_epochs",
}  # fmt: skip
"""Fields that do not change what an epoch costs; the others are a trial's shape."""

SECONDS_TO_MEASURE = 5.0
"""Seconds after which no further shape is measured."""

LONG, ENOUGH = 0.05, 0.1
"""Seconds: an epoch that is timed by itself; a stretch of shorter ones that is long enough to be timed."""

LANES = 64
"""Trials that are measured side by side in the engine lanes; a share of more would be smaller still."""

ESTIMATE_ROUNDS = 2
"""Of each measurement, after one that warms up."""

SPREAD = 0.15
"""Relative spread between measurements a minute apart: the interval is widened by it on both sides."""


@dataclass
class CostShape:
    """Shape of trials: those of one shape cost the same.

    Attributes:
        example: a trial of the shape.
        trials: number of trials.
        epochs: of all of them.
    """

    example: Trial
    trials: int = 0
    epochs: int = 0

    @property
    def work(self) -> float:
        """Floating-point operations of all epochs, up to a factor."""
        work = self.example.work()
        return float(self.epochs * work.data.n_train * work.network.flops_per_example)


@dataclass(frozen=True)
class Rate:
    """Wall seconds that a trial adds to a run: for itself (start, first weights, test score, rows) and per epoch."""

    trial: float
    epoch: float

    def seconds(self, trials: float, epochs: float) -> float:
        """Return the seconds of so many."""
        return trials * self.trial + epochs * self.epoch


@dataclass(frozen=True)
class Rates:
    """Rates of trials, by shape.

    Attributes:
        rounds: name of a shape -> what each round says.
        scale: name of a shape that was not measured -> (the name of one that was, times so much).
        start: seconds until an engine trains: its imports, its compiled code, its copies of the data.
        report: seconds that the report at the end takes.
    """

    rounds: dict[object, list[Rate]] = field(default_factory=dict)
    scale: dict[object, tuple[object, float]] = field(default_factory=dict)
    start: float = 0.0
    report: float = 0.0

    def seconds(self, name: object, trials: float, epochs: float) -> list[float]:
        """Return what each round says that some trials of a shape take."""
        source, factor = self.scale.get(name, (name, 1.0))
        return [rate.seconds(trials, epochs * factor) for rate in self.rounds[source]]


class _Times(Callback):
    """Callback that keeps the seconds of each epoch; those of a trial's last apart, which has its test score in it."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self.epochs: list[float] = []
        self.last: list[float] = []

    def on_epoch(self, trial: Trial, event: Event) -> None:  # noqa: ARG002
        """Keep the seconds of an epoch."""
        (self.last if event.status else self.epochs).append(event.seconds or event.group_seconds or 0.0)


def shape_of(trial: Trial) -> tuple[object, ...]:
    """Return the fields that a trial's cost per epoch depends on."""
    return trial.dataset.digest, *(value for name, value in trial.spec.flat().items() if name not in FIELDS_OF_NO_COST)


def shapes_of(runs: Iterable[tuple[RunGroup, int]]) -> dict[object, CostShape]:
    """Return the shapes among some runs with the epochs that each trains, by name."""
    shapes: dict[object, CostShape] = {}
    for one, epochs in runs:
        shape = shapes.setdefault(shape_of(one.leader), CostShape(one.leader))
        shape.trials += 1
        shape.epochs += epochs
    return shapes


def measure(
    shapes: dict[object, CostShape],
    experiment: Experiment,
    options: RunOptions,
    report: Callable[[Path], object] = lambda _: None,
    seconds: float = SECONDS_TO_MEASURE,
) -> Rates:
    """Return the rates of some shapes and of the report; nothing stays behind.

    Args:
        shapes: by name.
        experiment: experiment that they are of.
        options: of the run.
        report: writes the report on a results folder.
        seconds: after which no further shape is measured, the dearest first; the others run at the same rate.

    Raises:
        MlpctlError: for a device that is not there, missing data.
    """
    rates, start = Rates(), 0.0
    options = replace(options, limits=Limits(), save=False, force=False, timeout=float("inf"), shard=None)
    load = _load(list(shapes.values()))
    begun, started = time.perf_counter(), set()
    with TemporaryDirectory() as place, Store(Path(place) / "measured") as store:
        store.describe(experiment.as_toml(), {})
        for name, shape in sorted(shapes.items(), key=lambda item: -item[1].work):
            if not rates.rounds or time.perf_counter() - begun < seconds:
                choice = _chosen(shape, options, load)
                one, devices = _on_one_device(choice, options)
                together = min(shape.trials, LANES) if choice.engine.name == "lanes" else options.jobs
                cold, rounds = _measured(shape.example, store, one, together)
                if choice.missing and choice.engine.name == "kernel":
                    cold = 0.0  # it is done now, and the sweep finds it done
                rates.rounds[name] = [Rate(rate.trial / devices, rate.epoch / devices) for rate in rounds]
                begun_with = shape.example.spec.dataset, shape.example.spec.impl
                start += 0.0 if begun_with in started else cold  # differences of noise would add up
                started.add(begun_with)
            else:
                nearest = min(rates.rounds, key=lambda other: abs(_flops(shapes[other]) - _flops(shape)))
                rates.scale[name] = nearest, _flops(shape) / _flops(shapes[nearest])
        return replace(rates, start=start, report=_seconds_of(report, store.folder))


def _flops(shape: CostShape) -> float:
    return shape.work / max(shape.epochs, 1)


def _load(shapes: Sequence[CostShape]) -> Load:
    """Return what all trials of some shapes take on one core."""
    each = [(shape, load_of([shape.example.work()], 1)) for shape in shapes]
    share = [(shape.epochs / (shape.example.spec.epochs or 1), one) for shape, one in each]
    return Load(sum(n * one.reference for n, one in share), sum(n * one.kernel for n, one in share))


def _chosen(shape: CostShape, options: RunOptions, load: Load) -> Choice:
    return choose(
        shape.example.work(), engine=options.engine, device=options.device, load=lambda: load,
        precision=options.precision,
    )  # fmt: skip


def _on_one_device(choice: Choice, options: RunOptions) -> tuple[RunOptions, int]:
    """Return the options with the engine and one of the devices that are chosen, and how many devices those are."""
    options = replace(options, engine=choice.engine.name, device=choice.device)
    if options.cluster is not None:
        return options, 1
    devices = devices_of(choice.device, options.expected)
    return (options, 1) if len(devices) == 1 else (replace(options, device=devices[0]), len(devices))


def _measured(trial: Trial, store: Store, options: RunOptions, jobs: int) -> tuple[float, list[Rate]]:
    """Return (seconds to start with trials of a shape, what each round says of them), `jobs` at a time."""
    short = min(1, trial.spec.epochs or 0)
    cold, _ = _timed(trial, store, options, jobs, short)
    warm, _ = _timed(trial, store, options, jobs, short)
    return max(cold - warm, 0.0), list(_rounds(trial, store, options, jobs, warm))


def _rounds(trial: Trial, store: Store, options: RunOptions, jobs: int, wall: float) -> Iterator[Rate]:
    """Yield what each round says of trials of a shape, of which a wave of one epoch takes `wall` seconds."""
    most = trial.spec.epochs or 0
    short = min(1, most)
    if most > 1 and wall >= LONG:
        for _ in range(ESTIMATE_ROUNDS):
            wall, times = _timed(trial, store, options, jobs, 2)
            epoch = fmean(times.epochs)
            yield Rate(max(wall - 2 * epoch, 0.0) / jobs, epoch / jobs)
        return
    count = jobs * max(1, min(50, round(ENOUGH / wall)))
    for _ in range(ESTIMATE_ROUNDS):
        little, times = _timed(trial, store, options, count, short)
        if most <= 1:
            epoch = fmean(times.last) / jobs
            yield Rate(max(little / count - epoch, 0.0), epoch)
            continue
        long = max(2, min(most, round(ENOUGH / max(little, 1e-9)) + 1))
        much, _ = _timed(trial, store, options, count, long)
        epoch = max(much - little, 0.0) / (long - short) / count
        yield Rate(max(little / count - short * epoch, 0.0), epoch)


def _timed(trial: Trial, store: Store, options: RunOptions, count: int, epochs: int) -> tuple[float, _Times]:
    """Return (wall seconds, the times of its epochs) of trials that differ in their seeds."""
    first = 1_000_000 + len(store.known)  # seeds that nothing in the store has
    specs = [trial.spec.model_copy(update={"seed": first + number, "epochs": epochs}) for number in range(count)]
    times = _Times()
    started = time.perf_counter()
    run([specs], store, options, times, Stop())
    return time.perf_counter() - started, times


def _seconds_of(report: Callable[[Path], object], folder: Path) -> float:
    started = time.perf_counter()
    with suppress(UsageError):  # nothing that was measured has a score: then there is not much to report either
        report(folder)
    return time.perf_counter() - started


def memory_in_use() -> int:
    """Return the most memory that this process has had, in bytes."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def trial_memory(shape: CostShape) -> int:
    """Return the memory of one trial of a shape, in bytes."""
    work = shape.example.work()
    return sum(memory_of(work.network, work.spec).values())


def data_memory(shapes: Sequence[CostShape]) -> int:
    """Return the memory of the data of some shapes, in bytes; shared data count once."""
    seen = {}
    for shape in shapes:
        data = shape.example.work().data
        X = data.X
        parts = [X] if isinstance(X, np.ndarray) else [X.data, X.indices, X.indptr]
        seen[id(data)] = sum(int(part.nbytes) for part in (*parts, data.y))
    return sum(seen.values())
