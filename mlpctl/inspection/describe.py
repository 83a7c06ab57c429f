"""What `mlpctl inspect` does: finds the network that is meant, describes it, draws it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.display.tables import Table, for_people
from mlpctl.errors import UsageError, did_you_mean
from mlpctl.inspection.loader import load_saved, outputs_of, start_of
from mlpctl.models.affine import as_one_layer, is_affine
from mlpctl.models.cost import layers_table, totals_table
from mlpctl.runner.shipped_experiments import experiment_names
from mlpctl.runner.trial import Trial, trial_of
from mlpctl.spec import make_spec
from mlpctl.store.schema import TRIALS_FILE

if TYPE_CHECKING:
    from mlpctl.store.weights import Weights

SPARSE = "The inputs are sparse: what is told of the first layer would be so if they were dense, and is less."

START, BY_HAND = "before training", "weights set by hand"


@dataclass(frozen=True, eq=False)
class Subject:
    """A network to look at.

    Attributes:
        trial: of which it is.
        title: what it is, for people.
        weights: trained ones; None if there are none.
        stage: words for the trained weights: "after 20 epochs".
        notes: what the user should know.
    """

    trial: Trial
    title: str
    weights: "Weights | None" = None
    stage: str = ""
    notes: list[str] = field(default_factory=list)

    def latest(self) -> "tuple[Weights, str]":
        """Return the trained weights, or those at the start, and words for them."""
        if self.weights is not None:
            return self.weights, self.stage
        by_hand = self.trial.spec.model == "gate"
        return start_of(self.trial), BY_HAND if by_hand else START


def subject_of(target: str | None, given: Mapping[str, Any]) -> Subject:
    """Return what is to be looked at.

    Args:
        target: an experiment file, a results folder with or without #TRIAL, or None for a spec.
        given: fields of Spec; they win over an experiment file's, and are the spec where there is no target. Beside
            results only data: where the dataset's files are now.

    Raises:
        UsageError: for an impossible spec, options beside a results folder, a target that is neither.
        DataError: where results or data are missing.
    """
    if target is None:
        return _of_trial(trial_of(make_spec(given)), [])
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


def _of_trial(trial: Trial, notes: list[str]) -> Subject:
    return Subject(trial, _name(trial), notes=notes)


def _name(trial: Trial) -> str:
    dataset = trial.dataset
    return f"{dataset.source if dataset.name == 'gates' else dataset.name}, {trial.spec.model}"


def _of_experiment(path: Path, given: Mapping[str, Any]) -> Subject:
    from mlpctl.runner.ask_tell import samples
    from mlpctl.runner.sweep import Given, experiment_of

    experiment = experiment_of(Given(path, None, dict(given), (), (), None, {}, {}))
    spec = next(samples(experiment, 1))
    notes = []
    if experiment.axes:
        flat = spec.flat()
        told = [f"{a.name} {flat.get(a.name, spec.data.get(a.name.removeprefix('data.')))}" for a in experiment.axes]
        notes = [f"the first of {path}: {', '.join(told)}; --set KEY=VALUE takes another"]
    return _of_trial(trial_of(spec), notes)


def describe(subject: Subject, *, gradients: bool, people: bool) -> list[Table]:
    """Return the tables of a network: layers, totals, and with `gradients` the statistics of each stage.

    Raises:
        UsageError: where gradients are asked for and there are none to look at.
    """
    trial = subject.trial
    network, spec, data = trial.network, trial.spec, trial.work().data
    tables = [
        layers_table(network, spec, f"{subject.title}: {network.n_parameters:,} parameters", people=people),
        totals_table(network, spec, data.n_train, people=people),
    ]
    if not isinstance(data.X, np.ndarray):
        tables[0] = replace(tables[0], notes=[*tables[0].notes, SPARSE])
    if is_affine(network) and len(network.layers) > 1:
        tables.append(affine_table(subject))
    if gradients:
        from mlpctl.inspection.gradients import gradient_tables

        stages = {START: start_of(trial)}
        if subject.weights is not None:
            stages[subject.stage] = subject.weights
        tables += gradient_tables(network, spec, stages, data, people=people)
    return tables


def affine_table(subject: Subject) -> Table:
    """Return the check that a network without nonlinearity is one affine map: largest difference of outputs."""
    trial = subject.trial
    weights, stage = subject.latest()
    difference, largest, n = affine_difference(trial, weights)
    depth, network = len(trial.network.layers), trial.network
    row = {"layers": depth, "examples": n, "largest difference": difference, "largest output": largest}
    said = (
        f"Every activation is the identity: {depth} affine maps are one, {network.layers[0].inputs} → "
        f"{network.n_outputs}, in {(network.layers[0].inputs + 1) * network.n_outputs:,} parameters instead of "
        f"{network.n_parameters:,}. What differs is rounding ({trial.spec.dtype})."
    )
    return Table(list(row), [row], f"Composed into one affine map, {stage}", [said])


def affine_difference(trial: Trial, weights: "Weights") -> tuple[float, float, int]:
    """Return (largest difference, largest output, examples): a network without nonlinearity against its one affine map.

    Compared on the training part, both in the trial's dtype.
    """
    data = trial.work().data
    rows = data.parts["train"]
    outputs = outputs_of(trial.network, trial.spec, weights, data, rows)
    one, composed = as_one_layer(trial.network, weights)
    difference = np.abs(outputs_of(one, trial.spec, composed, data, rows) - outputs)
    return float(difference.max()), float(np.abs(outputs).max()), len(rows)


def draw(subject: Subject, *, graph: Path | None, boundary: Path | None, hidden: Path | None) -> None:
    """Write the figures that are asked for.

    Raises:
        UsageError: for a figure that this network has not, or a file that cannot be written.
    """
    from mlpctl.display.figure_style import save

    if graph is not None:
        from mlpctl.inspection.draw_network import draw_network

        dataset, network = subject.trial.dataset, subject.trial.network
        by_hand = subject.trial.spec.model == "gate"
        weights = subject.weights or (start_of(subject.trial) if by_hand else None)
        outputs = dataset.classes or dataset.targets
        if network.n_classes and network.n_outputs == 1:
            outputs = (f"{dataset.classes[1]} above {for_people(network.threshold)}",)
        n_inputs = network.layers[0].inputs
        names = dataset.features if len(dataset.features) == n_inputs else ()
        stage = f", {subject.latest()[1]}" if weights is not None else ""
        save(draw_network(network, f"{subject.title}{stage}", inputs=names, outputs=outputs, weights=weights), graph)
    if boundary is None and hidden is None:
        return
    from mlpctl.inspection.draw_plane import draw_boundary, draw_hidden

    weights, stage = subject.latest()
    for path, drawn in ((boundary, draw_boundary), (hidden, draw_hidden)):
        if path is not None:
            save(drawn(subject.trial, weights, f"{subject.title}, {stage}"), path)


def draw_gradients(subject: Subject, target: str | None, given: Mapping[str, Any], path: Path) -> None:
    """Write the figure of the gradients over depth.

    Raises:
        UsageError: for a file that cannot be written.
    """
    from mlpctl.display.figure_style import save
    from mlpctl.inspection.gradient_profile import draw_profiles, profiles_of

    is_file = target is not None and target.endswith(".toml")
    title = f"{Path(str(target)).stem}, before training" if is_file else subject.title
    save(draw_profiles(profiles_of(subject, target, given), title), path)
