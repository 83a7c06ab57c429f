"""Keep the history of a trial's seconds: records.csv and records.md, a row per workload and cause of a change."""

import csv
from collections.abc import Sequence
from pathlib import Path

from benchmarks.tables import commit, today
from mlpctl.display.tables import Cell, Table, to_text
from mlpctl.system.facts import cpu_model

COLUMNS = ("date", "commit", "work", "milliseconds per trial", "of GEMM rate", "nearest peer", "times mlpctl", "cause",
           "machine")  # fmt: skip


def add(folder: Path, rows: Sequence[dict[str, Cell]], cause: str) -> None:
    """Add mlpctl's rows of a run to records.csv, and write records.md from it."""
    file = folder / "records.csv"
    known: list[dict[str, Cell]] = []
    if file.is_file():
        with file.open(encoding="utf-8", newline="") as stream:
            known = [dict(row) for row in csv.DictReader(stream)]
    for row in rows:
        seconds = row["seconds per trial"]
        if row["contestant"] != "mlpctl" or not isinstance(seconds, float):
            continue
        peers = [(r["times mlpctl"], r["contestant"]) for r in rows if r["work"] == row["work"] and r["times mlpctl"]]
        ratio, peer = min(peers, key=lambda pair: float(pair[0] or 0), default=(None, None))
        cells = (today(), commit(), row["work"], round(1e3 * seconds, 4), row["of GEMM rate"], peer, ratio, cause,
                 cpu_model())  # fmt: skip
        known.append(dict(zip(COLUMNS, cells, strict=True)))
    table = Table(COLUMNS, known, "Records")
    file.write_text(to_text([table], "csv"), "utf-8")
    (folder / "records.md").write_text(to_text([table], "md"), "utf-8")
