"""A summary as tables of plain values: what the terminal, Markdown, CSV and JSON show."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan
from typing import Any

import numpy as np

from mlpctl.display.tables import Cell, Table, as_chosen, for_people
from mlpctl.errors import UsageError, did_you_mean
from mlpctl.report.grouping import codes_of, distinct_values, is_there
from mlpctl.report.statistics.significance import Standing
from mlpctl.report.summary import STAMPS, TOLD, Summary, over, part_sizes
from mlpctl.store.columns import Array, Columns, values_of

STANDINGS: dict[Standing, str] = {"best": "best", "close": "close", "behind": "behind, unproven", "worse": "worse"}
"""Words for each verdict, for people."""


def heading(summary: Summary) -> str:
    """Return what was trained: settings, seeds, runs and what became of them."""
    codes, firsts = codes_of(summary.compared["config"])
    seeds = np.bincount(codes)[is_there(summary.compared["config"][firsts])]
    fewest, most, runs = int(seeds.min()), int(seeds.max()), len(summary.rows)
    times = counted(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    is_product = fewest == most and len(seeds) * most == runs
    what = f"{counted(len(seeds), 'setting')} × {times}" + (" = " if is_product else ", ") + counted(runs, "run")
    if list(summary.statuses) == ["ok"]:
        return what + (", all finished." if runs > 1 else ", finished.")
    words = {"ok": "finished", "out_of_memory": "out of memory"}
    became = ", ".join(f"{count:,} {words.get(name, name)}" for name, count in summary.statuses.items())
    return f"{what}: {became}."


def counted(n: int, what: str) -> str:
    """Return "1 trial", "2 trials"."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def examples_told(trials: Columns, column: str) -> str:
    """Return in words how many examples the scores of a column are of; "" where no row knows."""
    part = column.partition("_")[0]
    fewest, most = part_sizes(trials).get(part, (0, 0))
    size = counted(most, "example") if fewest == most else f"{fewest:,} to {most:,} examples"
    folds = {int(count) for count in values_of(trials["folds"]) if count}
    return f"{min(folds)} folds of {size}" if folds and part == "val" else size if most else ""


def for_machines(summaries: Sequence[Summary], by: Sequence[str]) -> list[Table]:
    """Return a table per summary with every configuration or group; of several, each row names its dataset."""
    tables = []
    for summary in summaries:
        if by:
            table = grouped(summary, by, people=False)
        else:
            columns = [*summary.varied, *TOLD]
            table = Table(columns, rows_of(summary.ranked.only(columns)), summary.title)
        if len(summaries) > 1:
            rows = [{"dataset": summary.title, **row} for row in table.rows]
            table = replace(table, columns=["dataset", *table.columns], rows=rows)
        tables.append(table)
    return tables


