"""Measure what mlpctl adds to programs: 200 runs of one that sleeps 50 ms, two at a time, beside the same by xargs.

`python -m benchmarks.programs [ROUNDS]` writes results/benchmarks/programs.csv and programs.md.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.tables import keep
from mlpctl.display.tables import Cell, Table

RUNS, JOBS, SLEEP = 200, 2, 0.05

PROMISED = 1.15
"""From the first start to the last end, a sweep takes at most so many times RUNS × SLEEP / JOBS."""

SCRIPT = f"""#!/bin/sh
sleep {SLEEP}
echo '{{"score": '$1'}}'
"""

SWEEP = [
    sys.executable, "-m", "mlpctl", "sweep", "--command", "./nap.sh {x}", "--axis", f"x=int:1:{RUNS}:{RUNS}",
    "--jobs", str(JOBS), "--name", "naps", "-q", "--force",
]  # fmt: skip
XARGS = ["sh", "-c", f"seq {RUNS} | xargs -P {JOBS} -n 1 ./nap.sh"]


def seconds(words: list[str], place: Path) -> float:
    """Return the wall time of a command."""
    started = time.perf_counter()
    subprocess.run(words, cwd=place, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def span(logs: Path) -> float:
    """Return the seconds from the first program's start to the last one's end, by the times of their files."""
    begun = min((folder / "stderr.txt").stat().st_mtime for folder in logs.iterdir())
    return max((folder / "stdout.txt").stat().st_mtime for folder in logs.iterdir()) - begun


def measure(place: Path, rounds: int) -> list[dict[str, Cell]]:
    """Return a row per way to run the programs, with the median and the least of rounds in which they take turns."""
    script = place / "nap.sh"
    script.write_text(SCRIPT, "utf-8")
    script.chmod(0o755)
    ideal = RUNS * SLEEP / JOBS
    taken: dict[str, list[float]] = {"xargs": [], "mlpctl, the runs": [], "mlpctl, the whole command": []}
    for _ in range(rounds):
        taken["xargs"].append(seconds(XARGS, place))
        taken["mlpctl, the whole command"].append(seconds(SWEEP, place))
        taken["mlpctl, the runs"].append(span(place / "results" / "naps" / "logs"))
    return [
        {"what": what, "median": statistics.median(each), "least": min(each), "times ideal": min(each) / ideal}
        for what, each in ({"ideal": [ideal]} | taken).items()
    ]


def main(rounds: int = 5) -> int:
    """Measure, print and keep the table; return 6 where the promise is not held."""
    with tempfile.TemporaryDirectory() as place:
        rows = measure(Path(place), rounds)
    notes = [f"seconds of {rounds} rounds, and the least over the ideal; promised of the runs: {PROMISED} at most"]
    columns = ["what", "median", "least", "times ideal"]
    keep([Table(columns, rows, f"{RUNS} programs that sleep {SLEEP:g} s, {JOBS} at a time", notes)], "programs")
    return 0 if float(str(rows[2]["times ideal"])) <= PROMISED else 6


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
