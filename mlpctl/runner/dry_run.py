"""Plan a sweep without training it: its trials, what fits into its limits, its time and memory.

Nothing is written. A search that learns is played through with made-up scores where there are none yet: how many trials
and epochs come of it is then exact or nearly so, which configurations get them is a guess.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

from mlpctl.engines.schedule import is_prefix
from mlpctl.rng import uniforms
from mlpctl.runner.ask_tell import Outcomes, batches
from mlpctl.runner.budget import Budget, Limits
from mlpctl.runner.estimate import (  # fmt: skip
    SPREAD,
    CostShape,
    data_memory,
    measure,
    memory_in_use,
    shape_of,
    shapes_of,
    trial_memory,
)
from mlpctl.runner.experiment import Experiment
from mlpctl.runner.loop import to_train
from mlpctl.runner.pending import identify
from mlpctl.runner.programs import with_program
from mlpctl.runner.run_groups import RunGroup, key_without_epochs
from mlpctl.runner.search_progress import rungs_without
from mlpctl.runner.sweep import check_some, options_for, trial_count
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import Counts, Rung, RunOptions
from mlpctl.search.random import Random
from mlpctl.spec import Spec
from mlpctl.store import reader
from mlpctl.store.experiment_keys import own_keys
from mlpctl.store.folder_files import read_experiment
from mlpctl.store.schema import EXPERIMENT_FILE, Row
from mlpctl.store.writer import Store

LISTED = 2_000
"""Trials of an experiment up to which each is looked at and listed; more are counted, and priced by a sample."""

SAMPLED = 200
"""Configurations drawn to price an experiment of more trials."""

SECONDS_TO_SAMPLE = 0.3
"""After which no further shape of these is measured."""

SECONDS_TO_PLAY = 3.0
"""After which a search that models its scores is played no further; what it would ask for is drawn at random."""


@dataclass
class SweepPlan:
    """Plan of a sweep.

    Attributes:
        experiment: experiment that is planned.
        folder: of its results.
        runs: training runs that fit into the limits, in the order of training, each with the epochs that it trains; of
            an experiment of many trials a sample of them.
        batches: of each run, the number of the batch in which it is asked for.
        left: trials that do not fit, in that order; none are listed of an experiment of many trials.
        fit: number of trials that fit.
        left_out: number of trials that do not.
        epochs: that the trials that fit train.
        limit: limit that they do not fit into; "" for none.
        stored: trials in the store.
        invalid: rows of combinations that cannot be trained, of those that were looked at.
        sample: number of configurations that the plan was made from; 0 where it was made from all.
        guessed: True if scores were made up.
        guesses: keys of trials proposed after scores were made up: others may take their places.
        rungs: of a search that learns, how many configurations do not fit.
        proposing: seconds that the search itself takes.
        seconds: (expected, low, high) of the whole command.
        memory: bytes: the peak of the process, its data, a trial at most.
        is_measured: False where time and memory are not known: programs are not run to see.
    """

    experiment: Experiment
    folder: Path
    runs: list[tuple[RunGroup, int]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    left: list[Trial] = field(default_factory=list)
    fit: int = 0
    left_out: int = 0
    epochs: int = 0
    limit: str = ""
    stored: int = 0
    invalid: list[Row] = field(default_factory=list)
    sample: int = 0
    guessed: bool = False
    guesses: set[str] = field(default_factory=set)
    rungs: list[Rung] = field(default_factory=list)
    proposing: float = 0.0
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)
    memory: tuple[int, int, int] = (0, 0, 0)
    is_measured: bool = True

    @property
    def trials(self) -> list[Trial]:
        """The trials that fit, of those that were looked at."""
        return [trial for run, _ in self.runs for trial in run.milestones.values()]

    def count(self) -> None:
        """Count what fits and what does not, where every trial was looked at."""
        self.fit, self.left_out = len(self.trials), len(self.left)
        self.epochs = sum(epochs for _, epochs in self.runs)


def preview(
    experiment: Experiment,
    out: Path,
    options: RunOptions,
    *,
    started: float = 0.0,
    report: Callable[[Path], object] = lambda _: None,
) -> SweepPlan:
    """Return the plan of a sweep.

    Args:
        experiment: to train.
        out: folder of results folders.
        options: options of the run, with its limits.
        started: seconds that the process took so far; a sweep takes them too.
        report: writes the report on a results folder, whose time counts too.

    Raises:
        UsageError: for an experiment that cannot be trained.
    """
    begun = time.perf_counter()
    options = with_program(options, experiment.base, out / experiment.name)
    is_program = check_some(experiment, options).is_program
    plan = SweepPlan(experiment, out / experiment.name, is_measured=not is_program)
    options = options_for(experiment, options)
    total = trial_count(experiment, options.shard)
    is_large = total > LISTED and not experiment.strategy().learns
    budget = Budget(replace(options.limits, seconds=float("inf")))
    _walk(plan, options, budget, LISTED if is_large else math.inf)
    plan.limit = budget.cut
    plan.count()
    if is_large:
        _count_all(plan, options, total)
    begun_by = started + time.perf_counter() - begun - (plan.proposing if plan.guessed else 0.0)
    shapes = shapes_of(plan.runs)
    if not shapes or is_program:
        plan.rungs = _not_reached(plan)
        plan.seconds, plan.memory = (begun_by,) * 3, (memory_in_use(), 0, 0)
        return plan
    if plan.sample:  # the report on so many trials takes longer than one that could be tried
        rates = measure(shapes, experiment, options, seconds=SECONDS_TO_SAMPLE)
    else:
        rates = measure(shapes, experiment, options, report)
    most = options.timeout / options.jobs  # of what a run adds, where it is ended
    each = [[min(s, most) for s in rates.seconds(shape_of(run.leader), 1, epochs)] for run, epochs in plan.runs]
    if plan.sample:
        _fit_by_time(plan, fmean(map(fmean, each)), options.limits.seconds)
    elif (fitting := _within(each, options.limits.seconds)) < len(plan.runs):
        plan.limit = f"--budget {options.limits.seconds:g}s"
        plan.left = [*(t for run, _ in plan.runs[fitting:] for t in run.milestones.values()), *plan.left]
        plan.runs, each = plan.runs[:fitting], each[:fitting]
        plan.count()
    plan.rungs = _not_reached(plan)
    fixed = begun_by + plan.proposing + rates.start + rates.report
    times = plan.fit / max(len(plan.trials), 1)  # that of what each run of a sample stands for
    rounds = [
        fixed + times * _side_by_side([one[number] for one in each], plan.batches, options.jobs)
        for number in range(len(each[0]))
    ]
    plan.seconds = (sum(rounds) / len(rounds), min(rounds) * (1 - SPREAD), max(rounds) * (1 + SPREAD))
    plan.memory = _memory(list(shapes.values()), [shapes[name] for name in rates.rounds], options.jobs)
    return plan


def _not_reached(plan: SweepPlan) -> list[Rung]:
    return rungs_without(plan.experiment, plan.left) if plan.left and plan.experiment.strategy().learns else []


def rest(experiment: Experiment, out: Path, options: RunOptions, counts: Counts) -> SweepPlan | None:
    """Return the plan of what a limit has just left out; None where it is too much to list.

    Args:
        experiment: experiment that was trained.
        out: folder of results folders.
        options: options of the run.
        counts: counts of the run.
    """
    plan = SweepPlan(experiment, out / experiment.name, limit=counts.cut, left=counts.left, rungs=counts.rungs)
    if counts.rungs:
        return plan
    if options.force or trial_count(experiment) > LISTED:
        return None
    _walk(plan, replace(options_for(experiment, options), limits=Limits()), Budget(Limits()), math.inf)
    plan.left, plan.runs = plan.trials, []
    return plan


def _count_all(plan: SweepPlan, options: RunOptions, total: int) -> None:
    """Count the trials of an experiment that has more than were looked at; where no limit cut them, draw a sample.

    Args:
        plan: with the first trials.
        options: of the run.
        total: trials of the experiment.
    """
    if plan.limit:
        plan.left, plan.left_out = [], total - plan.stored - len(plan.invalid) - plan.fit
        return
    plan.runs, plan.batches = [], []
    experiment = plan.experiment
    is_same = read_experiment(plan.folder / EXPERIMENT_FILE) == experiment.as_toml()
    plan.stored = len(own_keys(plan.folder) or ()) if is_same and not options.force else 0
    by_epochs = next((axis for axis in experiment.space().axes if axis.names == ("epochs",)), None)
    longest = {"epochs": max(by_epochs.values)} if by_epochs is not None and by_epochs.values else {}
    draws = Random(experiment.space(), SAMPLED, experiment.search.seed).ask()
    found = [identify(experiment.specs({**draw, **longest}, experiment.seeds[0])) for draw in draws]
    trials = [trial for trial, _ in found if trial is not None]
    plan.sample, plan.invalid = len(found), [row for trial, row in found if trial is None]
    # Trials that differ in epochs alone are one run where the schedule allows it: each costs its share of the longest.
    together = (
        len(by_epochs.values) if by_epochs is not None and not options.needs_weights and not options.most_epochs else 1
    )
    for trial in trials:
        epochs = trial.spec.epochs or 0
        of_run = together if is_prefix(trial.spec) else 1
        plan.runs.append((RunGroup(trial, {epochs: trial}), max(round(epochs / of_run), min(epochs, 1))))
        plan.batches.append(0)
    new = round((total - plan.stored) * len(trials) / max(len(found), 1))
    each = fmean(epochs for _, epochs in plan.runs) if plan.runs else 0.0
    plan.fit = int(min(new, options.limits.trials - plan.stored, options.limits.epochs / each if each else new))
    if plan.fit < new:
        by_trials = options.limits.trials - plan.stored <= plan.fit
        plan.limit = f"--max-trials {options.limits.trials:g}" if by_trials else f"--budget {options.limits.epochs:g}e"
    plan.left_out, plan.epochs = new - plan.fit, round(plan.fit * each)


def _fit_by_time(plan: SweepPlan, each: float, limit: float) -> None:
    """Count how many of the trials of a sampled plan begin before a time is over; `each` takes so many seconds."""
    fit = int(min(plan.fit, limit / each + 1))
    if fit < plan.fit:
        plan.limit = f"--budget {limit:g}s"
        plan.left_out += plan.fit - fit
        plan.epochs, plan.fit = round(plan.epochs * fit / plan.fit), fit


def _walk(plan: SweepPlan, options: RunOptions, budget: Budget, most: float) -> None:
    """Fill the plan with what a sweep would train, and what of it fits into the budget.

    Args:
        plan: is filled.
        options: of the run.
        budget: of the run.
        most: trials to look at, none beyond the limits; infinite for all.
    """
    experiment = plan.experiment
    store = Store(plan.folder, known=reader.keys(plan.folder))
    outcomes = Outcomes(experiment.select.on, experiment.select.metric)
    learns = experiment.strategy().learns
    if learns and not options.force:
        outcomes.read(plan.folder)
    made_up, done = _scores(), dict[str, int]()

    def on_stored(_: str) -> None:
        plan.stored += 1
        budget.found()

    def on_invalid(row: Row) -> None:
        plan.invalid.append(row)
        budget.found()

    asked = _played(experiment, outcomes, plan) if learns else batches(experiment, outcomes)
    found = to_train(asked, store, options, on_invalid=on_invalid, on_stored=on_stored)
    for number, batch in enumerate(found):
        is_guess = plan.guessed
        for run in batch.runs:
            for trial in run.milestones.values():
                if learns:
                    outcomes.scores.setdefault(trial.key, next(made_up))
                    plan.guessed = True
                if is_guess:
                    plan.guesses.add(trial.key)
            epochs = epochs_of(run, done if options.most_epochs else {})
            if budget.cut or not budget.take(len(run.milestones), epochs):
                plan.left += run.milestones.values()
            else:
                plan.runs.append((run, epochs))
                plan.batches.append(number)
            looked_at = len(plan.runs) + len(plan.left) + plan.stored
            if looked_at >= most or (budget.cut and most < math.inf):
                return


def epochs_of(run: RunGroup, done: dict[str, int]) -> int:
    """Return the epochs that a run trains, where it goes on from a shorter one before it, and add them to `done`.

    Args:
        run: training run.
        done: key without epochs -> epochs that were trained.
    """
    epochs, name = max(run.milestones), key_without_epochs(run.leader)
    before = done.get(name, 0) if is_prefix(run.leader.spec) else 0
    done[name] = max(epochs, before)
    return max(epochs - before, 0)


def _played(experiment: Experiment, outcomes: Outcomes, plan: SweepPlan) -> Iterator[Iterator[Spec]]:
    """Yield the batches of a search that learns; of one that takes long to ask, the rest is drawn at random."""
    search, asked = batches(experiment, outcomes), 0
    while plan.proposing < SECONDS_TO_PLAY:
        started = time.perf_counter()
        specs = next(search, None)
        took = time.perf_counter() - started
        plan.proposing += took
        if specs is None:
            return
        batch = list(specs)
        asked += len(batch)
        yield iter(batch)
    rest = trial_count(experiment) - asked
    plan.proposing += took * rest / max(len(batch), 1)
    seeds = experiment.seeds
    draws = Random(experiment.space(), max(rest // len(seeds), 1), seed=experiment.search.seed + 1)
    yield (experiment.specs(proposal, seed) for seed in seeds for proposal in draws.ask())


def _scores() -> Iterator[float]:
    number = 0
    while True:
        yield float(uniforms(0, "search", 1, epoch=number, layer=1)[0])
        number += 1


def _side_by_side(each: Sequence[float], batches: Sequence[int], jobs: int) -> float:
    """Return the seconds of runs, `jobs` at a time; at the end of a batch some wait for the last.

    Args:
        each: seconds that a run adds where all jobs are busy: its own time over `jobs`.
        batches: the batch of each run; the next one begins when all of it is done.
        jobs: trials in training at a time.
    """
    by_batch: dict[int, list[float]] = {}
    for seconds, batch in zip(each, batches, strict=False):
        by_batch.setdefault(batch, []).append(seconds)
    waits = (jobs - 1) / 2  # of the other jobs each waits for half a run on average
    return sum(max(sum(some) + waits * sum(some) / len(some), jobs * max(some)) for some in by_batch.values())


def _within(each: Sequence[Sequence[float]], limit: float) -> int:
    """Return how many runs begin before a time is over."""
    clock = 0.0
    for number, rounds in enumerate(each):
        if clock > limit:
            return number
        clock += sum(rounds) / len(rounds)
    return len(each)


def _memory(shapes: Sequence[CostShape], measured: Sequence[CostShape], jobs: int) -> tuple[int, int, int]:
    most = max(trial_memory(shape) for shape in shapes)
    seen = max(trial_memory(shape) for shape in measured)
    return memory_in_use() + jobs * (most - seen), data_memory(measured), most
