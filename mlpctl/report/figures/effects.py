"""The data of a report's figures: the effect of one axis or of two, and learning curves."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import numpy as np

from mlpctl.display.tables import Cell, as_chosen, for_people
from mlpctl.display.text import distinguishing_texts
from mlpctl.metrics import metric_label
from mlpctl.report.axes import ShownAxis, follows, number_of, shown_axis
from mlpctl.report.figures.plot import Heat, Line, Plot, has_log_axis, spans_decades
from mlpctl.report.grouping import distinct_values as distinct_of
from mlpctl.report.grouping import is_in, is_there
from mlpctl.report.summary import Summary, over
from mlpctl.report.tables import check_axis, in_order, plain_cell, rows_of
from mlpctl.spec import field_label
from mlpctl.store.columns import Columns, objects, values_of

MOST_LINES, CLASSES_OF_LINES = 6, 4
"""Values of another axis that have a line each; more numbers are cut into so many ranges."""

CURVES_SHOWN = 5
CURVES_BEHIND = 60
"""Configurations drawn in colour, and at most behind them in grey."""

PART_WORDS = {"val": "validation", "test": "test", "fit": "training", "train": "training (running mean)"}
"""Part of the data by the beginning of a column's name."""


def effect_of(summary: Summary, axis: str) -> Columns:
    """Return the effect of one axis: a row per value with a score, mean and 95 % interval over everything else."""
    table = _all_of(summary, axis)
    return table.rows(table["n"] > 0)


def _all_of(summary: Summary, axis: str) -> Columns:
    check_axis(summary, axis)
    return in_order(over(summary.rows_by([axis]), [axis], summary.column), [axis])


def effect_plot(summary: Summary, axis: str) -> Plot:
    """Return the plot of one axis: a line where its values are numbers, a place each where they are words."""
    check_axis(summary, axis)
    shown = shown_axis(summary.rows_by([axis]), axis)
    if shown.scale != "words" and (shown.classes or len(_others(summary, axis)) > 0):
        return _many(summary, shown)
    table = _all_of(summary, axis)
    table = table.rows((table["n"] > 0) | (table["failed"] > 0))
    values = values_of(table[axis])
    numbers = [number_of(value) for value in values]  # a text column may hold numbers alone: batch_size, widths
    numeric = not np.isnan(numbers).any() and len(numbers) > 1
    words = () if numeric else tuple(as_chosen(plain_cell(value)) or "none" for value in values)
    x = np.array(numbers if numeric else range(len(values)), dtype=np.float64)
    scored = table["n"] > 0
    y, low, high = (table[name][scored].tolist() for name in ("mean", "low", "high"))
    best = int(np.argmax(y) if summary.better == "high" else np.argmin(y))
    interval = "mean and 95 % interval" if np.isfinite(low).any() else "mean"
    return Plot(
        title=f"{summary.title}: effect of {field_label(axis)}\n{interval} over everything else",
        x_label=field_label(axis),
        y_label=metric_label(summary.metric, summary.on),
        lines=(Line("", x[scored].tolist(), y, low, high),),
        log_x=numeric and has_log_axis(x.tolist()),
        log_y=summary.better == "low" and spans_decades(y),
        words=words,
        failed=tuple(x[~scored].tolist()),
        best=(float(x[scored][best]), y[best], f"best {for_people(y[best])}"),
    )


def _others(summary: Summary, axis: str) -> list[str]:
    """Return the fields that vary beside an axis."""
    return [name for name in summary.varied if name != axis and not follows(summary.compared, name, [axis])]


def _many(summary: Summary, axis: ShownAxis) -> Plot:
    """Return the plot of an axis of numbers: a line for each value of the other axis, as far as these are few.

    An average over bad settings misleads. Beside several other axes there is the average, and the best of all settings
    at each value.
    """
    others, trials = _others(summary, axis.name), summary.rows_by([axis.name])
    told = trials.plus({"_place": axis.codes})
    there = axis.codes < len(axis.values) - axis.absent
    told, lines, says = told.rows(there), list[Line](), "mean and 95 % interval"
    other = shown_axis(told, others[0], MOST_LINES, CLASSES_OF_LINES) if len(others) == 1 else None
    if other is not None and len(other.values) <= MOST_LINES:
        for code, value in enumerate(other.values):
            means = over(told.rows(other.codes == code), ["_place"], summary.column)
            lines.append(replace(_over_places(f"{other.label} {value}", axis, means), low=(), high=()))
        says = f"mean, a line for each {'range' if other.classes else 'value'} of {other.label}"
    else:
        lines.append(
            _over_places("mean of all settings" if others else "", axis, over(told, ["_place"], summary.column))
        )
        if others:
            lines.append(_best_settings(summary, axis, told))
            says = "mean and 95 % interval of all settings, and the best setting"
    points = [(x, y) for line in lines for x, y in zip(line.x, line.y, strict=True)]
    best = (max if summary.better == "high" else min)(points, key=lambda point: point[1])
    scored = {x for x, _ in points}
    classes = f"; {len(axis.values) - axis.absent} ranges with as many trials each" if axis.classes else ""
    return Plot(
        title=f"{summary.title}: effect of {field_label(axis.name)}\n{says}{classes}",
        x_label=axis.label,
        y_label=metric_label(summary.metric, summary.on),
        lines=tuple(line for line in lines if len(line.x)),
        log_x=has_log_axis(axis.places[: len(axis.values) - axis.absent]),
        log_y=summary.better == "low" and spans_decades([y for _, y in points]),
        failed=tuple(axis.places[code] for code in distinct_of(told["_place"]) if axis.places[code] not in scored),
        best=(*best, f"best {for_people(best[1])}"),
    )


