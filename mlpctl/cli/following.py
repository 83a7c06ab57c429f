"""What a person sees of `mlpctl report --watch`."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from rich.console import Console

from mlpctl.report.watching import changes, standing, versions


def follow(folders: Sequence[Path], show: Callable[[], None], updates: int | None) -> None:
    """Show a report whenever the folders change, on a terminal in place of the one before; Ctrl-C ends it.

    Args:
        folders: results folders; it waits for those that are not there yet.
        show: writes the report.
        updates: reports to end after; None for no end.
    """
    out, err = Console(), Console(stderr=True, highlight=False)
    if not any(versions(folders)):
        err.print(f"waiting for results in {', '.join(map(str, folders))}; Ctrl-C ends", soft_wrap=True, markup=False)
    try:
        for _ in islice(changes(folders), updates):
            if out.is_terminal:
                out.clear()
            show()
            now = datetime.now().astimezone()
            err.print(f"\n{standing(folders)} at {now:%H:%M:%S}; Ctrl-C ends watching, not the sweep", markup=False)
    except KeyboardInterrupt:
        err.print()
