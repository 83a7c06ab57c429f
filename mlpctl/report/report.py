"""Write the tables, drawings, figures and page of results folders (`mlpctl report`, and the end of `mlpctl sweep`)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpctl.display.passages import Passage
from mlpctl.display.tables import Format, Table, as_json, emit, write_text
from mlpctl.errors import UsageError
from mlpctl.metrics import SelectOn
from mlpctl.report.conclusion import as_data
from mlpctl.report.ending import ending, more, price_passage
from mlpctl.report.grouping import distinct_values, is_in
from mlpctl.report.statistics.importance import importance as importance_of
from mlpctl.report.statistics.price import price
from mlpctl.report.summary import Summary, summarize
from mlpctl.report.tables import for_machines, grouped
from mlpctl.store.results import ResultsFolders, load

if TYPE_CHECKING:
    from mlpctl.report.figures.plot import Heat, Plot

STDOUT = Path("-")

PAGES = (".html", ".htm")
"""Suffixes of the file of a page: a slip must not overwrite results."""


def report(
    folders: Sequence[Path],
    *,
    by: Sequence[str] = (),
    metric: str | None = None,
    on: SelectOn | None = None,
    top: int = 10,
    importance: bool = False,
    stats: bool = False,
    plot: Path | None = None,
    curves: Path | None = None,
    html: Path | None = None,
    format_: Format = "table",
    output: Path | None = None,
    ascii_only: bool = False,
    every: bool = False,
) -> int:
    """Write the tables and figures of results folders; return how many trials of other experiments are left out.

    Args:
        folders: one or several.
        by: one or two fields to group by; also what `plot` draws. Below a table on stdout it is drawn unasked.
        metric: what to compare; by default the task's.
        on: part to compare on; by default the experiment's choice.
        top: configurations to list.
        importance: ask a random forest where the trials are no complete grid; of machine formats it is the table.
        stats: tell intervals, standard deviations, p values and shares in full.
        plot: file of the figure of one or two axes; "-" draws in the terminal.
        curves: file of the learning curves; "-" draws in the terminal.
        html: file of the page with everything.
        format_: of the tables.
        output: file of the tables; None is stdout.
        ascii_only: use ASCII alone, whatever the encoding can carry.
        every: report on all trials of the folders, not only on those that their experiments asked for.

    Raises:
        DataError: where there are no results.
        UsageError: for an unknown field or metric, or a file that cannot be written.
    """
    here = {option: path == STDOUT for option, path in (("--plot", plot), ("--curves", curves))}
    if any(here.values()) and format_ != "table":
        option = next(option for option, is_here in here.items() if is_here)
        raise UsageError(f"{option} - draws in the terminal, beside --format table alone; got --format {format_}")
    if html is not None and (html.suffix.lower() not in PAGES or html.is_dir()):
        raise UsageError(f"--html writes a file that ends in {' or '.join(PAGES)}, got '{html}'")
    results = load(*folders, every=every)
    summaries = summarize(results, metric=metric, on=on)
    tables: list[Table | Passage]
    if format_ == "json" and not by and not importance:
        parts = {summary.title: as_data(summary, results) for summary in summaries}
        write_text(as_json(next(iter(parts.values())) if len(parts) == 1 else parts), output)
        tables = []
    elif format_ in ("csv", "json"):
        tables = [*(_importance_alone(summaries, results) if importance else for_machines(summaries, by))]
    elif by:
        tables = [*(grouped(summary, by) for summary in summaries)]
    else:
        tables = standard_tables(summaries, results, top=top, importance=importance, stats=stats)
    if tables:
        emit(tables, format_, output, ascii_only=ascii_only)
    if plot is not None:
        _draw([effect_drawing(_only(summaries, "--plot"), by)], plot, ascii_only=ascii_only)
    if by and plot != STDOUT and format_ == "table" and output in (None, STDOUT):
        _draw([effect_drawing(one, by) for one in summaries if one.best is not None], STDOUT, ascii_only=ascii_only)
    if curves is not None:
        _draw(curve_drawings(_only(summaries, "--curves"), results), curves, ascii_only=ascii_only)
    if html is not None:
        from mlpctl.report.page.write import write_page

        write_page(results, summaries, html, forest=importance)
    return results.others


def others_note(count: int) -> str:
    """Return what is said of trials of other experiments in the folders of a report; "" where there are none."""
    if not count:
        return ""
    trials = "1 trial" if count == 1 else f"{count:,} trials"
    return f"{trials} of other experiments in the same folder left out: --all shows them"


def standard_tables(
    summaries: Sequence[Summary],
    results: ResultsFolders,
    *,
    top: int = 10,
    importance: bool = False,
    stats: bool = False,
) -> list[Table | Passage]:
    """Return what a report says without being asked for more: the best, whether it is sure, what matters, the price."""
    parts: list[Table | Passage] = []
    for summary in summaries:
        why = importance_of(summary, results.experiments, forest=importance)
        parts += ending(summary, results, why, top=top, stats=stats, shares=stats or importance)
        cost = price(summary, results.experiments[0]) if len(summaries) == len(results.folders) == 1 else None
        parts += [*price_passage(cost), more(summary, results)]
    return parts


def effect_drawing(summary: Summary, by: Sequence[str]) -> "Plot | Heat":
    """Return what is drawn of one or two axes; of the one with most values where none is named.

    Raises:
        UsageError: for a field that trials do not have, or where nothing varies.
    """
    from mlpctl.report.figures.effects import effect_plot, heat_of

    axes = _axes_of(summary, by)
    return effect_plot(summary, axes[0]) if len(axes) == 1 else heat_of(summary, axes[0], axes[1])


def curve_drawings(summary: Summary, results: ResultsFolders) -> "list[Plot]":
    """Return what is drawn of the learning curves.

    Raises:
        UsageError: where no finished trial has epochs.
    """
    from mlpctl.report.figures.effects import curve_plots

    good = summary.compared["key"][summary.compared["status"] == "ok"]
    epochs = results.epoch_rows.rows(is_in(results.epoch_rows["key"], good))
    if not len(epochs):
        raise UsageError("these results have no epochs of a finished trial, so there is no learning curve")
    return curve_plots(summary, epochs)


def _draw(drawings: "Sequence[Plot | Heat]", path: Path, *, ascii_only: bool) -> None:
    """Draw in the terminal where the path is "-", else write a figure."""
    if path == STDOUT:
        from mlpctl.report.terminal.print_drawings import print_drawings

        print_drawings(drawings, ascii_only=ascii_only)
        return
    from mlpctl.display.figure_style import save
    from mlpctl.report.figures.draw import draw

    save(draw(*reversed(drawings)), path)


def _importance_alone(summaries: Sequence[Summary], results: ResultsFolders) -> list[Table]:
    tables = []
    for summary in summaries:
        table = importance_of(summary, results.experiments, forest=True)
        if table is None or not table.columns:
            raise UsageError(f"{summary.title}: {table.notes[0] if table else 'nothing varies, so no axis matters'}")
        tables.append(replace(table, title=f"{summary.title}: {table.title}"))
    return tables


def _only(summaries: list[Summary], option: str) -> Summary:
    if len(summaries) != 1:
        raise UsageError(f"{option} draws one dataset, these folders have {len(summaries)}: name them one by one")
    if summaries[0].best is None:
        raise UsageError(f"no trial has a {summaries[0].on} {summaries[0].metric}, so {option} has nothing to draw")
    return summaries[0]


def _axes_of(summary: Summary, by: Sequence[str]) -> list[str]:

    def values(name: str) -> int:
        return len([value for value in distinct_values(summary.rows[name]) if value is not None])

    axes = list(by) or sorted(summary.varied, key=lambda name: -values(name))[:1]
    if not axes:
        raise UsageError(
            "nothing varies in these results, so there is no axis to plot: --curves draws the learning curve"
        )
    return axes


def default_folders() -> list[Path]:
    """Return the only results folder under results/.

    Raises:
        UsageError: if there is none, or several: then with their names.
    """
    found = sorted(path.parent for path in Path("results").glob("*/trials.csv"))
    if len(found) == 1:
        return found
    if not found:
        raise UsageError("no results folder given, and none under results/: `mlpctl sweep` or `mlpctl train` makes one")
    raise UsageError(f"which results? give one or more of {', '.join(map(str, found))}")
