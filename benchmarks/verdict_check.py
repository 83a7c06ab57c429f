"""Check the verdicts of `mlpctl bench matmul` here: `python -m benchmarks.verdict_check [THREADS TIMES SIZE]`.

A product is measured against itself again and again: the verdict must be "same" in 95 % of the repetitions. Ten sizes
near it are measured against it in two processes, one after the other: nine verdicts at least must agree. On a machine
that others use, take a small size: its runs fit between theirs.
"""

import csv
import io
import subprocess
import sys
from collections import Counter

from benchmarks.tables import keep, today
from mlpctl.bench.matmul import BENCHMARK, measure_products
from mlpctl.bench.matmul_products import products_of
from mlpctl.bench.records import machine_name, software_versions
from mlpctl.bench.sampling import Measurement, TimingPlan
from mlpctl.bench.system_noise import noise_hints, processor_times
from mlpctl.display.tables import Cell, Table
from mlpctl.errors import CheckFailed

STEPS = (0, -24, -16, -4, -1, 1, 2, 4, 8, 16, 32)
"""From the size that is measured against itself to those that are measured against it."""

SECONDS = 45.0


def against_itself(size: int, threads: int, repetitions: int) -> Counter[str]:
    """Return the verdicts on a size measured against itself, each with warm-up and looks of its own."""
    verdicts = Counter[str]()
    for seed in range(repetitions):
        products = products_of([(size, size, size)] * 2, ["float32"], ["cpu"], [threads])
        result = measure_products(products, TimingPlan(max_seconds=SECONDS, seed=seed))
        if result.measured.interrupted:
            raise KeyboardInterrupt
        for found in (timing.comparison for timing in result.timings if timing.comparison):
            verdicts[found.verdict] += 1
            print(f"{seed + 1}: {found}, {result.measured.seconds:.0f} s", file=sys.stderr, flush=True)
    return verdicts


def once(size: int, threads: int) -> dict[str, tuple[str, float]]:
    """Return size -> verdict and ratio of one run in a process of its own."""
    sizes = ",".join(str(size + step) for step in STEPS)
    command = [sys.executable, "-m", "mlpctl", "bench", "matmul", "--sizes", sizes, "--device=cpu",
               f"--threads={threads}", f"--max-seconds={SECONDS}", "--format=csv", "--quiet"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [row for row in csv.DictReader(io.StringIO(done.stdout)) if row["verdict"]]
    return {row["m"]: (row["verdict"], float(row["relative"])) for row in rows}


def main(threads: int = 1, repetitions: int = 40, size: int = 1024) -> None:
    """Measure, print and write the record.

    Raises:
        CheckFailed: where the verdicts break one of the two promises.
    """
    began = processor_times()
    verdicts = against_itself(size, threads, repetitions)
    runs = [once(size, threads) for _ in range(2)]
    first: list[dict[str, Cell]] = [{"verdict": word, "times": count} for word, count in verdicts.most_common()]
    second: list[dict[str, Cell]] = []
    for near in runs[0]:
        both = {f"run {i + 1}": f"{run[near][0]}, {100 * (run[near][1] - 1):+.1f} %" for i, run in enumerate(runs)}
        second.append({"size": near, **both})
    agreed = sum(runs[0][near][0] == runs[1][near][0] for near in runs[0])
    notes = [
        f"{agreed} of {len(second)} verdicts agree.",
        *(f"hint: {hint}" for hint in noise_hints(Measurement({}), began, processor_times())),
        f"matmul v{BENCHMARK.version}, {machine_name()}, {software_versions(['torch'])}, {today()}; "
        f"`python -m benchmarks.verdict_check {threads} {repetitions} {size}`",
    ]
    where = f"float32, {threads} thread{'' if threads == 1 else 's'}"
    keep([
        Table(["verdict", "times"], first, f"{size} measured against itself {repetitions} times, {where}"),
        Table(["size", "run 1", "run 2"], second, f"Sizes against {size}, two runs, {where}", notes),
    ], "verdicts")  # fmt: skip
    if verdicts["same"] < 0.95 * repetitions or agreed < 0.9 * len(second):
        raise CheckFailed(f"same in {verdicts['same']} of {repetitions} repetitions, {agreed} of {len(second)} agree")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
