"""mlpctl train."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mlpctl.cli import options as o


@o.with_spec_options
def train(
    given: dict[str, Any],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Experiment, a TOML file or a name: its spec is trained.")
    ] = None,
    settings: o.SettingsOption = None,
    save: o.Save = False,
    name: o.Name = None,
    out: o.Out = Path("results"),
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Cores that train a large network. Default: all.")
    ] = None,
    threads: o.Threads = 1,
    precision: o.PrecisionOption = "fp32",
    eval_train: o.FitEach = False,
    eval_test: o.TestEach = False,
    force: o.Force = False,
    tensorboard: o.Board = None,
    mlflow: o.MlflowOption = None,
    offline: o.Offline = False,
    quiet: o.Quiet = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Train one network: a line an epoch, then its test score; everything also goes to results/ as CSV.

    Example: mlpctl train --dataset iris --hidden-units 32 --lr 0.05 --epochs 50
    """
    from mlpctl.cli.screens.base import handle_interrupts, set_offline
    from mlpctl.cli.screens.train import TrainScreen
    from mlpctl.runner.callbacks.trackers import tracked
    from mlpctl.runner.experiment import default_name
    from mlpctl.runner.run_options import asked_options
    from mlpctl.runner.train import asked_spec
    from mlpctl.runner.train import train as train_one
    from mlpctl.runner.types import Stop

    set_offline(offline)
    fields, options = asked_options(
        given, settings=settings or [], file=config, jobs=jobs, threads=threads, precision=precision,
        save=save, force=force, eval_train=eval_train, eval_test=eval_test,
    )  # fmt: skip
    spec, name = asked_spec(config, fields, name)
    stop = Stop(midway=True)
    screen = TrainScreen(quiet=quiet or format_ != "table")
    folder = out / (name or default_name(spec)) if mlflow is not None else out
    with (
        tracked(screen, tensorboard, mlflow, folder) as callback,
        screen,
        handle_interrupts(stop, "after this epoch"),
    ):
        done = train_one(spec, out, name, options, callback, stop)
    screen.conclude(done, format_, output)
