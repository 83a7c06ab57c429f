"""Measure many tiny trials: time per trial and memory as they add up, and how long a finished sweep takes to read.

`python -m benchmarks.many_trials [TRIALS]` writes results/benchmarks/many.csv and many.md; `make torture` runs it.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from benchmarks.tables import keep
from mlpctl.display.tables import Cell, Table
from mlpctl.store.maintenance.check import check
from mlpctl.store.maintenance.export import export
from mlpctl.store.results import load

SAMPLES = 10
"""Points at which a sweep is looked at."""


@dataclass(frozen=True)
class Sample:
    """A sweep at one moment."""

    trials: int  # in the store
    seconds: float  # since its start
    mib: float  # resident memory


def command(trials: int, *more: str) -> list[str]:
    """Return the command of a sweep of `trials` trials of one epoch on four examples."""
    axes = ["--axis", f"lr=lin:0.1:1:{trials}", "--select-on", "train", "--epochs", "1", "--engine", "kernel"]
    return [sys.executable, "-m", "mlpctl", "sweep", "--dataset", "gates", *axes, "--name", "many", "-q", *more]


def watched(trials: int, place: Path, *more: str) -> tuple[list[Sample], float]:
    """Return samples of a sweep while it trains, and the seconds that it takes in all."""
    samples: list[Sample] = []
    started = time.perf_counter()
    process = subprocess.Popen(command(trials, *more), cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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


def overhead(few: int, many: int) -> tuple[float, float]:
    """Return (seconds a further trial costs, MiB that memory grows) between sweeps of few and of many tiny trials."""
    ends = []
    for trials in (few, many):
        with tempfile.TemporaryDirectory() as folder:
            samples, seconds = watched(trials, Path(folder), "--jobs", "1")
            ends.append((seconds, max((sample.mib for sample in samples), default=0.0)))
    return (ends[1][0] - ends[0][0]) / (many - few), ends[1][1] - ends[0][1]


def main(trials: int = 100_000) -> None:
    """Run, and write the tables."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        samples, whole = watched(trials, place)
        folder = place / "results" / "many"
        seconds = {"the sweep, its report included": whole}
        for what, run in (
            ("the same command again", lambda: subprocess.check_output(command(trials), cwd=place)),
            ("results check", lambda: check(folder)),
            ("read", lambda: load(folder)),
            ("results export", lambda: export([folder], None, "parquet")),
        ):
            started = time.perf_counter()
            run()
            seconds[what] = time.perf_counter() - started
    rows: list[dict[str, Cell]] = []
    for before, after in pairwise(samples):
        each = (after.seconds - before.seconds) / (after.trials - before.trials)
        rows.append({"trials": after.trials, "µs per trial": round(each * 1e6), "MiB": round(after.mib)})
    took: list[dict[str, Cell]] = [{"what": what, "seconds": round(value, 1)} for what, value in seconds.items()]
    keep([
        Table(["trials", "µs per trial", "MiB"], rows,
              f"{trials:,} trials: cost of those since the line above, and memory then"),
        Table(["what", "seconds"], took, f"{trials:,} trials in all"),
    ], "many")  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
