"""Define `mlpctl verify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpctl.cli import options as o

if TYPE_CHECKING:
    from mlpctl.display.tables import Table
    from mlpctl.runner.types import RunOptions


def verify(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="Experiments with [[expect]], by file or name; or RESULTS, RESULTS#TRIAL, trained again. "
            "Default: all experiments that come with mlpctl.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds, where chance plays a part.")] = False,
    trials: Annotated[
        int, typer.Option("--trials", metavar="N", min=1, help="Of a results folder: so many, drawn at random.")
    ] = 5,
    draw: Annotated[int, typer.Option("--draw", metavar="SEED", min=0, help="Draws them; another draws others.")] = 0,
    engine: Annotated[
        str | None, typer.Option("--engine", help="Train again by this engine. Default: the recorded one.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="Train again there. Default: where it was trained.")
    ] = None,
    out: o.Out = Path("results"),
    jobs: o.Jobs = None,
    data: o.DataOption = None,
    offline: o.Offline = False,
    quiet: o.Quiet = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Check published figures against ours, or train stored trials again and say whether their numbers come back.

    An experiment is trained, and each figure that its source prints is compared. A stored trial is trained again as it
    is recorded: bit-equal, equal within rounding (ε), or different, and which recorded input differs (data, versions,
    engine, processor). Results folders are only read. Exit code 6 says that a figure or a trial does not come back.

    Example: mlpctl verify linreg langid

    Example: mlpctl verify results/iris --trials 3
    """
    from dataclasses import replace

    from mlpctl.cli.screens.base import set_offline
    from mlpctl.display.tables import emit
    from mlpctl.errors import CheckFailed, UsageError
    from mlpctl.runner.shipped_experiments import experiment_or_results
    from mlpctl.runner.types import RunOptions
    from mlpctl.spec import make_spec
    from mlpctl.system.devices import asked_jobs

    set_offline(offline)
    named = make_spec(o.given_only(engine=engine, device=device))
    options = RunOptions(jobs=asked_jobs(jobs))
    given = [experiment_or_results(one) for one in what or ()]
    stored = [one for one in given if "#" in one or Path(one).is_dir()]
    if stored and len(stored) < len(given):
        other = next(one for one in given if one not in stored)
        raise UsageError(f"verify experiments or stored trials, not both at once: got '{other}' and '{stored[0]}'")
    settings = o.data_options(data)
    if settings and not what:
        raise UsageError("--data is of the dataset of one experiment: name the experiment too")
    people = format_ in ("table", "md")
    if stored:
        asked = replace(options, engine=named.engine, device=named.device)
        tables, text, failed = _trained_again(stored, trials, draw, asked, settings, quiet=quiet, people=people)
    else:
        files = [Path(one) for one in given]
        tables, text, failed = _published(files, out, options, settings, few=quick, quiet=quiet, people=people)
    emit(tables, format_, output)
    if failed:
        raise CheckFailed(text)


def _trained_again(
    where: list[str], count: int, seed: int, options: "RunOptions", data: dict[str, str], *, quiet: bool, people: bool
) -> "tuple[list[Table], str, bool]":
    from mlpctl.cli.screens.base import CountScreen, handle_interrupts
    from mlpctl.report.reproduce import draw_trials, reproduce, reproduced_tables, reproduced_text
    from mlpctl.runner.types import Stop
    from mlpctl.store.find_trial import find

    many = [
        [find(one, needed=False, failed=True)] if "#" in one else draw_trials(Path(one), count, seed) for one in where
    ]
    places = [place for some in many for place in some]
    stop = Stop(midway=True)
    with handle_interrupts(stop, "after the epochs in training"):
        done = reproduce(places, options, CountScreen("trained again", len(places), quiet=quiet), stop, data)
    return reproduced_tables(done, people=people), *reproduced_text(done)


def _published(
    files: list[Path], out: Path, options: "RunOptions", data: dict[str, str], *, few: bool, quiet: bool, people: bool
) -> "tuple[list[Table], str, bool]":
    from mlpctl.cli.screens.base import handle_interrupts
    from mlpctl.cli.screens.sweep import SweepScreen
    from mlpctl.runner.experiment import Experiment
    from mlpctl.runner.shipped_experiments import experiments_with
    from mlpctl.runner.types import Stop
    from mlpctl.textbook.published import (
        VerifyOptions,
        check_experiment,
        count_text,
        figures_by_experiment,
        figures_table,
    )

    def screen(experiment: Experiment) -> SweepScreen:
        return SweepScreen(experiment, jobs=options.jobs, quiet=quiet)

    stop = Stop()
    given = VerifyOptions("quick" if few else "default", out, options, screen, stop, data)
    with handle_interrupts(stop, "after the trials in training"):
        checks = {path.stem: check_experiment(path, given) for path in files or experiments_with("expect")}
    text, failed = count_text(checks)
    return (figures_by_experiment(checks, [text]) if people else [figures_table(checks)]), text, failed
