"""Train every trial of an experiment: the library call of `mlpctl sweep`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from mlpctl.errors import BudgetUsed, TrialsFailed, UsageError
from mlpctl.metrics import FINAL_METRICS
from mlpctl.models.own import OwnNetwork
from mlpctl.runner.ask_tell import Outcomes, batches, samples
from mlpctl.runner.best_weights import BestWeights
from mlpctl.runner.callbacks.base import Callback, Callbacks
from mlpctl.runner.engine_choice import check_named
from mlpctl.runner.experiment import Experiment, base_of, checked, default_name, groups, merged, seeds_of
from mlpctl.runner.loop import run
from mlpctl.runner.own_code import allow_own_models
from mlpctl.runner.pending import identify, in_shard
from mlpctl.runner.programs import check_own_command, with_program
from mlpctl.runner.search_progress import not_reached
from mlpctl.runner.shard import Shard
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.runner.types import Counts, RunOptions, Stop
from mlpctl.search.axes import Axis, make_axis, parse_axis
from mlpctl.search.listed import read_list
from mlpctl.search.space import never
from mlpctl.search.table import BY_EPOCHS, checked_search
from mlpctl.spec import respelled
from mlpctl.store.writer import Store
from mlpctl.system.facts import environment

COMBINATIONS_CHECKED = 1000
"""Combinations that are checked before the first is trained: if none of them can be, the experiment is wrong."""


@dataclass(frozen=True)
class Given:
    """Parts of an experiment that were given beside or instead of its file.

    Attributes:
        file: TOML file.
        name: of the results folder.
        fields: fixed fields of Spec; they win over the file's.
        axes: texts as `--axis` has them, or name -> values; they win over the file's of the same name.
        zipped: names of axes that move together, as `--zip` has them; they win over the file's.
        seeds: number of seeds, or a list of them.
        search: fields of the [search] table.
        select: fields of the [select] table.
    """

    file: Path | None
    name: str | None
    fields: dict[str, Any]
    axes: Sequence[str] | Mapping[str, Any]
    zipped: tuple[str, ...]
    seeds: int | str | Sequence[int] | None
    search: dict[str, Any]
    select: dict[str, Any]


def experiment_of(given: Given) -> Experiment:
    """Return the experiment of a file and the flags.

    Raises:
        UsageError: every problem at once.
    """
    start = Experiment("", {})
    if given.file:
        from mlpctl.runner.experiment_file import read_experiment  # 10 ms

        start = read_experiment(given.file)
        check_own_command(given.file, start.base, given.fields)
    program = "command" in given.fields or "command" in start.base
    listed, own = parse_axes(given.axes, program=program)
    fields = dict(given.fields) if program else respelled(given.fields)
    _check_agreement(fields, own, listed or start.listed)
    allow_own_models(fields, start.base, [*own, *start.axes, *filter(None, [listed or start.listed])], given.file)
    base = base_of(merged(start.base, fields), where="")
    axes = {axis.name: axis for axis in (*start.axes, *own)}
    notes = [f"{name} {fields[name]} overrules the axis of {given.file}" for name in fields if axes.pop(name, None)]
    for axis in start.axes:
        for name, allowed in axis.when if axis.name in axes and axis not in own else ():
            if is_ := fields and never([*axes.values()], base, name, allowed):
                notes.append(f"axis {axis.name} of {given.file} never exists where {name} is {is_}")
                axes.pop(axis.name, None)
    are_open = given.file is None or start.seeds == seeds_of(None, start.base)
    seeds = seeds_of(given.seeds, base) if given.seeds is not None or are_open else start.seeds
    kept = tuple(group for group in start.zipped if all(name in axes for name in group))
    zipped = groups([names.split(",") for names in given.zipped], program=program) or kept
    return checked(
        Experiment(
            name=given.name or start.name or default_name(base),
            base=base,
            axes=tuple(axes.values()),
            zipped=zipped,
            listed=listed or start.listed,
            seeds=seeds,
            search=start.search.model_copy(update=checked_search(given.search)),
            select=start.select.model_copy(update=given.select),
            notes=(*notes, *(said for axis in axes.values() if (said := _repeated(axis, zipped)))),
        )
    )


def _check_agreement(fields: Mapping[str, Any], axes: Sequence[Axis], listed: Axis | None) -> None:
    """Check that nothing is fixed and varied at once.

    Raises:
        UsageError: every contradiction.
    """
    varied = {name: f"--axis {name}=" for axis in axes for name in axis.names}
    varied |= dict.fromkeys(() if listed is None else listed.names, "the list of configurations")
    problems = [
        f"{name} is fixed to {fields[name]}, and varies by {varied[name]}: give one of them"
        for name in fields
        if name in varied
    ]
    if problems:
        raise UsageError(problems)


def _repeated(axis: Axis, zipped: Sequence[Sequence[str]]) -> str:
    """Return what is to be said of an axis with equal values; "" where there is nothing."""
    if not axis.repeated or any(axis.name in group for group in zipped):
        return ""
    told = f"axis {axis.name}: of {len(axis.repeated)} values {len(axis.values)} differ"
    return f"{told}, and each is trained once: {', '.join(map(str, axis.values[:10]))}{' …' * (len(axis.values) > 10)}"


def parse_axes(given: Sequence[str] | Mapping[str, Any], *, program: bool = False) -> tuple[Axis | None, list[Axis]]:
    """Return (the list of configurations, written @FILE, the axes) of the command line or of Python.

    Args:
        given: texts, or name -> values.
        program: the axes are of a program, see `mlpctl.spec.param_name`.

    Raises:
        UsageError: every problem at once.
    """
    listed, axes = None, []
    problems: list[str] = []
    for item in given.items() if isinstance(given, Mapping) else given:
        try:
            if not isinstance(item, str):
                axes.append(make_axis(*item, program=program))
            elif item.startswith("@"):
                listed = read_list(Path(item[1:]), program=program)
            else:
                axes.append(parse_axis(item, program=program))
        except UsageError as error:
            problems += error.problems
    names = [axis.name for axis in axes]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems += [f"axis {name} is given twice: list its values in one --axis" for name in twice]
    if problems:
        raise UsageError(problems)
    return listed, axes


def trial_count(experiment: Experiment, shard: Shard | None = None) -> int:
    """Return the number of trials of an experiment, equal combinations counted apart; of a part of many about how many.

    Args:
        experiment: to train.
        shard: the part of it; None for all.
    """
    size = experiment.strategy().size() * len(experiment.seeds)
    if shard is None:
        return size
    if size > COMBINATIONS_CHECKED:
        return -(-size // shard.of)
    found = map(identify, samples(experiment, size))
    named = ((trial, trial.key if trial else str(row["key"])) for trial, row in found)
    return len({key for trial, key in named if in_shard(shard, trial, key)})


def check_some(experiment: Experiment, options: RunOptions) -> Trial:
    """Check that the experiment can be trained and chosen from, before anything is written; return a trial of it.

    Raises:
        UsageError: if none of its first combinations can be trained, or nothing could select.
    """
    first: UsageError | None = None
    for spec in islice(samples(experiment, COMBINATIONS_CHECKED), COMBINATIONS_CHECKED):
        try:
            trial = trial_of(spec)
        except UsageError as error:
            first = first or error
            continue
        _check_selection(experiment, trial)
        check_named(trial, options)
        return trial
    raise first or UsageError("nothing to do: the experiment has no trial")


def _check_selection(experiment: Experiment, trial: Trial) -> None:
    if trial.is_program:
        return
    if experiment.select.metric in FINAL_METRICS and isinstance(trial.network, OwnNetwork):
        raise UsageError(f"{experiment.select.metric} is not known of a model of your own: --metric accuracy or loss")
    if experiment.select.on == "validation" and not trial.work().data.parts["val"].size:
        raise UsageError(
            f"{trial.spec.dataset} has no validation part under this spec to choose on: set val_fraction, or "
            "use --select-on train or --select-on test"
        )


def options_for(experiment: Experiment, options: RunOptions) -> RunOptions:
    """Return the options with what the selection needs scored."""
    return replace(
        options,
        fit_each=options.fit_each or experiment.select.on == "train",
        test_each=options.test_each or experiment.select.on == "test",
        expected=int(min(trial_count(experiment, options.shard), options.limits.trials)),
        most_epochs=experiment.strategy().most_epochs,
        by_class=experiment.select.metric in FINAL_METRICS,
    )


def sweep(experiment: Experiment, out: Path, options: RunOptions, callback: Callback, stop: Stop) -> Counts:
    """Train every trial of an experiment that is not in its results folder yet; return the counts.

    Raises:
        UsageError: for an experiment that cannot be trained.
        MlpctlError: see `mlpctl.runner.loop.run`.
    """
    options = with_program(options, experiment.base, out / experiment.name)
    some = check_some(experiment, options)
    with Store(out / experiment.name) as store:
        for note in (*some.notes, *experiment.notes, *store.repairs):
            callback.on_note(note)
        there = {} if options.cluster is None else {"cluster": options.cluster.facts()}
        store.describe(experiment.as_toml(), environment(precision=options.precision) | there, counts=True)
        selection = experiment.select.on, experiment.select.metric
        outcomes = Outcomes(*selection)
        learns = experiment.strategy().learns
        if learns and not options.force:
            outcomes.read(store.folder)
        asked = batches(experiment, outcomes)
        options = options_for(experiment, options)
        told = Callbacks(outcomes, callback) if learns else callback
        best = None
        if options.save_best and not options.save:
            best = BestWeights(store, *selection, len(experiment.seeds), experiment.search.method in BY_EPOCHS)
        try:
            counts = run(asked, store, options, told, stop, best)
        finally:
            if best is not None:
                best.write()
        if best is not None:
            best.finish(options, callback.on_note, is_whole=not (counts.cut or counts.halted))
        if learns and counts.cut:
            counts.left, counts.rungs = not_reached(experiment, outcomes)
        return counts


def check_all_trained(counts: Counts) -> None:
    """Check that every trial was trained and ended well.

    Raises:
        TrialsFailed: if failures ended the run.
        BudgetUsed: if trials were left out.
        TrialsFailed: if some did not, now or in an earlier run, with how many and how.
    """
    if counts.halted:
        raise TrialsFailed(counts.halted)
    if counts.cut:
        raise BudgetUsed(f"{counts.cut} is used up: what was trained is saved, the same command with more goes on")
    all_ = counts.statuses + counts.stored
    failed = {status: n for status, n in all_.items() if status != "ok"}
    if failed:
        said = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in failed.items())
        raise TrialsFailed(f"{sum(failed.values())} of {all_.total()} trials failed: {said}")
