"""What `mlpctl report` does with results folders; `mlpctl sweep` ends with it too."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mlpctl.errors import UsageError
from mlpctl.experiment import SelectOn
from mlpctl.render import Format, Table, emit
from mlpctl.report.importance import importance as importance_of
from mlpctl.report.price import price
from mlpctl.report.summary import Summary, summarize
from mlpctl.report.tables import for_machines, grouped, overview
from mlpctl.results import Results, load

PAGES = (".html", ".htm")
"""How the file of a page ends: a slip must not overwrite results."""


def report(
    folders: Sequence[Path],
    *,
    by: Sequence[str] = (),
    metric: str | None = None,
    on: SelectOn | None = None,
    top: int = 10,
    importance: bool = False,
    plot: Path | None = None,
    curves: Path | None = None,
    html: Path | None = None,
    format_: Format = "table",
    output: Path | None = None,
) -> None:
    """Write the tables and figures of results folders.

    Args:
        folders: one or several.
        by: one or two fields to group by; also what `plot` draws.
        metric: what to compare; by default the task's.
        on: part to compare on; by default the experiment's choice.
        top: configurations to list.
        importance: ask a random forest where the trials are no complete grid; of machine formats it is the table.
        plot: file of the figure of one or two axes.
        curves: file of the learning curves.
        html: file of the page with everything.
        format_: of the tables.
        output: file of the tables; None is stdout.

    Raises:
        DataError: where there are no results.
        UsageError: for an unknown field or metric, or a file that cannot be written.
    """
    if html is not None and (html.suffix.lower() not in PAGES or html.is_dir()):
        raise UsageError(f"--html writes a file that ends in {' or '.join(PAGES)}, got '{html}'")
    results = load(*folders)
    summaries = summarize(results, metric=metric, on=on)
    if format_ in ("csv", "json"):
        tables = _importance_alone(summaries, results) if importance else for_machines(summaries, by)
    elif by:
        tables = [grouped(summary, by) for summary in summaries]
    else:
        tables = []
        for summary in summaries:
            why = importance_of(summary, results.experiments, forest=importance)
            cost = price(summary, results.experiments[0]) if len(summaries) == len(folders) == 1 else None
            tables += [*overview(summary, top), *(table for table in (why, cost) if table)]
    emit(tables, format_, output)
    if plot is not None:
        _draw_axes(_only(summaries, "--plot"), by, plot)
    if curves is not None:
        _draw_curves(_only(summaries, "--curves"), results, curves)
    if html is not None:
        from mlpctl.report.page.write import write_page

        write_page(results, summaries, html, forest=importance)


def _importance_alone(summaries: Sequence[Summary], results: Results) -> list[Table]:
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


def _draw_axes(summary: Summary, by: Sequence[str], path: Path) -> None:
    from mlpctl.report.figures import draw_effect, draw_effects
    from mlpctl.report.look import save

    axes = list(by) or sorted(summary.varied, key=lambda name: -summary.trials[name].nunique())[:1]
    if not axes:
        raise UsageError(
            "nothing varies in these results, so there is no axis to plot: --curves draws the learning curve"
        )
    save(draw_effect(summary, axes[0]) if len(axes) == 1 else draw_effects(summary, axes[0], axes[1]), path)


def _draw_curves(summary: Summary, results: Results, path: Path) -> None:
    from mlpctl.report.figures import draw_curves
    from mlpctl.report.look import save

    good = summary.trials.loc[summary.trials["status"] == "ok", "key"]
    epochs = results.epochs[results.epochs["key"].isin(good)]
    if epochs.empty:
        raise UsageError("these results have no epochs of a finished trial, so there is no learning curve")
    save(draw_curves(summary, epochs), path)


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
