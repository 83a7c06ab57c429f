"""Train, sweep and load in Python: the same library calls as the commands, with DataFrames in place of tables."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from weakref import finalize

from mlpctl import data
from mlpctl.engines.precision import Precision
from mlpctl.errors import TrialsFailed, UsageError
from mlpctl.metrics import SelectOn
from mlpctl.report.results import Results
from mlpctl.report.run import Run
from mlpctl.runner.callbacks.notebook import shown_progress
from mlpctl.runner.own_code import with_own_model
from mlpctl.runner.programs import function_engine, function_fields
from mlpctl.runner.run_options import asked_options
from mlpctl.runner.signatures import plain_fields, plain_value, with_fields
from mlpctl.runner.sweep import Given, experiment_of, trial_count
from mlpctl.runner.sweep import sweep as sweep_all
from mlpctl.runner.train import asked_spec
from mlpctl.runner.train import train as train_one
from mlpctl.search.table import Method
from mlpctl.store import weights

if TYPE_CHECKING:
    from typing import Unpack

    from mlpctl.spec_fields import SpecFields


@with_fields
def train(
    file: "str | PathLike[str] | None" = None,
    /,
    *,
    out: "str | PathLike[str] | None" = "results",
    name: str | None = None,
    save: bool = False,
    eval_train: bool = False,
    eval_test: bool = False,
    force: bool = False,
    jobs: int | None = None,
    threads: int = 1,
    precision: Precision = "fp32",
    progress: bool = True,
    **fields: "Unpack[SpecFields]",
) -> Run:
    """Return one trained network: what `mlpctl train` does.

    The options of the network are the fields of docs/hyperparameters.md, by their names; what is left out is decided by
    the dataset, the model or the optimizer. A trial that is in the results folder already is not trained again. One
    that fails (a loss that is no number any more) is returned too, with its `status`.

        run = mlpctl.train(dataset="iris", hidden_units=32, lr=0.05, epochs=50)
        run.epochs.plot(x="epoch", y="val_accuracy")

    Args:
        file: TOML experiment file, or the name of a shipped one; its spec is trained, with what else is given here.
        out: folder of results folders; None for a folder that goes when the Run does.
        name: of the results folder. Default: DATASET-MODEL.
        save: keep the weights, so that the Run has them and can predict.
        eval_train: score the training part too after each epoch.
        eval_test: score the test part too after each epoch.
        force: train again what is in the results already.
        jobs: cores that train a large network. Default: all.
        threads: of torch, in the engines reference and lanes.
        precision: of float32 products in the engine lanes.
        progress: show where training is, once it takes longer than a second.
        **fields: the fields of Spec.

    Raises:
        UsageError: for an impossible spec, every problem at once.
        DataError: where the data are missing or not what they should be.
        DeviceError: where the device is not there.
        KeyboardInterrupt: after an interrupt, with the store whole; the same call goes on.
    """
    fresh()
    given, options = asked_options(
        with_own_model(plain_fields(fields)), file=None if file is None else Path(file), jobs=jobs, threads=threads,
        precision=precision, save=save, force=force, eval_train=eval_train, eval_test=eval_test,
    )  # fmt: skip
    spec, name = asked_spec(None if file is None else Path(file), given, name)
    with in_folder(out) as kept, shown_progress(1, progress=progress) as (callback, stop):
        done = train_one(spec, kept.path, name, options, callback, stop)
    return Run(done.folder, done.trial.key, notes=callback.notes, kept=kept)


@with_fields
def sweep(
    file: "str | PathLike[str] | None" = None,
    /,
    *,
    objective: Callable[..., Any] | None = None,
    axes: Mapping[str, Any] | None = None,
    zip: Sequence[Sequence[str]] = (),
    seeds: int | Sequence[int] | None = None,
    search: Method | Mapping[str, Any] | None = None,
    trials: int | None = None,
    select_on: SelectOn | None = None,
    metric: str | None = None,
    out: "str | PathLike[str] | None" = "results",
    name: str | None = None,
    jobs: int | None = None,
    threads: int = 1,
    precision: Precision = "fp32",
    save: bool = False,
    save_best: bool = True,
    eval_train: bool = False,
    eval_test: bool = False,
    force: bool = False,
    retry_failed: bool = False,
    max_trials: int | None = None,
    budget: str | None = None,
    timeout: float | None = None,
    keep_going: bool = False,
    progress: bool = True,
    **fields: "Unpack[SpecFields]",
) -> Results:
    """Return the results of training every combination of some hyperparameters: what `mlpctl sweep` does.

    Writes the same store as the command: the same call finishes an interrupted sweep, and a widened one trains the new
    combinations only. Failed trials are rows with a status.

        results = mlpctl.sweep(dataset="iris", axes={"lr": [0.01, 0.1], "hidden_units": [8, 32]}, seeds=3)
        results.summary()

    Args:
        file: TOML experiment file, or the name of a shipped one; what else is given here wins over what it says.
        objective: function to call in place of training a network. Its keyword arguments are the axes and the other
            fields given here, and `seed` and `epochs` if it has such parameters. It returns its score, or a mapping of
            scores by name, or yields a mapping per epoch; see docs/program.md.
        axes: field -> its values, or a range as in an experiment file: {"log": [1e-4, 1], "count": 7}.
        zip: groups of axes that move together, value by value.
        seeds: number of seeds, or a list of them. Default: 1, or one for each fold.
        search: a method by name, or the [search] table of an experiment file. Default: every combination.
        trials: configurations that a search tries.
        select_on: part that configurations are compared on: validation, test or train.
        metric: metric that decides. Default: by task.
        out: folder of results folders; None for a folder that goes when the Results do.
        name: of the results folder. Default: the file's, or DATASET-MODEL.
        jobs: trials in training at a time. Default: the cores; 1 for an objective, which runs on threads.
        threads: of torch, in the engines reference and lanes.
        precision: of float32 products in the engine lanes.
        save: keep the weights of every trial.
        save_best: keep those of the best configuration, so that it can predict.
        eval_train: score the training part too after each epoch.
        eval_test: score the test part too after each epoch.
        force: train again what is in the results already.
        retry_failed: run crashed, timed-out and out-of-memory trials again.
        max_trials: trials in all, those in the results included.
        budget: limit of this call: "90s", "10m", or model-epochs, "500e".
        timeout: seconds that a trial may take.
        keep_going: never stop for failures. Default: 20 alike in a row end the sweep.
        progress: show how many trials are done, once it takes longer than a second.
        **fields: the fields of Spec that stay fixed.

    Raises:
        UsageError: for an experiment that cannot be trained, every problem at once.
        TrialsFailed: where failures ended the sweep; what was trained is in the folder.
        DataError: where the data are missing or not what they should be.
        DeviceError: where the device is not there.
        KeyboardInterrupt: after an interrupt, with the store whole; the same call goes on.
    """
    fresh()
    given = with_own_model(plain_fields(fields))
    if objective is not None:
        given, jobs = function_fields(objective, given), jobs or 1
    given, options = asked_options(
        given, file=None if file is None else Path(file), jobs=jobs, threads=threads,
        precision=precision, save=save, save_best=save_best, force=force,
        eval_train=eval_train, eval_test=eval_test, retry=retry_failed,
        max_trials=max_trials, budget=budget, timeout=timeout, keep_going=keep_going,
    )  # fmt: skip
    table = {"method": search} if isinstance(search, str) else dict(search or {})
    experiment = experiment_of(
        Given(
            file=None if file is None else Path(file),
            name=name,
            fields=given,
            axes={key: plain_value(values) for key, values in (axes or {}).items()},
            zipped=tuple(",".join(group) for group in zip),
            seeds=plain_value(seeds),
            search=table if trials is None else {**table, "trials": trials},
            select={key: value for key, value in (("on", select_on), ("metric", metric)) if value is not None},
        )
    )
    if objective is not None:
        options = replace(options, program=function_engine(objective, experiment))
    with in_folder(out) as kept, shown_progress(trial_count(experiment), progress=progress) as (callback, stop):
        counts = sweep_all(experiment, kept.path, options, callback, stop)
    folder = kept.path / experiment.name
    if counts.halted:
        raise TrialsFailed(f"{counts.halted}; mlpctl.load({str(folder)!r}) has what was trained")
    cut = [f"{counts.cut} is used up: the same call with more goes on"] if counts.cut else []
    return Results([folder], notes=[*callback.notes, *cut], kept=kept)


def load(*folders: "str | PathLike[str]", every: bool = False) -> Results:
    """Return what is in results folders, finished or not: the trials that their experiments asked for.

        results = mlpctl.load("results/iris-mlp")
        results.trials.groupby("lr")["val_accuracy"].mean()

    Args:
        *folders: one or several; of a trial that is in two the last counts.
        every: return the trials of other experiments in these folders too.

    Raises:
        DataError: where a folder holds no results, or a file cannot be read.
        UsageError: where no folder is given.
    """
    if not folders:
        raise UsageError("which results? name a folder, such as results/iris-mlp")
    return Results([Path(folder) for folder in folders], every=every)


class KeptFolder:
    """Folder of results folders; a temporary one is removed with the last object that holds this."""

    def __init__(self, out: "str | PathLike[str] | None") -> None:
        """Take a folder, or make a temporary one for None."""
        self.path = Path(mkdtemp(prefix="mlpctl-") if out is None else out)
        if out is None:
            self.remove = finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@contextmanager
def in_folder(out: "str | PathLike[str] | None") -> Iterator[KeptFolder]:
    """Give the folder; a temporary one is removed at once where the body fails."""
    kept = KeptFolder(out)
    try:
        yield kept
    except BaseException:
        if out is None:
            kept.remove()
        raise


def fresh() -> None:
    """Clear what was read before: in a notebook, files may have changed since the last call."""
    data.clear_cache()
    weights.pinned.cache_clear()
