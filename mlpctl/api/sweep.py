"""`mlpctl.sweep`."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.api.folders import fresh, in_folder
from mlpctl.api.notebook import watched
from mlpctl.api.results import Results
from mlpctl.api.signatures import plain, plain_fields, with_fields
from mlpctl.engines.precision import Precision
from mlpctl.errors import TrialsFailed, UsageError
from mlpctl.metrics import SelectOn
from mlpctl.runner.run_options import asked_options
from mlpctl.runner.sweep import Given, experiment_of, size_of
from mlpctl.runner.sweep import sweep as sweep_all
from mlpctl.search.axes import Axis, make_axis
from mlpctl.search.table import Method

if TYPE_CHECKING:
    from typing import Unpack

    from mlpctl.api.fields import SpecFields


@with_fields
def sweep(
    file: "str | PathLike[str] | None" = None,
    /,
    *,
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
        axes: field -> its values, or a range as in an experiment file: {"log": [1e-4, 1], "count": 7}.
        zip: groups of axes that move together, value by value.
        seeds: how many, or which. Default: 1.
        search: a method by name, or the [search] table of an experiment file. Default: every combination.
        trials: configurations that a search tries.
        select_on: part that configurations are compared on: validation, test or train.
        metric: that decides. Default: by task.
        out: where results folders are; None for a folder that goes when the Results do.
        name: of the results folder. Default: the file's, or DATASET-MODEL.
        jobs: trials in training at a time. Default: the cores.
        threads: of torch, in the engines reference and lanes.
        precision: of float32 products in the engine lanes.
        save: keep the weights of every trial.
        eval_train: score the training part too after each epoch.
        eval_test: score the test part too after each epoch.
        force: train again what is in the results already.
        retry_failed: run crashed, timed-out and out-of-memory trials again.
        max_trials: trials in all, those in the results included.
        budget: what this call may take: "90s", "10m", or model-epochs, "500e".
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
    given = plain_fields(fields)
    device, engine = given.pop("device", None), given.pop("engine", None)
    experiment = experiment_of(
        Given(
            file=None if file is None else Path(file),
            name=name,
            fields=given,
            axes=(),
            zipped=tuple(",".join(group) for group in zip),
            seeds=plain(seeds),
            search=_search(search, trials),
            select={key: value for key, value in (("on", select_on), ("metric", metric)) if value is not None},
            own_axes=_axes(axes or {}),
        )
    )
    options = asked_options(
        device=device, engine=engine, jobs=jobs, threads=threads, precision=precision, save=save, force=force,
        eval_train=eval_train, eval_test=eval_test, retry=retry_failed, max_trials=max_trials, budget=budget,
        timeout=timeout, keep_going=keep_going,
    )  # fmt: skip
    with in_folder(out) as kept, watched(size_of(experiment), progress=progress) as (quiet, stop):
        counts = sweep_all(experiment, kept.path, options, quiet, stop)
    folder = kept.path / experiment.name
    if counts.halted:
        raise TrialsFailed(f"{counts.halted}; mlpctl.load({str(folder)!r}) has what was trained")
    cut = [f"{counts.cut} is used up: the same call with more goes on"] if counts.cut else []
    return Results([folder], notes=[*quiet.notes, *cut], kept=kept)


def _search(search: str | Mapping[str, Any] | None, trials: int | None) -> dict[str, Any]:
    table = {} if search is None else {"method": search} if isinstance(search, str) else dict(search)
    table = {**table, **({} if trials is None else {"trials": trials})}
    from pydantic import ValidationError

    from mlpctl.search.table import SearchTable
    from mlpctl.spec import explain

    try:
        return SearchTable(**table).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise UsageError(list(explain(error, SearchTable, "search"))) from None


def _axes(axes: Mapping[str, Any]) -> tuple[Axis, ...]:
    made: list[Axis] = []
    problems: list[str] = []
    for name, values in axes.items():
        try:
            made.append(make_axis(name, plain(values)))
        except UsageError as error:
            problems += error.problems
    if problems:
        raise UsageError(problems)
    return tuple(made)