def setting_of(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return fields of a row as "lr 0.1, hidden_units 32"; those that do not apply are left out."""
    cells = {name: plain_cell(row[name]) for name in names}
    return ", ".join(f"{name} {as_chosen(cell)}" for name, cell in cells.items() if cell is not None)


def with_interval(row: Mapping[str, Any], prefix: str, interval: bool = True) -> str:
    """Return "mean [low, high]" of the cells that begin with a prefix; the mean alone where there is no interval."""
    mean, low, high = (row[f"{prefix}{name}"] for name in ("mean", "low", "high"))
    return for_people(mean) + (
        "" if not interval or plain_cell(low) is None else f" [{for_people(low)}, {for_people(high)}]"
    )


def grouped(summary: Summary, by: Sequence[str], *, people: bool = True) -> Table:
    """Return the metric over everything else, by one or two fields; two are a pivot for people, rows for machines.

    Raises:
        UsageError: for an unknown field, or more than two.
    """
    for name in by:
        check_axis(summary, name)
    if len(by) > 2:
        raise UsageError(f"--by takes one or two fields, got {len(by)}")
    if len(set(by)) < len(by):
        raise UsageError(f"--by takes two different fields, got '{by[0]}' twice")
    grouping = summary.rows_by(by)
    cells = rows_of(in_order(over(grouping, by, summary.column), by))
    if people:
        cells = _in_classes(cells, grouping, by, summary.column)
    title = f"{summary.title}: {summary.on} {summary.metric} by {' and '.join(by)}"
    size = examples_told(summary.compared, summary.column)
    stamp = [STAMPS[summary.on]] if summary.on in STAMPS else []
    stamp += [f"each score is of {size}"] if size else []
    if len(by) == 1 or not people:
        return Table([*by, "n", "failed", "mean", "sd", "low", "high"], cells, title, stamp, by)
    rows, columns = by
    told = {(cell["n"], cell["failed"]) for cell in cells if cell["n"]}
    n, failed = told.pop() if len(told) == 1 else (None, None)
    n = None if failed else n
    lines: dict[Cell, dict[str, Cell]] = {}
    for cell in cells:
        line = lines.setdefault(cell[rows], {rows: cell[rows]})
        line[f"{columns} {as_chosen(cell[columns])}"] = _in_words(cell, counted=n is None)
    across = rows_of(in_order(over(summary.rows, [columns], summary.column), [columns]))
    across = _in_classes(across, grouping, [columns], summary.column)
    labels = [f"{columns} {as_chosen(cell[columns])}" for cell in across]
    trials = "n trials" if n is None else counted(int(n), "trial")
    spread = "mean" if all(cell["sd"] is None for cell in cells) else "mean ± standard deviation"
    notes = [f"{spread} over everything else ({trials}); empty: not run", *stamp]
    return Table([rows, *labels], list(lines.values()), title, notes, by)


def _in_classes(cells: list[dict[str, Cell]], trials: Columns, by: Sequence[str], column: str) -> list[dict[str, Cell]]:
    """Return the groups of some trials, fields of many numbers cut into classes; the same where none has many."""
    from mlpctl.report.axes import shown_axis

    cut = {axis.name: axis for name in by if (axis := shown_axis(trials, name)).classes}
    if not cut:
        return cells
    table = over(trials.plus({name: axis.codes for name, axis in cut.items()}), by, column)
    return [
        {**cell, **{name: axis.values[int(str(cell[name]))] for name, axis in cut.items()}}
        for cell in rows_of(in_order(table, by))
    ]


def _in_words(cell: Mapping[str, Cell], *, counted: bool) -> str:
    if cell["mean"] is None:
        return "failed" if cell["failed"] else "no score"
    around = "" if cell["sd"] is None else f" ± {for_people(cell['sd'])}"
    failed = f", {cell['failed']} failed" if cell["failed"] else ""
    return f"{for_people(cell['mean'])}{around}" + (f" ({cell['n']}{failed})" if counted else "")


def in_order(table: Columns, by: Sequence[str]) -> Columns:
    """Return the rows sorted by fields, see `order_of`."""
    return table.rows(order_of(table, by))


def order_of(table: Columns, by: Sequence[str]) -> Array:
    """Return the places of rows sorted by fields: numbers by size even beside words, then words, then none."""
    return np.lexsort([_places(table[name]) for name in reversed(by)])


def _places(column: Array) -> Array:
    values = sorted((value for value in distinct_values(column) if value is not None), key=_numbers_first)
    place = {value: number for number, value in enumerate(values)}
    return np.array([place.get(value, len(place)) for value in values_of(column)])


def _numbers_first(value: object) -> tuple[bool, float, str]:
    try:
        return False, float(str(value)), ""
    except ValueError:
        return True, 0.0, str(value)


def check_axis(summary: Summary, name: str) -> None:
    """Check that trials have a field.

    Raises:
        UsageError: with the fields that vary.
    """
    if name not in summary.rows:
        known = [*summary.varied, *[c for c in summary.rows.names if c not in summary.varied]]
        raise UsageError(f"no field '{name}' in these results: {did_you_mean(name, summary.varied or known)}")


def rows_of(table: Columns) -> list[dict[str, Cell]]:
    """Return the rows as plain values; what is missing as None, whole numbers as such."""
    return [{name: plain_cell(value) for name, value in row.items()} for row in table.records()]


def plain_cell(value: Any) -> Cell:
    """Return a cell as a plain value: None for NaN, whole floats as whole numbers."""
    if isinstance(value, float):
        if isnan(value):
            return None
        return int(value) if value.is_integer() and 1 < abs(value) < 1e15 else value
    return value  # type: ignore[no-any-return]
