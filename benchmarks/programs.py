"""Measure what mlpctl adds to programs: 200 runs of one that sleeps 50 ms, two at a time, beside the same by xargs.

`python -m benchmarks.programs` writes results/benchmarks/programs.csv and programs.md.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.tables import keep
from mlpctl.display.tables import Cell, Table

RUNS, JOBS, SLEEP = 200, 2, 0.05

PROMISED = 1.15
"""A sweep takes at most so many times RUNS × SLEEP / JOBS, its own start and report left out."""

SCRIPT = f"""#!/bin/sh
sleep {SLEEP}
echo '{{"score": '$1'}}'
"""

REPETITIONS = 5


def command(runs: int) -> list[str]:
    """Return the command of a sweep of so many runs."""
    axis = f"x=int:1:{max(runs, 2)}:{runs}" if runs > 1 else "x=1"
    return [
        sys.executable, "-m", "mlpctl", "sweep", "--command", "./nap.sh {x}", "--axis", axis, "--jobs", str(JOBS),
        "--name", f"naps-{runs}", "-q", "--force",
    ]  # fmt: skip


def seconds(words: list[str], place: Path) -> float:
    """Return the wall time of a command."""
    started = time.perf_counter()
    subprocess.run(words, cwd=place, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def measure(place: Path) -> list[dict[str, Cell]]:
    """Return a row per way to run the programs: the median of some rounds, in which all take turns."""
    script = place / "nap.sh"
    script.write_text(SCRIPT, "utf-8")
    script.chmod(0o755)
    xargs = ["sh", "-c", f"seq {RUNS} | xargs -P {JOBS} -n 1 ./nap.sh"]
    rounds = [
        (seconds(xargs, place), seconds(command(RUNS), place), seconds(command(1), place)) for _ in range(REPETITIONS)
    ]
    middle = REPETITIONS // 2
    by_xargs, whole, one = (sorted(column)[middle] for column in zip(*rounds, strict=True))
    ideal = RUNS * SLEEP / JOBS
    told = {
        "ideal": ideal,
        f"xargs -P {JOBS}": by_xargs,
        "mlpctl sweep, the runs": whole - one + SLEEP,  # the start and the report are in a sweep of one run too
        "mlpctl sweep, the whole command": whole,
    }
    return [{"what": what, "seconds": took, "times ideal": took / ideal} for what, took in told.items()]


def main() -> int:
    """Measure, print and keep the table; return 6 where the promise is not held."""
    with tempfile.TemporaryDirectory() as place:
        rows = measure(Path(place))
    notes = [f"median of {REPETITIONS} rounds; promised: the runs take at most {PROMISED} times the ideal"]
    table = Table(
        ["what", "seconds", "times ideal"], rows, f"{RUNS} programs that sleep {SLEEP:g} s, {JOBS} jobs", notes
    )
    keep([table], "programs")
    return 0 if float(str(rows[2]["times ideal"])) <= PROMISED else 6


if __name__ == "__main__":
    sys.exit(main())
