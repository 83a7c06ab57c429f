"""Find the network that `mlpctl inspect` is to look at: of a spec, an experiment, or a trial of a results folder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.inspection.loader import load_saved, start_of
from mlpctl.runner.ask_tell import samples
from mlpctl.runner.experiment import Experiment
from mlpctl.runner.shipped_experiments import experiment_names
from mlpctl.runner.sweep import Given, experiment_of
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.spec import Spec, is_own_model, make_spec
from mlpctl.store.schema import TRIALS_FILE

if TYPE_CHECKING:
    from mlpctl.store.weights import Weights

BEFORE_TRAINING, BY_HAND = "before training", "weights set by hand"


@dataclass(frozen=True, eq=False)
class Subject:
    """Network to look at.

    Attributes:
        trial: trial that the network belongs to.
        title: name for people.
        weights: trained weights; None if there are none.
        stage: words for the trained weights: "after 20 epochs".
        notes: lines that the user should read.
        experiment: file whose first trial it is; None otherwise.
    """

    trial: Trial
    title: str
    weights: "Weights | None" = None
    stage: str = ""
    notes: list[str] = field(default_factory=list)
    experiment: Path | None = None

    def latest(self) -> "tuple[Weights, str]":
        """Return the trained weights, or those at the start, and words for them."""
        if self.weights is not None:
            return self.weights, self.stage
        return start_of(self.trial), BY_HAND if self.trial.spec.model == "gate" else BEFORE_TRAINING

    def stages(self) -> "dict[str, Weights]":
        """Return words -> weights: at the start and, of a trained network, at the end."""
        trained = {} if self.weights is None else {self.stage: self.weights}
        return {BEFORE_TRAINING: start_of(self.trial), **trained}


def subject_of(target: str | None, given: Mapping[str, Any]) -> Subject:
    """Return the network to look at.

    Args:
        target: experiment file, results folder with or without #TRIAL, or None for a spec.
        given: fields of Spec; they win over an experiment file's, and are the spec where there is no target. Beside
            results only `data`: where the dataset's files are now.

    Raises:
        UsageError: for an impossible spec, options beside a results folder, a target that is neither.
        DataError: where results or data are missing.
    """
    if target is None:
        trial = _trial(make_spec(given))
        return Subject(trial, _name(trial))
    if target.endswith(".toml"):
        return _of_experiment(Path(target), given)
    if "#" not in target and not (Path(target) / TRIALS_FILE).is_file():
        raise UsageError(
            f"inspect takes an experiment (file or name), a results folder or options, got '{target}': "
            f"{did_you_mean(target, experiment_names())}"
        )
    if others := [name for name in given if name != "data"]:
        raise UsageError(f"{target} says what the network is: leave {', '.join(others)} out")
    saved = load_saved(target, needed=False, data=given.get("data", ()))
    notes = [f"trial {saved.place.key}: {saved.place.why}"] if saved.place.why else []
    epochs = saved.row["epochs_done"]
    stage = f"after {epochs} epoch{'s' * (epochs != 1)}" if epochs else "untrained"
    if saved.trial.spec.model == "gate":
        stage = BY_HAND
    return Subject(saved.trial, f"{_name(saved.trial)}, trial {saved.place.key}", saved.weights, stage, notes)


def configuration_trials(path: Path, given: Mapping[str, Any], most: int) -> Iterator[Trial]:
    """Yield a trial of each configuration of an experiment file, up to a number of them."""
    seen: set[str] = set()
    for spec in samples(_experiment(path, given), most):
        trial = trial_of(spec)
        if trial.config not in seen:
            yield trial
            seen.add(trial.config)
        if len(seen) == most:
            return


def _experiment(path: Path, given: Mapping[str, Any]) -> Experiment:
    return experiment_of(Given(path, None, dict(given), (), (), None, {}, {}))


def _of_experiment(path: Path, given: Mapping[str, Any]) -> Subject:
    experiment = _experiment(path, given)
    spec = next(samples(experiment, 1))
    notes = []
    if experiment.axes:
        flat = spec.flat()
        values = [f"{a.name} {flat.get(a.name, spec.data.get(a.name.removeprefix('data.')))}" for a in experiment.axes]
        notes = [f"the first of {path}: {', '.join(values)}; --set KEY=VALUE takes another"]
    trial = _trial(spec)
    return Subject(trial, _name(trial), notes=notes, experiment=path)


def _trial(spec: Spec) -> Trial:
    """Return the trial of a spec.

    Raises:
        UsageError: for a model of the user's own, and a program.
    """
    if spec.command is not None or (spec.model is not None and is_own_model(spec.model)):
        raise UsageError(f"mlpctl looks into its own networks alone, and {spec.command or spec.model} is yours")
    return trial_of(spec)


def _name(trial: Trial) -> str:
    dataset = trial.dataset
    return f"{dataset.source if dataset.name == 'gates' else dataset.name}, {trial.spec.model}"
