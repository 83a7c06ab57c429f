"""mlpctl compare."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o
from mlpctl.metrics import SelectOn

Side = Annotated[str, typer.Argument(help="Results folder, or a trial: RESULTS#KEY.")]


def compare(
    a: Side,
    b: Side,
    metric: Annotated[
        str | None, typer.Option("--metric", help="accuracy, loss, mse, mae or r2. Default: by A's experiment.")
    ] = None,
    select_on: Annotated[
        SelectOn | None, typer.Option("--select-on", help="Part to compare on. Default: by A's experiment.")
    ] = None,
    margin: Annotated[
        float, typer.Option("--margin", metavar="X", min=0.0, help="Differences up to this count as equal.")
    ] = 0.0,
    top: Annotated[int, typer.Option("--top", min=1, help="Configurations to list.")] = 10,
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="Exit code 6 where B is worse than A beyond chance.")
    ] = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Tell what differs between two results folders, or two trials: what was asked, what it ran on, what came of it.

    Configurations that both have are compared seed by seed: B is better, worse, equal or undecided, with the 95 %
    interval of the difference. What is fixed in each folder and differs between them is what is compared about.

    Example: mlpctl compare results/iris results/iris-dropout
    """
    from mlpctl.display.tables import emit
    from mlpctl.errors import CheckFailed, UsageError
    from mlpctl.report.compare.folders import compare_results
    from mlpctl.report.compare.trials import compare_trials
    from mlpctl.store.results import load

    people = format_ in ("table", "md")
    if ("#" in a) != ("#" in b):
        raise UsageError(f"compare two folders or two trials, got '{a}' and '{b}': a trial is written RESULTS#KEY")
    if "#" in a:
        if metric or select_on:
            raise UsageError("--metric and --select-on compare folders: of two trials every score is shown")
        done = compare_trials(a, b, margin=margin)
    else:
        done = compare_results(load(Path(a)), load(Path(b)), metric=metric, on=select_on, margin=margin, top=top)
    emit(done.outcome if format_ == "csv" else done.tables(people=people), format_, output)
    if fail_if_worse and done.worse:
        raise CheckFailed(f"{b} is worse than {a}")
