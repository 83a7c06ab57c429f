"""A summary as tables of plain values: what the terminal, Markdown, CSV and JSON show."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlpctl.errors import UsageError, did_you_mean
from mlpctl.render import Cell, Table, as_chosen, for_people
from mlpctl.report.summary import Summary, over

if TYPE_CHECKING:
    import pandas as pd


def overview(summary: Summary, top: int) -> list[Table]:
    """Return the tables of a summary: the best in words with the leading configurations, then what failed."""
    columns = [*summary.varied, "n", "failed", "mean", "sd", "low", "high"]
    if not summary.configurations["failed"].any():
        columns.remove("failed")
    shown = summary.configurations.head(top)
    left = len(summary.configurations) - len(shown)
    notes = [*([f"… and {left} more; --top {len(summary.configurations)} shows all."] if left else []), *summary.notes]
    statuses = ", ".join(f"{count:,} {status.replace('_', ' ')}" for status, count in summary.statuses.items())
    header = f"{summary.title}: {len(summary.trials):,} trials ({statuses})"
    tables = [Table((), (), header, [verdict(summary)])]
    if len(summary.configurations):
        title = f"Configurations by {summary.on} {summary.metric}, best first"
        tables.append(Table(columns, rows_of(shown[columns]), title, notes, summary.varied))
    else:
        tables[0] = Table((), (), header, [verdict(summary), *summary.notes])
    if len(summary.failures):
        tables.append(Table(list(summary.failures.columns), rows_of(summary.failures), "Failures"))
    return tables


def verdict(summary: Summary) -> str:
    """Return the best configuration in words."""
    best = summary.best
    if best is None:
        return "No trial has a score: there is no best configuration."
    what = ", ".join(
        f"{name} {as_chosen(plain(best[name]))}" for name in summary.varied if plain(best[name]) is not None
    )
    spread = f" ± {for_people(best['sd'])} over {int(best['n'])} seeds" if best["n"] > 1 else " (one seed)"
    text = f"Best: {what or 'the only configuration'}: {summary.on} {summary.metric} {for_people(best['mean'])}{spread}"
    if "test_mean" in best and summary.on != "test":
        test_spread = f" ± {for_people(best['test_sd'])}" if best["n"] > 1 else ""
        text += f"; test {summary.metric} {for_people(best['test_mean'])}{test_spread}"
    return text + "."


def grouped(summary: Summary, by: Sequence[str]) -> Table:
    """Return the metric over everything else, by one field, or as a pivot by two.

    Raises:
        UsageError: for an unknown field, or more than two.
    """
    for name in by:
        check_axis(summary, name)
    if len(by) > 2:
        raise UsageError(f"--by takes one or two fields, got {len(by)}")
    table = over(summary.trials, by, summary.column).sort_values(list(by), ignore_index=True)
    title = f"{summary.on} {summary.metric} by {' and '.join(by)}"
    if len(by) == 1:
        return Table([*by, "n", "failed", "mean", "sd", "low", "high"], rows_of(table), title, exact=by)
    rows, columns = by
    wide = table.pivot(index=rows, columns=columns, values="mean")
    spread = table.pivot(index=rows, columns=columns, values="sd")
    labels = {value: f"{columns} {as_chosen(plain(value))}" for value in wide.columns}
    content = []
    for value in wide.index:
        line: dict[str, Cell] = {rows: plain(value)}
        for column, label in labels.items():
            mean, sd = plain(wide.loc[value, column]), plain(spread.loc[value, column])
            around = "" if sd is None else f" ± {for_people(sd)}"
            line[label] = None if mean is None else for_people(mean) + around
        content.append(line)
    return Table([rows, *labels.values()], content, title, ["mean ± standard deviation over everything else"], by)


def check_axis(summary: Summary, name: str) -> None:
    """Check that trials have a field.

    Raises:
        UsageError: with the fields that vary.
    """
    if name not in summary.trials.columns:
        known = [*summary.varied, *[c for c in summary.trials.columns if c not in summary.varied]]
        raise UsageError(f"no field '{name}' in these results: {did_you_mean(name, summary.varied or known)}")


def rows_of(table: "pd.DataFrame") -> list[dict[str, Cell]]:
    """Return the rows as plain values; NaN and missing cells as None, whole numbers as such."""
    return [{str(k): plain(v) for k, v in row.items()} for row in table.to_dict("records")]


def plain(value: Any) -> Cell:
    """Return a cell of a DataFrame as a plain value: None for what is missing, whole floats as whole numbers."""
    import pandas as pd

    if value is None or pd.isna(value):
        return None
    value = value.item() if hasattr(value, "item") else value
    is_whole = isinstance(value, float) and value.is_integer() and 1 < abs(value) < 1e15
    return int(value) if is_whole else value
