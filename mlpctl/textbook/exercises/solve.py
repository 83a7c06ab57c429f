"""Solve an exercise: train its experiment or measure, build the answer from the claims, and write it to a folder."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.display.tables import Table, to_text
from mlpctl.errors import DataError, TrialsFailed, UsageError
from mlpctl.report.figures.plot import Plot
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
from mlpctl.system.facts import cpu_model, usable_cores
from mlpctl.textbook.exercises.catalog import SOURCE, Effect, Exercise, exercise_of
from mlpctl.textbook.exercises.claims import effect_of_value

if TYPE_CHECKING:
    import pandas as pd

ANSWER_FILE, TABLE_FILE, PLOT_FILE = "answer.md", "table.csv", "plot.png"
ANSWERABLE = ("ok", "diverged")
"""Statuses that are results of an exercise: a learning rate that diverges is part of the answer."""


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


@dataclass(frozen=True)
class Solution:
    """The answer to an exercise: its claims as sentences, the numbers behind them, and their plot."""

    sentences: tuple[str, ...]
    table: Table
    plot: Plot


def solve(options: ExerciseOptions) -> Solution:
    """Return the answer to an exercise, which is also written to its folder; nothing is trained or measured twice.

    Raises:
        UsageError: for an unknown exercise, invalid seeds, or options of data where none are read.
        TrialsFailed: if trials crashed; the answer, over the others, is written.
        MlpctlError: see `mlpctl.runner.loop.run`.
    """
    exercise = exercise_of(options.number)
    if options.data and not _experiment_file(options.number).is_file():
        raise UsageError(f"exercise {options.number} reads no dataset: leave --data out")
    data = exercise.function("collect_data")(options)
    solution = solution_of(exercise, data)
    command = f"mlpctl exercise {options.number}"
    command += f" --effort {options.effort}" if options.effort != "default" else ""
    command += f" --seeds {options.seeds}" if options.seeds is not None else ""
    command += "".join(f" --data {shlex.quote(f'{name}={value}')}" for name, value in options.data.items())
    source = f"{SOURCE}, exercise {options.number.rpartition('.')[2]}."
    title = f"Exercise {options.number}: {exercise.title}"
    footer = [source, *_measured_on(data), f"Run: `{command}`"]
    _write(solution, options.folder, title=title, question=exercise.question, footer=footer)
    bad = data[~data["status"].isin(ANSWERABLE)] if "status" in data else data.iloc[:0]
    if len(bad):
        raise TrialsFailed(f"{len(bad)} of {len(data)} trials failed: {bad['error'].iloc[0]}")
    return solution


def solution_of(exercise: Exercise, data: "pd.DataFrame") -> Solution:
    """Return the answer to an exercise from its trials or measurements."""
    study = exercise.function("build_study")(data, exercise)

    def sentence(claim: str | Effect) -> str:
        return effect_of_value(study, claim) if isinstance(claim, Effect) else exercise.function(claim)(study)

    sentences = tuple(filter(None, map(sentence, exercise.claims)))
    return Solution(sentences, exercise.function("answer_table")(study), exercise.function("answer_plot")(study))


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
    experiment = read_experiment(_experiment_file(options.number), options.effort)
    seeds = experiment.seeds if options.seeds is None else seeds_of(options.seeds, experiment.base)
    return with_data(replace(experiment, name=options.effort, seeds=seeds), options.data)


def _experiment_file(number: str) -> Path:
    return experiments_folder() / f"exercise-{number}.toml"  # 5.2.6 and 5.2.7 measure and have none


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
    parts = [pd.read_csv(file)] if file.is_file() and not options.run.force else []
    known = set(parts[0][column]) if parts else set()
    for number in (n for n in numbers if n not in known):
        parts.append(measure_round(number))
        file.parent.mkdir(parents=True, exist_ok=True)
        pd.concat(parts).to_csv(file, index=False)
    rows = pd.concat(parts)
    return rows[rows[column].isin(numbers)].reset_index(drop=True)


def _measured_on(data: "pd.DataFrame") -> list[str]:
    """Return lines on the data, the seeds and the machine."""
    lines = []
    if "dataset" in data and "seed" in data and len(data):
        seeds, changed = data["seed"].nunique(), data["data"].dropna().unique()
        of = f" with {', '.join(map(str, changed))}" if len(changed) else ""
        lines.append(f"{len(data)} trials on {data['dataset'].iloc[0]}{of}, {seeds} seed{'s' if seeds > 1 else ''}.")
    return [*lines, f"Measured on {cpu_model()}, {usable_cores()} cores."]


def _write(solution: Solution, folder: Path, *, title: str, question: str, footer: Sequence[str]) -> None:
    """Write the answer as Markdown with its table, the table as CSV and the plot as PNG.

    Raises:
        DataError: if the folder cannot be written.
    """
    from mlpctl.display.figure_style import save
    from mlpctl.report.figures.draw import draw

    text = f"# {title}\n\n*{question}*\n\n" + "\n\n".join(solution.sentences) + f"\n\n![{title}]({PLOT_FILE})\n\n"
    text += to_text([solution.table], "md") + "\n" + "".join(f"- {line}\n" for line in footer)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ANSWER_FILE).write_text(text, "utf-8")
        (folder / TABLE_FILE).write_text(to_text([solution.table], "csv"), "utf-8")
    except OSError as error:
        raise DataError(f"cannot write {folder}: {error.strerror}") from error
    save(draw(solution.plot), folder / PLOT_FILE)
