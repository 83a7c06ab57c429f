"""mlpctl verify."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o

app = typer.Typer()


@app.command("verify")
def verify(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Experiment files with [[expect]]. Default: all that come with mlpctl.", show_default=False
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds, where chance plays a part.")] = False,
    out: o.Out = Path("results"),
    jobs: o.Jobs = None,
    offline: o.Offline = False,
    quiet: o.Quiet = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Train the systems of the textbooks and judge each published figure beside ours.

    Exit code 6 says that a figure is not reproduced.

    Example: mlpctl verify experiments/linreg.toml experiments/langid.toml
    """
    from mlpctl.cli.screen import SweepScreen, handle_interrupts, set_offline
    from mlpctl.devices import asked_jobs
    from mlpctl.errors import CheckFailed
    from mlpctl.experiment import Experiment
    from mlpctl.render import emit
    from mlpctl.run import RunOptions, Stop
    from mlpctl.shipped import experiments_with
    from mlpctl.sweep import size_of
    from mlpctl.verify.verifying import Setting, summary, table_of, tables_of
    from mlpctl.verify.verifying import verify as verify_one

    def screen(experiment: Experiment) -> SweepScreen:
        return SweepScreen(size_of(experiment), list(experiment.varied), "validation", None, quiet=quiet)

    set_offline(offline)
    stop = Stop()
    setting = Setting("quick" if quick else "default", out, RunOptions(jobs=asked_jobs(jobs)), screen, stop)
    with handle_interrupts(stop, "after the trials in training"):
        judgements = {path.stem: verify_one(path, setting) for path in files or experiments_with("expect")}
    told, failed = summary(judgements)
    people = format_ in ("table", "md")
    emit(tables_of(judgements, [told]) if people else table_of(judgements), format_, output)
    if failed:
        raise CheckFailed(told)
