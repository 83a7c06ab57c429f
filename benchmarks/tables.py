"""Print the tables of a benchmark, and keep them as CSV and Markdown."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mlpctl.display.tables import Table, print_tables, to_text
from mlpctl.system.git import git_state

RESULTS = Path("results/benchmarks")


def keep(tables: Sequence[Table], name: str, folder: Path = RESULTS) -> None:
    """Print tables; write the first as NAME.csv, all of them as NAME.md."""
    print_tables(tables)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.csv").write_text(to_text(tables[:1], "csv"), "utf-8")
    (folder / f"{name}.md").write_text(to_text(tables, "md"), "utf-8")


def today() -> str:
    """Return the date in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def commit() -> str:
    """Return the commit that is measured, in short."""
    return str((git_state(Path.cwd()) or {}).get("commit", ""))[:12]
