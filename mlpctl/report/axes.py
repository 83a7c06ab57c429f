"""Choose the axes that a report shows: what was varied on purpose, what mattered first, ranges cut into classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpctl.display.tables import Cell, Table, as_chosen
from mlpctl.report.figures.plot import is_log_spaced
from mlpctl.report.grouping import codes_of, distinct_values
from mlpctl.report.statistics.design import asked_of, drawn_of
from mlpctl.report.summary import Summary, over
from mlpctl.report.tables import in_order, plain_cell
from mlpctl.spec import field_label
from mlpctl.store.columns import Array, Columns, objects, values_of

MOST_VALUES = 24
"""Values of an axis that are shown one by one; more are cut into classes."""

VALUE_CLASSES = 8
"""Into which values are cut; where they were drawn from a range, more than these are."""

ABSENT = "—"
"""The place on an axis of configurations that do not have it."""


@dataclass(frozen=True, eq=False)
class ShownAxis:
    """An axis as a report shows it.

    Attributes:
        name: name of the field.
        label: with its unit.
        scale: "words", "linear" or "log".
        values: in order, as people chose them, ABSENT last; of the classes where there are many.
        places: position of each on a scale of numbers; 0, 1, 2, … for words.
        classes: True if values were cut into classes.
        absent: True if some trials do not have it; then its values are evenly spaced, words or not.
        codes: index of its value for each trial.
    """

    name: str
    label: str
    scale: str
    values: tuple[str, ...]
    places: tuple[float, ...]
    classes: bool
    absent: bool
    codes: Array


def shown_axes(summary: Summary, experiments: Sequence[Mapping[str, Any]], why: Table | None) -> list[ShownAxis]:
    """Return the axes of a summary, those that matter most first.

    A field that only follows from others (the momentum that comes with an optimizer) is no axis, unless it was asked
    for.

    Args:
        summary: summary of the trials.
        experiments: experiments of the folders.
        why: importance of the axes, as far as it is known.
    """
    asked = {name for experiment in experiments for name in asked_of(experiment)}
    named = [name for name in summary.varied if name in asked]
    rest = [name for name in summary.varied if name not in asked and not follows(summary.compared, name, named)]
    drawn = {name for experiment in experiments for name in drawn_of(experiment)}
    axes = [
        shown_axis(summary.compared, name, VALUE_CLASSES if name in drawn else MOST_VALUES) for name in (*named, *rest)
    ]
    shares = _told_shares(why)
    if shares:
        return sorted(axes, key=lambda axis: -shares.get(axis.name, 0.0))
    return sorted(axes, key=lambda axis: -_span(summary, axis))


def follows(trials: Columns, name: str, named: Sequence[str]) -> bool:
    """Return whether a field says no more than some others: the momentum that comes with an optimizer."""
    groups = [len(codes_of(*(trials[n] for n in some))[1]) for some in (named, [*named, name]) if some]
    return bool(named) and groups[0] == groups[-1]


def _told_shares(why: Table | None) -> dict[str, float]:
    column = "share" if why is not None and "share" in why.columns else "total"
    rows = why.rows if why is not None else ()
    return {name: float(row[column] or 0) for row in rows for name in str(row["axis"]).split(" + ")}


def _span(summary: Summary, axis: ShownAxis) -> float:
    means = effect(summary, axis)["mean"]
    means = means[~np.isnan(means)]
    return float(np.ptp(means)) if len(means) else 0.0


def effect(summary: Summary, axis: ShownAxis) -> Columns:
    """Return the effect of an axis: `value` (its number), n, failed, mean, sd, 95 % interval over everything else."""
    table = over(summary.compared.plus({"value": axis.codes}), ["value"], summary.column)
    return table.rows(np.argsort(table["value"], kind="stable"))


def shown_axis(trials: Columns, name: str, most: int = MOST_VALUES, classes: int = VALUE_CLASSES) -> ShownAxis:
    """Return a field as an axis.

    Args:
        trials: that have it.
        name: of the field.
        most: values that are shown one by one; more numbers are cut into classes.
        classes: into which they are cut.
    """
    cells = values_of(trials[name])
    known = [value for value in distinct_values(trials[name]) if value is not None]
    there = values_of(in_order(Columns({name: objects(known)}, len(known)), [name])[name])
    numbers = np.array([number_of(value) for value in there], dtype=np.float64)
    is_number = bool(np.isfinite(numbers).all()) and len(numbers) > 0
    is_log = is_number and is_log_spaced(numbers)
    absent = None in cells
    if is_number and len(there) > most:
        values, places, codes = _classes(np.array([number_of(cell) for cell in cells]), classes)
    else:
        values = tuple(as_chosen(plain_cell(value)) for value in there)
        places = tuple(map(float, numbers)) if is_number else tuple(map(float, range(len(values))))
        place = {value: number for number, value in enumerate(there)}
        codes = np.array([place.get(cell, -1) for cell in cells], dtype=np.intp)
    if absent:
        codes = np.where(codes < 0, len(values), codes)
        values, places = (*values, ABSENT), tuple(map(float, range(len(values) + 1)))
    scale = "log" if is_log else "linear" if is_number else "words"
    return ShownAxis(name, field_label(name), scale, values, places, is_number and len(there) > most, absent, codes)


def number_of(value: object) -> float:
    """Return the number that a cell stands for; NaN where it is none."""
    try:
        return float(str(value))
    except ValueError:
        return float("nan")


def _classes(numbers: Array, count: int) -> tuple[tuple[str, ...], tuple[float, ...], Array]:
    """Return (names, medians, codes) of classes with about as many numbers each; NaN has the code -1."""
    bounds = np.unique(np.nanquantile(numbers, np.linspace(0, 1, count + 1)))
    there = ~np.isnan(numbers)
    codes = np.full(len(numbers), -1)
    codes[there] = np.unique(np.searchsorted(bounds[1:-1], numbers[there]), return_inverse=True)[1]
    classes = [numbers[codes == code] for code in range(codes.max() + 1)]
    names = tuple(f"{some.min():.3g} – {some.max():.3g}" for some in classes)
    return names, tuple(float(np.median(some)) for some in classes), codes


def named(row: Mapping[Any, Any], axes: Sequence[str]) -> str:
    """Return a configuration in words: the axes that it has, with their values."""
    cells: list[tuple[str, Cell]] = [(name, plain_cell(row[name])) for name in axes]
    told = [f"{name.replace('_', ' ')} {as_chosen(cell)}" for name, cell in cells if cell is not None]
    return ", ".join(told) or "the only configuration"
