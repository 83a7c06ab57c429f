"""What `mlpctl exercise` does: train the experiment, or measure, then answer and write the answer."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.errors import DataError, TrialsFailed, UsageError
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.experiment import Experiment, seeds_of, with_data
from mlpctl.runner.experiment_file import Effort, read_experiment
from mlpctl.runner.shipped_experiments import experiments_folder
from mlpctl.runner.sweep import sweep
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.store.results import load
from mlpctl.system.facts import cpu_model, usable_cores
from mlpctl.textbook.exercises.answer import Answer, write
from mlpctl.textbook.exercises.catalog import SOURCE, exercise_of

if TYPE_CHECKING:
    import pandas as pd

ANSWERABLE = ("ok", "diverged")
"""Statuses that are results of an exercise: a learning rate that diverges is part of the answer."""


@dataclass(frozen=True)
class Setting:
    """How an exercise is run.

    Attributes:
        number: of the exercise.
        effort: how much it may cost.
        folder: where its answer is written; its results folders lie below.
        options: how to train.
        screen: opens what shows the progress of an experiment.
        stop: set to stop after the trials in training.
        seeds: how many, or which; None leaves it to the experiment.
        data: options of the dataset.
        force: measure again what was measured.
    """

    number: str
    effort: Effort
    folder: Path
    options: RunOptions
    screen: Callable[[Experiment], AbstractContextManager[Callback]]
    stop: Stop
    seeds: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def force(self) -> bool:
        """Whether to measure again what was measured."""
        return self.options.force


def solve(setting: Setting) -> Answer:
    """Run an exercise and return its answer, which is also written to its folder.

    What was trained or measured before is not done again.

    Raises:
        UsageError: for an unknown exercise, seeds that are none, or options of data where none are read.
        TrialsFailed: if trials crashed; the answer, over the others, is written.
        MlpctlError: see `mlpctl.runner.loop.run`.
    """
    exercise = exercise_of(setting.number)
    if setting.data and not file_of(setting.number).is_file():
        raise UsageError(f"exercise {setting.number} reads no dataset: leave --data out")
    data = exercise.function("measure", train)(setting)
    answer: Answer = exercise.function("answer")(data)
    command = f"mlpctl exercise {setting.number}"
    command += f" --effort {setting.effort}" if setting.effort != "default" else ""
    command += f" --seeds {setting.seeds}" if setting.seeds is not None else ""
    command += "".join(f" --data {shlex.quote(f'{name}={value}')}" for name, value in setting.data.items())
    how = [f"{SOURCE}, exercise {setting.number.rpartition('.')[2]}.", *about(data), f"Run: `{command}`"]
    title = f"Exercise {setting.number}: {exercise.title}"
    write(answer, setting.folder, title=title, question=exercise.question, how=how)
    bad = data[~data["status"].isin(ANSWERABLE)] if "status" in data else data.iloc[:0]
    if len(bad):
        raise TrialsFailed(f"{len(bad)} of {len(data)} trials failed: {bad['error'].iloc[0]}")
    return answer


def train(setting: Setting) -> "pd.DataFrame":
    """Return the trials of an exercise's experiment, trained."""
    return trained(setting, experiment_for(setting))


def trained(setting: Setting, experiment: Experiment, **options: Any) -> "pd.DataFrame":
    """Return the trials of an experiment, those missing trained first; `options` are further RunOptions."""
    with setting.screen(experiment) as callback:
        sweep(experiment, setting.folder, replace(setting.options, **options), callback, setting.stop)
    trials = load(setting.folder / experiment.name).trials
    if any(axis.is_range for axis in experiment.axes):
        return trials
    wanted = {trial.key for trial in trials_of(experiment)}  # the folder may hold more: other seeds, a wider grid
    return trials[trials["key"].isin(wanted)].reset_index(drop=True)


def experiment_for(setting: Setting) -> Experiment:
    """Return the experiment of an exercise at its effort; its results folder is named by the effort.

    Raises:
        DataError: if the experiment files are not there.
        UsageError: if the seeds that were asked for are none.
    """
    experiment = read_experiment(experiment_file(setting.number), setting.effort)
    seeds = experiment.seeds if setting.seeds is None else seeds_of(setting.seeds, experiment.base)
    return with_data(replace(experiment, name=setting.effort, seeds=seeds), setting.data)


def file_of(number: str) -> Path:
    """Return where the experiment file of an exercise would be; not every exercise has one."""
    return experiments_folder() / f"exercise-{number}.toml"


def experiment_file(number: str) -> Path:
    """Return the experiment file of an exercise: in the checkout, or beside the installed package.

    Raises:
        DataError: if it is in neither.
    """
    file = file_of(number)
    if not file.is_file():
        raise DataError(f"{file} is missing: install mlpctl again, or run it from a checkout")
    return file


def trials_of(experiment: Experiment) -> Iterator[Trial]:
    """Yield the trials of a grid; combinations that cannot be trained are none."""
    for values in product(*(axis.values for axis in experiment.axes), experiment.seeds):
        proposal = {axis.name: value for axis, value in zip(experiment.axes, values, strict=False)}
        try:
            yield trial_of(experiment.specs(proposal, values[-1]))
        except UsageError:
            continue


def about(data: "pd.DataFrame") -> list[str]:
    """Return lines on what was measured: data, seeds, machine."""
    lines = []
    if "dataset" in data and "seed" in data and len(data):
        n, seeds = len(data), data["seed"].nunique()
        options = data["data"].dropna().unique()
        of = f" with {', '.join(map(str, options))}" if len(options) else ""
        lines.append(f"{n} trials on {data['dataset'].iloc[0]}{of}, {seeds} seed{'s' if seeds > 1 else ''}.")
    return [*lines, f"Measured on {cpu_model()}, {usable_cores()} cores."]
