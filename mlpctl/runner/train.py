"""Train one trial: the library call of `mlpctl train`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlpctl.errors import UsageError
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.engine_choice import check_named
from mlpctl.runner.experiment import Experiment, base_of, checked, default_name, merged
from mlpctl.runner.loop import run
from mlpctl.runner.own_code import allow_own_models
from mlpctl.runner.pending import has_to_run
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.runner.types import Counts, RunOptions, Stop
from mlpctl.spec import make_spec
from mlpctl.store.writer import Store
from mlpctl.system.facts import environment


@dataclass(frozen=True)
class Trained:
    """Trial that was trained, and where its results are.

    Attributes:
        trial: trial that was trained.
        folder: the results folder.
        counts: counts of the run: trained now, or found in the store.
        weights: the file of the weights, if there is one.
    """

    trial: Trial
    folder: Path
    counts: Counts
    weights: Path | None


def asked_spec(file: Path | None, given: Mapping[str, Any], name: str | None) -> tuple[dict[str, Any], str | None]:
    """Return (fields of Spec, name of the results folder) of an experiment file and what was given beside it.

    Args:
        file: TOML file, or the name of an experiment that comes with mlpctl; None for none.
        given: fields of Spec and data.OPTION; they win over the file's.
        name: of the results folder; None for the file's name, or None.

    Raises:
        UsageError: every problem of the file at once.
    """
    if file is None:
        allow_own_models(given)
        return merged({}, given), name
    from mlpctl.runner.experiment_file import read_experiment  # 10 ms
    from mlpctl.runner.shipped_experiments import find_experiment

    path = find_experiment(file)
    base = read_experiment(path).base
    allow_own_models(given, base, file=path)
    return merged(base, given), name or path.stem


def train(
    given: Mapping[str, Any], out: Path, name: str | None, options: RunOptions, callback: Callback, stop: Stop
) -> Trained:
    """Train one spec and return what it left; a trial that is in the store already is not trained again.

    Args:
        given: fields of Spec.
        out: folder of results folders.
        name: of the results folder; DATASET-MODEL if None.
        options: options of the run.
        callback: told of the epochs.
        stop: set to stop after the current epoch.

    Raises:
        UsageError: for an impossible spec.
        MlpctlError: see `mlpctl.runner.loop.run`.
    """
    spec = make_spec(given)
    if spec.command is not None:
        raise UsageError("a command is run by `mlpctl sweep --command`, with --axis KEY=VALUE for one trial")
    trial = trial_of(spec)
    experiment = checked(Experiment(name or default_name(given), base_of(given, where="")))
    check_named(trial, options)
    with Store(out / experiment.name) as store:
        for note in (*trial.notes, *store.repairs):
            callback.on_note(note)
        if has_to_run(store, trial.key, options):
            store.describe(experiment.as_toml(), environment(precision=options.precision))
        counts = run([[spec]], store, options, callback, stop)
        weights = store.weights_file(trial.key)
    return Trained(trial, out / experiment.name, counts, weights if weights.is_file() else None)
