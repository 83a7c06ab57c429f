"""Design of an experiment as its trials have it: the factors among the fields that vary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlpctl.report.grouping import codes_of, distinct_values
from mlpctl.report.summary import Summary
from mlpctl.search.table import BY_EPOCHS
from mlpctl.store.columns import Columns


class Refused(Exception):
    """The design cannot support what was asked; the message says why, and what would."""


@dataclass(frozen=True, eq=False)
class Design:
    """Design of an experiment: the fields that varied, as factors that can be told apart.

    Attributes:
        trials: that count, with a column per factor.
        factors: their names; "a + b" where two fields always moved together.
        drawn: those whose values were drawn from a range.
        notes: what the reader has to know.
    """

    trials: Columns
    factors: tuple[str, ...]
    drawn: tuple[str, ...]
    notes: tuple[str, ...]


def design_of(summary: Summary, experiments: Sequence[Mapping[str, Any]]) -> Design:
    """Return the factors among the fields that vary, and the trials that compare them fairly.

    A field that follows from another (the momentum that comes with an optimizer) is no factor, unless somebody varied
    it too: then the two are one factor, because nothing tells them apart.

    Raises:
        Refused: if no factor is left.
    """
    trials, notes = summary.rows, list[str]()
    asked = {name for experiment in experiments for name in asked_of(experiment)}
    names = [name for name in summary.varied if name != "epochs" or not _by_epochs(experiments)]
    if _by_epochs(experiments):
        lowest = min(epochs for epochs in distinct_values(trials["epochs"]) if epochs is not None)
        trials = trials.rows(trials["epochs"] == lowest)
        notes.append(f"Of the trials with {lowest} epochs: more were given to those that did well.")
    names = [name for name in names if len(distinct_values(trials[name])) > 1]
    codes = {name: codes_of(trials[name])[0] for name in names}
    levels = {name: int(codes[name].max()) + 1 for name in names}

    drawn = {name for experiment in experiments for name in drawn_of(experiment)}
    if not experiments:
        most = len(distinct_values(trials["config"])) / 2
        drawn = {name for name in names if levels[name] > most}

    def decides(a: str, b: str) -> bool:
        """Return whether each value of one field comes with one value of another, where values are not drawn."""
        return a not in drawn and len(codes_of(codes[a], codes[b])[1]) == levels[a]

    groups: list[list[str]] = []
    for name in sorted(names, key=lambda name: (name not in asked, -levels[name])):
        above = [group for group in groups if decides(group[0], name)]
        if not above:
            groups.append([name])
        elif name in asked or not asked:
            above[0].append(name)
    if not groups:
        raise Refused("nothing varies among the trials that can be compared")
    factors = tuple(" + ".join(group) for group in groups)
    together = [factor for factor, group in zip(factors, groups, strict=True) if len(group) > 1]
    notes += [f"{factor} moved together: their effects cannot be told apart." for factor in together]
    first = {factor: trials[group[0]] for factor, group in zip(factors, groups, strict=True)}
    named = tuple(factor for factor, group in zip(factors, groups, strict=True) if drawn.intersection(group))
    return Design(trials.plus(first), factors, named, tuple(notes))


def asked_of(experiment: Mapping[str, Any]) -> set[str]:
    """Return the fields that an experiment varies."""
    rows = experiment.get("list") or []
    return {*experiment.get("axes", {}), *(name for row in rows for name in row)}


def drawn_of(experiment: Mapping[str, Any]) -> set[str]:
    """Return the fields whose values an experiment draws from a range, so that hardly two trials share one."""
    axes = experiment.get("axes", {})
    return {name for name, axis in axes.items() if isinstance(axis, Mapping) and "values" not in axis}


def _by_epochs(experiments: Sequence[Mapping[str, Any]]) -> bool:
    return any(experiment.get("search", {}).get("method") in BY_EPOCHS for experiment in experiments)
