"""Show a report again when its folders change, or serve its page: `mlpctl report --watch` and `--serve`."""

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import typer

from mlpctl.errors import UsageError
from mlpctl.metrics import SelectOn
from mlpctl.report.watch import changes, standing, table_versions


def follow(folders: Sequence[Path], show: Callable[[], None], updates: int | None) -> None:
    """Show a report whenever the folders change, on a terminal in place of the one before; Ctrl-C ends it.

    Args:
        folders: results folders; it waits for those that are not there yet.
        show: writes the report.
        updates: reports to end after; None for no end.
    """
    from rich.console import Console

    out, err = Console(), Console(stderr=True, highlight=False)
    if not any(table_versions(folders)):
        err.print(f"waiting for results in {', '.join(map(str, folders))}; Ctrl-C ends", soft_wrap=True, markup=False)
    try:
        for _ in islice(changes(folders), updates):
            if out.is_terminal:
                out.clear()
            show()
            sys.stdout.flush()  # a file or `tee` gets each report as it comes
            now = datetime.now().astimezone()
            err.print(f"\n{standing(folders)} at {now:%H:%M:%S}; Ctrl-C ends watching, not the sweep", markup=False)
    except KeyboardInterrupt:
        err.print()


def serve_page(
    folders: Sequence[Path],
    metric: str | None,
    on: SelectOn | None,
    importance: bool,
    port: int | None,
    others: Sequence[str],
) -> None:
    """Serve the page of results folders, which may not be there yet, and print its address; Ctrl-C ends it.

    Args:
        folders: results folders.
        metric: metric to compare.
        on: part to compare on.
        importance: ask a random forest where the trials are no complete grid.
        port: None for the usual one.
        others: options that were given and that a page does not have.

    Raises:
        UsageError: for such an option, or a port that cannot be had.
    """
    from mlpctl.report.page.serve import PORT, serve_page
    from mlpctl.report.page.write import PageOptions

    if others:
        raise UsageError(
            "--serve shows the page of --html and takes --port, --metric, --select-on and --importance alone: "
            f"leave out {', '.join(others)}"
        )

    def ready(address: str) -> None:
        typer.echo(address)
        typer.echo("Ctrl-C ends serving, not the sweep", err=True)

    serve_page(folders, PageOptions(metric, on, importance), PORT if port is None else port, ready)
