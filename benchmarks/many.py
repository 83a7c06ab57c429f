"""Many tiny trials: time per trial and memory as they add up, and how long a finished sweep takes to say so.

`python -m benchmarks.many [TRIALS]` writes results/benchmarks/many.csv and many.md; `make torture` runs it.
"""

import csv
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from mlpctl.display.tables import Cell, Table, to_text
from mlpctl.store.maintenance.check import check
from mlpctl.store.maintenance.export import export
from mlpctl.store.results import load

RESULTS = Path("results/benchmarks")

SAMPLES = 10
"""Points at which a sweep is looked at."""


@dataclass(frozen=True)
class Sample:
    """A sweep at one moment.

    Attributes:
        trials: in the store.
        seconds: since its start.
        mib: resident memory.
    """

    trials: int
    seconds: float
    mib: float


def command(trials: int) -> list[str]:
    """Return a sweep of so many trials of one epoch on four examples."""
    axes = ["--axis", f"lr=lin:0.1:1:{trials}", "--select-on", "train", "--epochs", "1"]
    return [sys.executable, "-m", "mlpctl", "sweep", "--dataset", "gates", *axes, "--name", "many", "-q"]


def watched(trials: int, place: Path) -> tuple[list[Sample], float]:
    """Return samples of a sweep while it trains, and the seconds that it takes in all."""
    samples: list[Sample] = []
    started = time.perf_counter()
    process = subprocess.Popen(command(trials), cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file = place / "results" / "many" / "trials.csv"
    resident = psutil.Process(process.pid)
    rows, read = -1, 0
    while process.poll() is None:
        time.sleep(0.05)
        if file.is_file():
            with file.open("rb") as stream:
                stream.seek(read)
                new = stream.read()
            rows, read = rows + new.count(b"\n"), read + len(new)
        if rows >= trials * (len(samples) + 1) / SAMPLES and process.poll() is None:
            samples.append(Sample(rows, time.perf_counter() - started, resident.memory_info().rss / 2**20))
    assert process.returncode == 0
    return samples, time.perf_counter() - started


def main(trials: int = 100_000) -> None:
    """Run, and write the tables."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        samples, whole = watched(trials, place)
        started = time.perf_counter()
        subprocess.run(command(trials), cwd=place, check=True, capture_output=True)
        again = time.perf_counter() - started
        folder = place / "results" / "many"
        seconds = {"the sweep, its report included": whole, "the same command again": again}
        for what, work in (
            ("results check", lambda: check(folder)),
            ("read", lambda: load(folder)),
            ("results export", lambda: export([folder], None, "parquet")),
        ):
            started = time.perf_counter()
            work()
            seconds[what] = time.perf_counter() - started
    rows: list[dict[str, Cell]] = [
        {
            "trials": after.trials,
            "µs per trial": round((after.seconds - before.seconds) / (after.trials - before.trials) * 1e6),
            "MiB": round(after.mib),
        }
        for before, after in pairwise(samples)
    ]
    took: list[dict[str, Cell]] = [{"what": what, "seconds": round(value, 1)} for what, value in seconds.items()]
    tables = [
        Table(list(rows[0]), rows, f"{trials:,} trials: cost of those since the line above, and memory then"),
        Table(["what", "seconds"], took, f"{trials:,} trials in all"),
    ]
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "many.md").write_text(to_text(tables, "md"), "utf-8")
    with (RESULTS / "many.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(to_text(tables, "md"))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
