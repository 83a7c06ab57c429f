"""How long some trials will take: measured on one trial of each shape, as many at a time as there will be."""

import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace

from mlpctl.engine.base import Session
from mlpctl.engine.choose import Choice, choose
from mlpctl.plan import runs_of
from mlpctl.run import RunOptions
from mlpctl.spec import SEED_FIELDS
from mlpctl.trial import Trial

FREE = {
    *SEED_FIELDS, "split_seed", "epochs", "lr", "momentum", "betas", "alpha", "eps", "weight_decay", "huber_delta",
    "init", "init_scale", "lr_schedule", "lr_step", "lr_gamma", "warmup_epochs",
}  # fmt: skip
"""Fields that do not change what an epoch costs; the others are a trial's shape."""

MEASURED = 8
"""Shapes that are measured, those with the most arithmetic; the others are taken to run at the same rate."""

EPOCHS, ROUNDS = 2, 3
"""Of each measurement; the first round warms up."""


LANES = 64
"""Trials that are measured side by side in the engine lanes; a share of more would be smaller still."""


@dataclass
class Shape:
    """Trials that cost the same.

    Attributes:
        example: one of them.
        choice: what trains them.
        trials: how many.
        epochs: of all of them.
    """

    example: Trial
    choice: Choice
    trials: int = 0
    epochs: int = 0

    @property
    def work(self) -> float:
        """Floating-point operations of all epochs, up to a factor."""
        work = self.example.work()
        return float(self.epochs * work.data.n_train * work.network.flops_per_example)


def estimate(trials: Iterable[Trial], options: RunOptions) -> tuple[float, float, float]:
    """Return (seconds, low, high) that some trials take, start and report apart: what rounds of measurements say.

    Raises:
        MlpctlError: for a device that is not there, missing data.
    """
    shapes = sorted(shapes_of(trials, options), key=lambda shape: -shape.work)
    if not shapes:
        return 0.0, 0.0, 0.0
    measured = shapes[:MEASURED]
    rounds = [0.0] * (ROUNDS - 1)
    for shape in measured:
        with closing(shape.choice.engine.open(shape.choice.device, options.jobs, options.threads)) as session:
            together = options.jobs if shape.choice.engine.name != "lanes" else min(shape.trials, LANES)
            for number in range(ROUNDS):
                begin, epoch = _seconds(session, shape, options, number, together)
                if number:
                    rounds[number - 1] += (shape.trials * begin + shape.epochs * epoch) / together
    total, some = sum(shape.work for shape in shapes), sum(shape.work for shape in measured)
    scale = total / some if some else 1.0
    return scale * sum(rounds) / len(rounds), scale * 0.9 * min(rounds), scale * 1.1 * max(rounds)


def shapes_of(trials: Iterable[Trial], options: RunOptions) -> list[Shape]:
    """Return the shapes among some trials; those that are one run count once."""
    shapes: dict[object, Shape] = {}
    for run in runs_of(trials, share=not options.save):
        spec = run.leader.spec
        name = (run.leader.dataset.digest, *(value for field, value in spec.flat().items() if field not in FREE))
        if name not in shapes:
            shapes[name] = Shape(run.leader, _choice(run.leader, options))
        shapes[name].trials += 1
        shapes[name].epochs += spec.epochs or 0
    return list(shapes.values())


def _choice(trial: Trial, options: RunOptions) -> Choice:
    work = trial.work()
    return choose(
        trial.spec, work.network, work.data, engine=options.engine, device=options.device, trials=options.expected,
        precision=options.precision,
    )  # fmt: skip


def _seconds(session: Session, shape: Shape, options: RunOptions, number: int, together: int) -> tuple[float, float]:
    """Return the seconds to begin a trial and of each epoch, with so many trials side by side."""
    epochs = min(EPOCHS, shape.example.spec.epochs or 0)
    work = shape.example.work(test_each=options.test_each, fit_each=options.fit_each)
    works = [replace(work, key=f"{number} {job}", epochs=epochs) for job in range(together)]
    started = time.perf_counter()
    events = list(session.advance(works))
    wall = time.perf_counter() - started
    for work in works:
        session.drop(work.key)
    spent = [event.seconds or event.group_seconds or 0.0 for event in events]
    epoch = sum(spent) / max(len(spent), 1)
    return max(wall - epochs * epoch, 0.0), epoch
