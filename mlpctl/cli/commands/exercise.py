"""mlpctl exercise."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o
from mlpctl.runner.experiment_file import Effort
from mlpctl.textbook.exercises.catalog import EXERCISES, exercise_number

LIST = ", ".join(f"{number} {exercise.title}" for number, exercise in EXERCISES.items())


def exercise(
    number: Annotated[
        str,
        typer.Argument(
            help=f"{LIST}; `1` is 5.2.1, `all` is all nine.",
            autocompletion=lambda: [*EXERCISES, "all"],
            show_default=False,
        ),
    ],
    effort: Annotated[
        Effort, typer.Option("--effort", help="Seconds, minutes, or what the book's setting takes.")
    ] = "default",
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", metavar="N", help="How many seeds, or which. Default: by exercise and effort."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the answers.")] = Path("results/exercises"),
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the answers as one page that needs no network."),
    ] = None,
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
    from mlpctl.textbook.exercises.solve import ANSWER_FILE, answer_lines, solve_all

    def screen(experiment: Experiment) -> SweepScreen:
        return SweepScreen(experiment, jobs=asked_jobs(jobs), quiet=quiet)

    set_offline(offline)
    numbers = list(EXERCISES) if number == "all" else [exercise_number(number)]
    stop, run = Stop(), RunOptions(jobs=asked_jobs(jobs), force=force)
    asked = [ExerciseOptions(n, effort, out / n, run, screen, stop, seeds, o.data_options(data)) for n in numbers]
    with handle_interrupts(stop, "after the trials in training"):
        for options, solution in solve_all(asked, html):
            if len(asked) > 1:
                typer.echo(f"Exercise {options.number}: {EXERCISES[options.number].title}\n")
            typer.echo("\n\n".join(answer_lines(solution)) + "\n")
            print_tables([solution.table])
            if not quiet:
                typer.echo(f"note: {options.folder / ANSWER_FILE} has it with its plot", err=True)
    if html is not None and not quiet:
        typer.echo(f"note: {html} has {'all answers' if len(asked) > 1 else 'the answer'}", err=True)
