"""mlpctl report."""

from pathlib import Path
from typing import Annotated

import typer

from mlpctl.cli import options as o
from mlpctl.metrics import SelectOn


def report(
    folders: Annotated[list[Path] | None, typer.Argument(help="Results folders, finished or not.")] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="FIELD[,FIELD]", help="Group by a field, or a pivot of two; draws it below."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="accuracy, loss, mse, f1, auc, … Default: by task.")
    ] = None,
    select_on: Annotated[
        SelectOn | None, typer.Option("--select-on", help="Part to compare on. Default: the experiment's.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Configurations to list.")] = 10,
    importance: Annotated[
        bool, typer.Option("--importance", help="Which axis matters, by a random forest where there is no full grid.")
    ] = False,
    stats: Annotated[bool, typer.Option("--stats", help="List standard deviations and p values too.")] = False,
    confusion: Annotated[
        bool,
        typer.Option(
            "--confusion",
            help="Which classes the best trial takes for which, and its most confident mistakes; --plot draws them.",
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", help="Draw the field(s) of --by to a PNG, SVG or PDF file; - draws here."
        ),
    ] = None,
    curves: Annotated[
        Path | None,
        typer.Option(
            "--curves", metavar="FILE", help="Draw the learning curves to a PNG, SVG or PDF file; - draws here."
        ),
    ] = None,
    ascii_: Annotated[
        bool, typer.Option("--ascii", help="Tables and drawings in ASCII alone. Default: where stdout carries no more.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write everything as one page for a browser.")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show that page, live while a sweep runs, to browsers here; until Ctrl-C.")
    ] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="With --serve: 0 is any free one. Default: 8420.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Report again whenever the files change, until Ctrl-C; reads only.")
    ] = False,
    updates: Annotated[
        int | None, typer.Option("--updates", metavar="N", min=1, help="With --watch: end after N reports.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Report on all trials of the folders, those of other experiments too.")
    ] = False,
    format_: o.FormatOption = "table",
    output: o.OutputFile = None,
) -> None:
    """Tell what results folders say: the best configurations, the effect of an axis, learning curves.

    In the terminal in Unicode, readable without colour; in files as figures.

    Example: mlpctl report results/iris-mlp --by lr --plot lr.png
    """
    from mlpctl.cli.screens.base import say
    from mlpctl.cli.screens.watch_report import follow, serve_page
    from mlpctl.errors import UsageError
    from mlpctl.report.report import default_folders, others_note
    from mlpctl.report.report import report as report_on

    fields = [name.strip().replace("-", "_") for name in by.split(",")] if by else []
    which = folders or default_folders()
    if serve:
        others = {"--by": by, "--top": top != 10, "--plot": plot, "--curves": curves, "--html": html, "--watch": watch,
                  "--updates": updates, "--stats": stats, "--all": all_, "--format": format_ != "table",
                  "--output": output}  # fmt: skip
        serve_page(which, metric, select_on, importance, port, [name for name, given in others.items() if given])
        return
    if port is not None:
        raise UsageError("--port is of the page that --serve shows: give both")

    if confusion:
        from mlpctl.report.confusion import report_confusion

        others = {"--by": by, "--top": top != 10, "--importance": importance, "--stats": stats, "--curves": curves,
                  "--html": html, "--metric": metric, "--watch": watch, "--updates": updates,
                  "--all": all_}  # fmt: skip
        if given := [name for name, value in others.items() if value]:
            raise UsageError(f"--confusion is of one trained network: leave {', '.join(given)} out")
        report_confusion(which, select_on or "validation", plot, format_, output, ascii_only=ascii_)
        return

    def show() -> None:
        others = report_on(
            which, by=fields, metric=metric, on=select_on, top=top, importance=importance, stats=stats, plot=plot,
            curves=curves, html=html, format_=format_, output=output, ascii_only=ascii_, every=all_,
        )  # fmt: skip
        say([others_note(others)] if others else [])

    if watch:
        follow(which, show, updates)
    else:
        show()
