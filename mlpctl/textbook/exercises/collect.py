"""Collect the data of an exercise: train its experiment, or repeat its measurement in rounds."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.errors import DataError
from mlpctl.runner.ask_tell import samples
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.experiment import Experiment, seeds_of, with_data
from mlpctl.runner.experiment_file import Effort, read_experiment
from mlpctl.runner.pending import identify
from mlpctl.runner.shipped_experiments import experiments_folder
from mlpctl.runner.sweep import sweep
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.store.results import load
from mlpctl.system.files import replace_file
from mlpctl.system.parsing import parsing

if TYPE_CHECKING:
    import pandas as pd


STAND_IN = "digits"
"""Dataset that takes the place of Fashion-MNIST where that is not there and cannot be fetched; scikit-learn has it."""


@dataclass(frozen=True)
class ExerciseOptions:
    """Options of `mlpctl exercise`."""

    number: str  # of the exercise
    effort: Effort
    folder: Path  # of its answer; its results folders lie below
    run: RunOptions
    screen: Callable[[Experiment], AbstractContextManager[Callback]]  # shows the progress of an experiment
    stop: Stop  # set to stop after the trials in training
    seeds: str | None = None  # their number, or a list of them; None leaves it to the experiment
    data: Mapping[str, str] = field(default_factory=dict)  # options of the dataset


def train_experiment(options: ExerciseOptions, experiment: Experiment, **run_options: Any) -> "pd.DataFrame":
    """Return the trials of an experiment after training those that are missing."""
    with options.screen(experiment) as callback:
        sweep(experiment, options.folder, replace(options.run, **run_options), callback, options.stop)
    trials = load(options.folder / experiment.name).trials
    if any(axis.is_range for axis in experiment.axes):
        return trials
    keys = {trial.key for trial in grid_trials(experiment)}  # the folder may hold more: other seeds, a wider grid
    return trials[trials["key"].isin(keys)].reset_index(drop=True)


def experiment_for(options: ExerciseOptions) -> Experiment:
    """Return the experiment of an exercise at its effort; its results folder is named by the effort.

    Raises:
        DataError: if the experiment files are missing.
        UsageError: if the seeds are invalid.
    """
    experiment = read_experiment(experiment_path(options.number), options.effort)
    if not options.data:  # options are of the data that the exercise names, and say where they are
        experiment = with_data_at_hand(experiment)
    seeds = experiment.seeds if options.seeds is None else seeds_of(options.seeds, experiment.base)
    name = options.effort if experiment.base.get("dataset") != STAND_IN else f"{options.effort}-{STAND_IN}"
    return with_data(replace(experiment, name=name, seeds=seeds), options.data)


def with_data_at_hand(experiment: Experiment) -> Experiment:
    """Return the experiment, on digits in minibatches of 32 where Fashion-MNIST is not there and cannot be fetched."""
    from mlpctl.data import load_dataset
    from mlpctl.spec import make_spec

    if experiment.base.get("dataset") != "fashion-mnist":
        return experiment
    try:
        load_dataset(make_spec({"dataset": "fashion-mnist"}))
    except DataError:
        base = {name: value for name, value in experiment.base.items() if name != "data"}
        return replace(experiment, base={**base, "dataset": STAND_IN, "batch_size": 32})
    return experiment


def experiment_path(number: str) -> Path:
    """Return the path of an exercise's experiment file; 5.2.6 and 5.2.7 measure and have none."""
    return experiments_folder() / f"exercise-{number}.toml"


def grid_trials(experiment: Experiment) -> list[Trial]:
    """Return the trials of a grid, without the combinations that cannot be trained."""
    known = map(identify, samples(experiment, experiment.strategy().size()))
    return [trial for trial, _ in known if trial is not None]


def measure_rounds(
    options: ExerciseOptions, rounds: int, column: str, measure_round: Callable[[int], "pd.DataFrame"]
) -> "pd.DataFrame":
    """Return the rows of all rounds of a measurement; they are kept as CSV, and only missing rounds are measured.

    A round sets everything up anew, so that the place of arrays in memory is part of the spread.

    Args:
        options: of the exercise; its seeds, if given, replace the rounds.
        rounds: number of them.
        column: name of the column with the number of the round.
        measure_round: function of the number of a round that returns its rows.
    """
    import pandas as pd

    file, numbers = options.folder / f"{options.effort}.csv", seeds_of(options.seeds or rounds, {})
    parts = []
    if file.is_file() and not options.run.force:
        with parsing(file, "CSV", advice="--force measures anew"):
            parts.append(pd.read_csv(file))
    known = set(parts[0][column]) if parts else set()
    for number in (n for n in numbers if n not in known):
        parts.append(measure_round(number))
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, pd.concat(parts).to_csv(index=False).encode())
    rows = pd.concat(parts)
    return rows[rows[column].isin(numbers)].reset_index(drop=True)
