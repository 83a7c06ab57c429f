"""Print the tables of a benchmark, and keep them as CSV and Markdown."""

import csv
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mlpctl.display.tables import Cell, Table, print_tables, to_text
from mlpctl.system.git import git_state

RESULTS = Path("results/benchmarks")


def keep(tables: Sequence[Table], name: str, folder: Path = RESULTS) -> None:
    """Print tables; write the first as NAME.csv, all of them as NAME.md."""
    print_tables(tables)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.csv").write_text(to_text(tables[:1], "csv"), "utf-8")
    (folder / f"{name}.md").write_text(to_text(tables, "md"), "utf-8")


def keep_by_machine(table: Table, machine: str, name: str, folder: Path = RESULTS) -> None:
    """Print a table; put it in place of the last one of this machine in NAME.csv and NAME.md, and keep other machines'.

    Args:
        table: its title names the machine.
        machine: processor and width of vectors.
        name: of the files.
        folder: they are in.
    """
    print_tables([table])
    folder.mkdir(parents=True, exist_ok=True)
    rows, pages = folder / f"{name}.csv", folder / f"{name}.md"
    known: list[dict[str, Cell]] = []
    if rows.is_file():
        with rows.open(encoding="utf-8", newline="") as stream:
            known = [dict(row) for row in csv.DictReader(stream) if row.get("machine") not in (None, machine)]
    all_ = [*known, *({"machine": machine, **row} for row in table.rows)]
    rows.write_text(to_text([Table(("machine", *table.columns), all_)], "csv"), "utf-8")
    sections = re.split(r"^(?=\*\*)", pages.read_text("utf-8") if pages.is_file() else "", flags=re.MULTILINE)
    others = {f"**{table.title.replace(machine, str(row['machine']))}**" for row in known}
    kept = [section for section in sections if section.partition("\n")[0] in others]
    pages.write_text("".join([*kept, to_text([table], "md")]), "utf-8")


def today() -> str:
    """Return the date in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def commit() -> str:
    """Return the commit that is measured, in short."""
    return str((git_state(Path.cwd()) or {}).get("commit", ""))[:12]