def _over_places(name: str, axis: ShownAxis, means: Columns) -> Line:
    """Return the line of some means over the places of an axis."""
    means = in_order(means.rows(means["n"] > 0), ["_place"])
    x = [axis.places[int(code)] for code in means["_place"]]
    return Line(name, x, *(means[column].tolist() for column in ("mean", "low", "high")))


def _best_settings(summary: Summary, axis: ShownAxis, told: Columns) -> Line:
    """Return the line of the best configuration at each place of an axis."""
    means = over(told, ["_place", "config"], summary.column)
    best: dict[int, float] = {}
    for code, mean in zip(means["_place"].tolist(), means["mean"].tolist(), strict=True):
        if not isnan(mean):
            best[code] = (max if summary.better == "high" else min)(mean, best.get(code, mean))
    return Line("best setting", [axis.places[code] for code in sorted(best)], [best[code] for code in sorted(best)])


def heat_of(summary: Summary, rows: str, columns: str) -> Heat:
    """Return the heat map of two axes: the mean over everything else, or why there is none."""
    for name in (rows, columns):
        check_axis(summary, name)
    trials = summary.rows_by([rows, columns])
    cut = {axis.name: axis for name in (rows, columns) if (axis := shown_axis(trials, name)).classes}
    told = trials.plus({name: axis.codes for name, axis in cut.items()})
    table = over(told, [rows, columns], summary.column)
    down, across = (
        list(dict.fromkeys(plain_cell(value) for value in values_of(in_order(table, [name])[name])))
        for name in (rows, columns)
    )
    names = {name: axis.values for name, axis in cut.items()}
    values = np.full((len(down), len(across)), np.nan)
    texts = np.full((len(down), len(across)), "", dtype=object)
    for cell in rows_of(table):
        place = down.index(cell[rows]), across.index(cell[columns])
        mean = cell["mean"]
        values[place] = np.nan if mean is None else mean
        texts[place] = for_people(mean) if mean is not None else "failed" if cell["failed"] else "no score"
    return Heat(
        title=f"{summary.title}: {summary.on} {summary.metric}\nmean over everything else",
        row_label=field_label(rows),
        column_label=field_label(columns),
        scale_label=metric_label(summary.metric, summary.on),
        rows=names.get(rows) or _written(down),
        columns=names.get(columns) or _written(across),
        values=tuple(tuple(row) for row in values.tolist()),
        texts=tuple(tuple(row) for row in texts.tolist()),
        better=summary.better,
    )


def _written(values: Sequence[Cell]) -> tuple[str, ...]:
    """Return values of an axis as texts: numbers with as few digits as tell them apart."""
    numbers = [float(value) for value in values if isinstance(value, float)]
    short = dict(zip(numbers, distinguishing_texts(numbers), strict=True))
    return tuple(short[v] if isinstance(v, float) else as_chosen(v) or "none" for v in values)


def curves_of(summary: Summary, epochs: Columns, column: str) -> Columns:
    """Return a row per configuration and epoch: its place by rank, and the column's mean, low and high over the seeds.

    Args:
        summary: summary of the trials.
        epochs: rows of their epochs.
        column: column of the epochs.
    """
    good = summary.compared.rows(summary.compared["status"] == "ok")
    rank = {config: place for place, config in enumerate(summary.ranked["config"].tolist())}
    places = {key: rank[config] for key, config in zip(good["key"].tolist(), good["config"].tolist(), strict=True)}
    own = epochs.rows(is_in(epochs["key"], places))
    place = np.array([places[key] for key in own["key"].tolist()], dtype=np.int64)
    table = over(own.plus({"place": place, "status": objects(["ok"] * len(own))}), ["place", "epoch"], column)
    table = table.rows(table["n"] > 0)
    return table.rows(np.lexsort((table["epoch"], table["place"])))


