"""Are the verdicts of `mlpctl bench matmul` to be trusted here? `python -m benchmarks.verdicts [THREADS TIMES SIZE]`.

A product is measured against itself again and again: the verdict must be "same" in 95 % of the repetitions. Ten sizes
near it are measured against it by two processes, one after the other: nine verdicts at least must agree. On a machine
that others use, take a small size: its runs fit between theirs.
"""

import csv
import io
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from mlpctl.bench.disturbances import hints, load
from mlpctl.bench.matmul import BENCHMARK, measure
from mlpctl.bench.matmul_cases import cases_of
from mlpctl.bench.records import machine, software
from mlpctl.bench.timing import Measured, Plan
from mlpctl.display.tables import Cell, Table, emit
from mlpctl.errors import CheckFailed

STEPS = (0, -24, -16, -4, -1, 1, 2, 4, 8, 16, 32)
"""From the size that is measured against itself to those that are measured against it."""

REPETITIONS, SECONDS = 40, 45.0
OUT = Path("results/benchmarks/verdicts.md")


def against_itself(size: int, threads: int, repetitions: int) -> Counter[str]:
    """Return the verdicts on a size measured against itself, each with warm-up and looks of its own."""
    said = Counter[str]()
    for seed in range(repetitions):
        cases = cases_of([(size, size, size)] * 2, ["float32"], ["cpu"], [threads])
        result = measure(cases, Plan(max_seconds=SECONDS, seed=seed))
        if result.measured.interrupted:
            raise KeyboardInterrupt
        for timing in result.timings:
            if timing.judged:
                said[timing.judged.verdict] += 1
                print(f"{seed + 1}: {timing.judged}, {result.measured.seconds:.0f} s", file=sys.stderr, flush=True)
    return said


def once(size: int, threads: int) -> dict[str, tuple[str, float]]:
    """Return size -> verdict and ratio of one run in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "mlpctl",
        "bench",
        "matmul",
        "--sizes",
        ",".join(str(size + step) for step in STEPS),
        "--device=cpu",
    ]
    command += [f"--threads={threads}", f"--max-seconds={SECONDS}", "--format=csv", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [row for row in csv.DictReader(io.StringIO(done.stdout)) if row["verdict"]]
    return {row["m"]: (row["verdict"], float(row["relative"])) for row in rows}


def main(threads: int, repetitions: int, size: int) -> None:
    """Measure, print and write the record.

    Raises:
        CheckFailed: where the verdicts keep one of the two promises not.
    """
    began = load()
    said = against_itself(size, threads, repetitions)
    runs = [once(size, threads) for _ in range(2)]
    agreed = sum(runs[0][near][0] == runs[1][near][0] for near in runs[0])
    first: list[dict[str, Cell]] = [{"verdict": word, "times": count} for word, count in said.most_common()]
    second: list[dict[str, Cell]] = [
        {"size": near, **{f"run {i + 1}": f"{word}, {100 * (ratio - 1):+.1f} %" for i, (word, ratio) in
         enumerate(run[near] for run in runs)}} for near in runs[0]
    ]  # fmt: skip
    notes = [
        f"{agreed} of {len(second)} verdicts agree.",
        *(f"hint: {hint}" for hint in hints(Measured({}), began, load())),
    ]
    notes.append(f"matmul v{BENCHMARK.version}, {machine()}, {software(['torch'])}, {datetime.now(UTC):%Y-%m-%d}; "
                 f"`python -m benchmarks.verdicts {threads} {repetitions} {size}`")  # fmt: skip
    where = f"float32, {threads} thread{'' if threads == 1 else 's'}"
    tables = [
        Table(["verdict", "times"], first, f"{size} measured against itself {repetitions} times, {where}"),
        Table(list(second[0]), second, f"Sizes against {size}, two runs, {where}", notes),
    ]
    emit(tables)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    emit(tables, "md", OUT)
    if said["same"] < 0.95 * repetitions or agreed < 0.9 * len(second):
        raise CheckFailed(f"same in {said['same']} of {repetitions} repetitions, {agreed} of {len(second)} agree")


if __name__ == "__main__":
    main(*(int(argument) for argument in (sys.argv[1:] or ("1", str(REPETITIONS), "1024"))))
