"""mlpctl exercise."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o
from mlpctl.runner.experiment_file import Effort
from mlpctl.textbook.exercises.catalog import EXERCISES, exercise_number

LIST = ", ".join(f"{number} {exercise.title}" for number, exercise in EXERCISES.items())


def exercise(
    number: Annotated[str, typer.Argument(help=f"{LIST}.", autocompletion=lambda: list(EXERCISES), show_default=False)],
    effort: Annotated[
        Effort, typer.Option("--effort", help="Seconds, minutes, or what the book's setting takes.")
    ] = "default",
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", metavar="N", help="How many seeds, or which. Default: by exercise and effort."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the answers.")] = Path("results/exercises"),
    jobs: o.Jobs = None,
    force: o.Force = False,
    data: o.DataOption = None,
    offline: o.Offline = False,
    quiet: o.Quiet = False,
) -> None:
    """Run an exercise of Dive into Deep Learning 5.2 and answer it from the results.

    Example: mlpctl exercise 5.2.1 --effort quick
    """
    from mlpctl.cli.screens.base import handle_interrupts, set_offline
    from mlpctl.cli.screens.sweep import SweepScreen
    from mlpctl.display.tables import print_tables
    from mlpctl.runner.experiment import Experiment
    from mlpctl.runner.types import RunOptions, Stop
    from mlpctl.system.devices import asked_jobs
    from mlpctl.textbook.exercises.collect import ExerciseOptions
    from mlpctl.textbook.exercises.solve import ANSWER_FILE, solve

    def screen(experiment: Experiment) -> SweepScreen:
        return SweepScreen(experiment, jobs=asked_jobs(jobs), quiet=quiet)

    set_offline(offline)
    number = exercise_number(number)
    stop, folder = Stop(), out / number
    options = RunOptions(jobs=asked_jobs(jobs), force=force)
    with handle_interrupts(stop, "after the trials in training"):
        solution = solve(ExerciseOptions(number, effort, folder, options, screen, stop, seeds, o.data_options(data)))
    typer.echo("\n\n".join(solution.sentences) + "\n")
    print_tables([solution.table])
    if not quiet:
        typer.echo(f"note: {folder / ANSWER_FILE} has it with its plot", err=True)