def curve_plots(summary: Summary, epochs: Columns) -> list[Plot]:
    """Return the learning curves: of one configuration its parts in one plot, of several a plot a part.

    The best configurations have names, the others are behind them.
    """
    columns = _columns(summary, epochs)
    tables = {column: curves_of(summary, epochs, column) for column in columns}
    first = tables[columns[0]]
    has_seeds = bool(is_there(first["low"]).any())
    number = len(distinct_of(first["place"]))
    if number == 1:
        seeds = "mean and 95 % interval over seeds" if has_seeds else "one seed"
        lines = [_line(_part(column), tables[column]) for column in reversed(columns)]
        named = tuple(lines) if len(lines) > 1 else (_line("", first),)
        y_label = metric_label(
            columns[0].partition("_")[2], "" if len(lines) > 1 else _part(columns[0]).partition(" (")[0]
        )
        return [_curves(f"{summary.title}: learning curve\n{seeds}", y_label, named, "")]
    names = configuration_labels(summary, range(min(CURVES_SHOWN, number)))
    best = "the best by name" if number > len(names) else "by name"
    title = (
        f"{summary.title}: learning curves\n{best}, of {number}; {'mean over seeds' if has_seeds else 'one seed each'}"
    )
    figure_says = "interval: 95 %, of the best" if has_seeds else ""
    if left := number - len(names):
        figure_says += ("; " if figure_says else "") + f"grey: {min(left, CURVES_BEHIND)} of {left} others"
    return [_several(title, column, tables[column], names, figure_says) for column in columns]


def _several(title: str, column: str, table: Columns, names: Sequence[str], figure_says: str) -> Plot:
    """Return the curves of several configurations in one part: the best by name, with the interval of the first."""
    shown = [place for place in distinct_of(table["place"]) if place < len(names) + CURVES_BEHIND]
    curves = {place: table.rows(table["place"] == place) for place in shown}
    behind = [_line("", curve, behind=True) for place, curve in curves.items() if place >= len(names)]
    front = [_line(name, curves[place]) for place, name in enumerate(names) if place in curves]
    alone = [replace(line, low=(), high=()) if number else line for number, line in enumerate(front)]
    y_label = metric_label(column.partition("_")[2], _part(column).partition(" (")[0])
    return replace(_curves(title, y_label, (*behind, *alone), _part(column)), figure_says=figure_says)


def _curves(title: str, y_label: str, lines: tuple[Line, ...], part: str) -> Plot:
    values = [float(y) for line in lines if not line.behind for y in line.y]
    log_y = "accuracy" not in y_label and spans_decades(values)
    return Plot(title, "epoch", y_label, lines, log_y=log_y, band=True, part=part)


def _columns(summary: Summary, epochs: Columns) -> list[str]:
    """Return the columns to draw: what was compared, and the same of the training part where that is known."""
    metric, last = summary.metric, epochs["epoch"].max()
    scored = [name for name in epochs.names if is_there(epochs[name]).any()]
    before = epochs.rows(epochs["epoch"] < last)
    along = [n for n in scored if last == 1 or is_there(before[n]).any()] or scored
    wanted = (summary.column, f"val_{metric}", f"train_{metric}", "train_loss", *along)  # the test set is scored once
    first = next(name for name in wanted if name in along)
    kind = first.partition("_")[2]
    beside = [name for name in (f"fit_{kind}", f"train_{kind}") if name in along]
    return [first] if first.startswith(("fit", "train")) else [first, *beside[:1]]


def _part(column: str) -> str:
    return PART_WORDS[column.partition("_")[0]]


def _line(name: str, curve: Columns, *, behind: bool = False) -> Line:
    x, y, low, high = (curve[n].astype(np.float64).tolist() for n in ("epoch", "mean", "low", "high"))
    return Line(name, x, y, low, high, behind=behind)


def configuration_labels(summary: Summary, places: Sequence[int]) -> list[str]:
    """Return what configurations are called: their values of the fields that tell them apart, in few digits."""
    rows = [
        {n: plain_cell(summary.ranked[n][place : place + 1].tolist()[0]) for n in summary.varied} for place in places
    ]
    differing = [n for n in summary.varied if len({row[n] for row in rows}) > 1]
    values = [n for n in differing if len({row[n] for row in rows} - {None}) > 1]  # momentum 0.9 goes without saying
    enough = len({tuple(row[n] for n in values) for row in rows}) == len(rows)
    telling = (values if enough else differing) or list(summary.varied)
    written = {n: _written([row[n] for row in rows]) for n in telling}
    names = []
    for number, row in enumerate(rows):
        told = [f"{n.replace('_', ' ')} {written[n][number]}" for n in telling if row[n] is not None]
        names.append(", ".join(told) or "the others' default")
    return names
