"""Describe a network in tables, and draw it: the work of `mlpctl inspect`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mlpctl.display.tables import Table, for_people
from mlpctl.inspection.affine import composed_difference, is_affine
from mlpctl.inspection.loader import start_of
from mlpctl.inspection.subject import Subject
from mlpctl.models.cost import layers_table, totals_table

SPARSE_NOTE = "The inputs are sparse: what is told of the first layer would be so if they were dense, and is less."


def describe_network(subject: Subject, *, gradients: bool, people: bool, weights: bool = False) -> list[Table]:
    """Return the tables of a network: layers, totals, and those of weights and gradients where asked."""
    trial = subject.trial
    network, spec, data = trial.network, trial.spec, trial.work().data
    tables = [
        layers_table(network, spec, f"{subject.title}: {network.n_parameters:,} parameters", people=people),
        totals_table(network, spec, data.n_train, people=people),
    ]
    if not isinstance(data.X, np.ndarray):
        tables[0] = replace(tables[0], notes=[*tables[0].notes, SPARSE_NOTE])
    if is_affine(network) and len(network.layers) > 1:
        tables.append(affine_table(subject))
    if weights:
        from mlpctl.inspection.weights_tables import weights_tables

        tables += weights_tables(subject)
    if gradients:
        from mlpctl.inspection.gradients import gradient_tables

        tables += gradient_tables(network, spec, subject.stages(), data, people=people)
    return tables


def affine_table(subject: Subject) -> Table:
    """Return the check that a network without nonlinearity is one affine map: largest difference of outputs."""
    trial, network = subject.trial, subject.trial.network
    weights, stage = subject.latest()
    rows = trial.work().data.parts["train"]
    difference, largest = composed_difference(trial, weights, rows)
    depth, n_inputs = len(network.layers), network.layers[0].inputs
    row = {"layers": depth, "examples": len(rows), "largest difference": difference, "largest output": largest}
    note = (
        f"Every activation is the identity: {depth} affine maps are one, {n_inputs} → {network.n_outputs}, in "
        f"{(n_inputs + 1) * network.n_outputs:,} parameters instead of {network.n_parameters:,}. What differs is "
        f"rounding ({trial.spec.dtype})."
    )
    return Table(list(row), [row], f"Composed into one affine map, {stage}", [note])


def draw_figures(subject: Subject, *, graph: Path | None, boundary: Path | None, hidden: Path | None) -> None:
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


def draw_gradients(subject: Subject, given: Mapping[str, Any], path: Path) -> None:
    """Write the figure of the gradients over depth.

    Raises:
        UsageError: for a file that cannot be written.
    """
    from mlpctl.display.figure_style import save
    from mlpctl.inspection.draw_gradients import draw_profiles, profiles_of

    title = f"{subject.experiment.stem}, before training" if subject.experiment else subject.title
    save(draw_profiles(profiles_of(subject, given), title), path)
