"""List results folders: what each is about, how far it is, and its best score."""

from datetime import datetime
from pathlib import Path

from mlpctl.display.tables import Cell, Table
from mlpctl.errors import MlpctlError, UsageError
from mlpctl.report.summary import summarize
from mlpctl.store.results import load
from mlpctl.store.schema import TRIALS_FILE


def folder_list(root: Path) -> Table:
    """Return a row for each results folder below a folder, the one that changed last first.

    Raises:
        UsageError: where there is none.
    """
    folders = sorted({path.parent for path in root.rglob(TRIALS_FILE)}, key=_changed, reverse=True)
    if not folders:
        raise UsageError(f"no results folder under {root}: `mlpctl sweep` or `mlpctl train` makes one")
    rows, notes = list[dict[str, Cell]](), list[str]()
    for folder in folders:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        changed = datetime.fromtimestamp(_changed(folder)).isoformat(" ", "minutes")
        try:
            for summary in summarize(load(folder, every=True)):
                rows.append(
                    {
                        "folder": str(folder),
                        "dataset": summary.title.partition(" (")[0],
                        "trials": sum(summary.statuses.values()),
                        "failed": sum(
                            n for status, n in summary.statuses.items() if status not in ("ok", "interrupted")
                        ),
                        "best": None if summary.best is None else float(summary.best["mean"]),
                        "of": f"{summary.on} {summary.metric}",
                        "changed": changed,
                        "MB": round(size / 1e6, 2),
                    }
                )
        except MlpctlError as error:
            notes.append(f"{folder} cannot be read: {error}")
    columns = ["folder", "dataset", "trials", "failed", "best", "of", "changed", "MB"]
    return Table(columns if rows else [], rows, f"Results under {root}", notes)


def _changed(folder: Path) -> float:
    return (folder / TRIALS_FILE).stat().st_mtime
