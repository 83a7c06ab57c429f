"""mlpctl sweep."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpctl.cli import options as o
from mlpctl.display.tables import Format
from mlpctl.metrics import SelectOn
from mlpctl.runner.experiment import Experiment
from mlpctl.search.table import Method

if TYPE_CHECKING:
    from mlpctl.runner.types import RunOptions


@o.with_spec_options
def sweep(
    given: dict[str, Any],
    file: Annotated[
        Path | None,
        typer.Argument(help="Experiment: a TOML file, or the name of one that comes with mlpctl. Flags win over it."),
    ] = None,
    axis: Annotated[
        list[str] | None,
        typer.Option(
            "--axis",
            "-a",
            metavar="KEY=VALUES",
            help="What varies: lr=0.01,0.1 or lr=log:1e-4:1e-1:7 (lin:, int: likewise; without a count a range to draw "
            "from). Values that are lists are separated by ';': widths=64;128,64. An axis that some configurations "
            "have only: 'momentum=0.5,0.9 when optimizer=momentum'. Configurations listed in a file: @trials.csv.",
            rich_help_panel=o.EXPERIMENT_PANEL,
        ),
    ] = None,
    zip_: Annotated[
        list[str] | None, o.more("--zip", metavar="KEY,KEY", help="Axes that move together, value by value.")
    ] = None,
    settings: o.SettingsOption = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds", metavar="N", help="How many seeds, or which: 5, or 0,1,2. Default: 1; with folds each."
        ),
    ] = None,
    search: Annotated[Method | None, typer.Option("--search", help=o.search_help("method"))] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help=o.search_help("trials"))] = None,
    search_seed: Annotated[int | None, o.more("--search-seed", min=0, help=o.search_help("seed"))] = None,
    batch: Annotated[int | None, o.more("--batch", min=1, help=o.search_help("batch"))] = None,
    eta: Annotated[int | None, o.more("--eta", min=2, help=o.search_help("eta"))] = None,
    min_epochs: Annotated[int | None, o.more("--min-epochs", min=1, help=o.search_help("min_epochs"))] = None,
    select_on: Annotated[
        SelectOn | None, o.more("--select-on", help="Part that configurations are compared on.")
    ] = None,
    metric: Annotated[str | None, o.more("--metric", help="Metric that decides. Default: by task.")] = None,
    max_trials: Annotated[
        int | None, o.more("--max-trials", min=1, help="Trials in all, those in the results included.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option("--budget", metavar="TIME", help="Time limit of this run: 90s, 10m, 1.5h; or model-epochs: 500e."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be trained, and stop.")] = False,
    name: o.Name = None,
    out: o.Out = Path("results"),
    jobs: o.Jobs = None,
    cluster: Annotated[
        str | None,
        o.more(
            "--cluster",
            metavar="HOST:PORT|auto",
            help="Train on a Ray cluster; auto: the one that this machine is part of. Needs mlpctl[cluster]. Without "
            "--jobs every CPU there trains.",
        ),
    ] = None,
    threads: o.Threads = 1,
    precision: o.PrecisionOption = "fp32",
    save: o.Save = False,
    save_best: o.SaveBest = True,
    eval_train: o.FitEach = False,
    eval_test: o.TestEach = False,
    force: o.Force = False,
    retry_failed: Annotated[
        bool, o.more("--retry-failed", help="Run crashed, timed-out and out-of-memory trials again.")
    ] = False,
    tensorboard: o.Board = None,
    mlflow: o.MlflowOption = None,
    timeout: Annotated[
        float | None,
        o.more(
            "--timeout",
            metavar="SECONDS",
            help="What a trial may take in training. It ends within an epoch; trials that train in groups (lanes) end "
            "after it.",
        ),
    ] = None,
    keep_going: Annotated[
        bool,
        o.more("--keep-going", help="Never stop for failures. Default: 20 alike in a row end it."),
    ] = False,
    fail_fast: Annotated[bool, o.more("--fail-fast", help="Stop at the first failure.")] = False,
    shard: Annotated[
        str | None,
        o.more("--shard", metavar="I/N", help="Train part I of N only, into NAME-I-of-N."),
    ] = None,
    offline: o.Offline = False,
    quiet: o.Quiet = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Train every combination of some hyperparameters and tell which is best.

    The same command finishes an interrupted sweep, and a widened one trains the new combinations only.

    Example: mlpctl sweep --dataset iris --axis hidden_units=4,16,64 --axis lr=log:0.01:1:3 --seeds 3
    """
    import gc
    from contextlib import ExitStack
    from dataclasses import replace

    from mlpctl.cli.screens.base import handle_interrupts, set_offline
    from mlpctl.cli.screens.sweep import SweepScreen
    from mlpctl.errors import UsageError
    from mlpctl.runner.callbacks.trackers import tracked
    from mlpctl.runner.programs import check_no_program
    from mlpctl.runner.run_options import asked_options
    from mlpctl.runner.shard import parse_shard, sharded
    from mlpctl.runner.sweep import Given, check_all_trained, experiment_of, trial_count
    from mlpctl.runner.sweep import sweep as sweep_all
    from mlpctl.runner.types import Stop

    set_offline(offline)
    part = parse_shard(shard) if shard is not None else None
    fields, options = asked_options(
        given, settings=settings or [], file=file, jobs=jobs, threads=threads, precision=precision,
        save=save, save_best=save_best, force=force, eval_train=eval_train, eval_test=eval_test,
        retry=retry_failed, max_trials=max_trials, budget=budget,
        timeout=timeout, keep_going=keep_going, fail_fast=fail_fast, shard=part,
    )  # fmt: skip
    experiment = experiment_of(
        Given(
            file=file,
            name=name,
            fields=fields,
            axes=axis or [],
            zipped=tuple(zip_ or []),
            seeds=seeds,
            search=o.given_only(
                method=search, trials=trials, seed=search_seed, batch=batch, eta=eta, min_epochs=min_epochs
            ),
            select=o.given_only(on=select_on, metric=metric),
        )
    )
    if not file and not experiment.varied and len(experiment.seeds) == 1 and search is None:
        raise UsageError("nothing varies: give --axis KEY=V1,V2 or --seeds N; one network is `mlpctl train`")
    experiment = sharded(experiment, part) if part is not None else experiment
    gc.freeze()  # what is imported stays: to look through it again and again was a fifth of a sweep of tiny trials
    if dry_run:
        _print_plan(experiment, out, options, format_, output)
        return
    stop = Stop()
    total = int(min(trial_count(experiment, part), options.limits.trials))
    with ExitStack() as stack:
        if cluster is not None:
            check_no_program(experiment.base, "--cluster")
            from mlpctl.engines.distributed.cluster import connected

            place = stack.enter_context(connected(cluster, jobs))
            options = replace(options, cluster=place, jobs=place.trials())
        screen = SweepScreen(
            experiment, jobs=options.jobs, quiet=quiet, folder=None if force else out / experiment.name, total=total,
            streams=cluster is None,
        )  # fmt: skip
        callback = stack.enter_context(tracked(screen, tensorboard, mlflow, out / experiment.name))
        stack.enter_context(screen)
        stack.enter_context(handle_interrupts(stop, "after the trials in training"))
        counts = sweep_all(experiment, out, options, callback, stop)
    if (stored := counts.stored.total()) and not quiet:
        screen.on_note(f"{stored} of {max(total, stored)} trials were in {out / experiment.name} already")
    if counts.cut and not quiet:
        from mlpctl.cli.screens.dry_run import left_out
        from mlpctl.display.tables import print_tables
        from mlpctl.runner.dry_run import rest

        if left := rest(experiment, out, options, counts):
            print_tables(left_out(left, people=True), screen.err)
    from mlpctl.report.report import others_note, report

    others = report([out / experiment.name], format_=format_, output=output)
    if others and not quiet:
        screen.on_note(others_note(others).replace("--all", f"mlpctl report {out / experiment.name} --all"))
    check_all_trained(counts)


def _print_plan(experiment: Experiment, out: Path, options: "RunOptions", format_: Format, output: Path | None) -> None:
    """Print what would be trained, and what that takes."""
    from mlpctl.cli.screens.base import say
    from mlpctl.cli.screens.dry_run import tables
    from mlpctl.display.tables import emit
    from mlpctl.report.report import report
    from mlpctl.runner.dry_run import preview
    from mlpctl.system.facts import seconds_since_start

    def write_report(folder: Path) -> None:
        report([folder], format_="md", output=folder / "report.md")

    say(experiment.notes)
    plan = preview(experiment, out, options, started=seconds_since_start(), report=write_report)
    emit(tables(plan, people=format_ in ("table", "md")), format_, output)
