"""Draw how much gradient reaches each layer, for every configuration of an experiment."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpctl.display.figure_style import COLOURS, MARKERS, entitle, new_figure, styled
from mlpctl.inspection.gradients import root_mean_squares, sample_of, statistics
from mlpctl.inspection.loader import start_of
from mlpctl.inspection.subject import Subject, configuration_trials
from mlpctl.runner.trial import Trial
from mlpctl.spec import SEED_FIELDS, field_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlpctl.store.weights import Weights

MOST_CURVES = 60
"""Configurations that are drawn."""

FIELDS_OF_DEPTH = ("hidden_layers", "widths", "hidden_units", "batch_norm", "dropout")
"""Fields that the x axis tells, or that follow from it: curves that differ in these alone share a colour."""


@dataclass(frozen=True)
class Profile:
    """Curve of one network.

    Attributes:
        name: legend of its colour.
        rms: root mean square of each layer's gradient by its weights, from the first layer on.
    """

    name: str
    rms: tuple[float, ...]


def profiles_of(subject: Subject, given: Mapping[str, Any]) -> list[Profile]:
    """Return the profile at the start of every configuration of an experiment file, else at each stage of a trial.

    Args:
        subject: network that `inspect` looks at.
        given: fields of Spec that win over the file's.
    """
    if subject.experiment is None:
        return [profile(subject.trial, weights, stage) for stage, weights in subject.stages().items()]
    trials = list(configuration_trials(subject.experiment, given, MOST_CURVES))
    flat = [trial.spec.flat() for trial in trials]
    differing = [n for n in flat[0] if len({row[n] for row in flat}) > 1 and n not in (*SEED_FIELDS, *FIELDS_OF_DEPTH)]
    return [
        profile(trial, start_of(trial), ", ".join(f"{field_label(n)} {row[n]}" for n in names))
        for trial, row in zip(trials, flat, strict=True)
        for names in [[name for name in differing if row[name] is not None]]
    ]


def profile(trial: Trial, weights: "Weights", name: str) -> Profile:
    """Return how much gradient reaches each layer of a trial with some weights."""
    data = trial.work().data
    lines = statistics(trial.network, trial.spec, weights, data, sample_of(trial.spec, data))
    return Profile(name, tuple(root_mean_squares(trial.network, lines)))


def draw_profiles(profiles: Sequence[Profile], title: str) -> "Figure":
    """Return the figure: a curve per profile, the output layers above each other at the right."""
    names = list(dict.fromkeys(p.name for p in profiles))
    figure, axes = new_figure(6.8 + 0.07 * max(map(len, names)), 4.4)
    for p in profiles:
        number = names.index(p.name)
        x = [len(p.rms) - 1 - k for k in range(len(p.rms))]
        y = [value if value > 0 else math.nan for value in p.rms]  # a log scale has no place for none at all
        axes.plot(x, y, color=COLOURS[number % len(COLOURS)], marker=MARKERS[number % len(MARKERS)], markersize=4,
                  linewidth=1.3, alpha=0.9, label=p.name)  # fmt: skip
    axes.set_yscale("log")
    axes.invert_xaxis()
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("layers before the output layer")
    axes.set_ylabel("gradient of a weight (root mean square)")
    entitle(axes, f"{title}: how much gradient reaches each layer")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    if len(unique) > 1:  # lines of all depths end in one place: names at their ends would not tell them apart
        with styled():
            axes.legend(unique.values(), unique.keys(), loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
