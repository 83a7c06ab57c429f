"""Compare every workload with every peer that is installed, in one table (`python -m benchmarks`)."""

import argparse
from pathlib import Path

from benchmarks import history
from benchmarks.contest import Result, hold
from benchmarks.contracts import kernel_checks
from benchmarks.gemm import best, gemm_rates
from benchmarks.many_trials import overhead
from benchmarks.tables import RESULTS, commit, keep, today
from benchmarks.workloads import WORKLOADS, Workload
from mlpctl.display.tables import Cell, Table
from mlpctl.system.facts import cpu_model, usable_cores

COLUMNS = ("work", "contestant", "seconds per trial", "spread", "score", "of GEMM rate", "times mlpctl", "promised",
           "holds", "end to end", "note")  # fmt: skip


MIXED_WIDTHS, GEMM_SHARE = 0.8, 0.9
"""Promises: speed of mixed widths against equal ones, and of Fashion-MNIST against the GEMM rate, per operation."""


def rows_of(results: list[Result], workload: Workload, rate: float) -> list[dict[str, Cell]]:
    """Return the table's rows of one workload."""
    medians = {result.contestant: result.median for result in results}
    rows: list[dict[str, Cell]] = []
    for result in results:
        median, ours = result.median, medians.get(workload.ours(result.contestant))
        ratio = median / ours if median and ours and not result.contestant.startswith("mlpctl") else None
        flops, floor = result.flops or results[0].flops, workload.peers.get(result.contestant) or None
        cells = (result.workload, result.contestant, median, result.spread, result.score,
                 flops / median / rate if flops and median else None, ratio, floor,
                 None if ratio is None or floor is None else ratio >= floor,
                 min(result.whole) if result.whole else None, result.note or None)  # fmt: skip
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows


def promises(rows: list[dict[str, Cell]]) -> list[str]:
    """Return the promises that are no ratio of times against a peer, and whether they hold."""
    shares = {(row["work"], row["contestant"]): row["of GEMM rate"] for row in rows}
    mixed, same = shares.get(("iris", "mlpctl-widths")), shares.get(("iris", "mlpctl"))
    kept: list[tuple[str, float, float]] = []
    if isinstance(mixed, float) and isinstance(same, float):
        kept.append(("mlpctl-widths, per arithmetic operation, of iris", mixed / same, MIXED_WIDTHS))
    if isinstance(share := shares.get(("fashion", "mlpctl")), float):
        kept.append(("fashion, of the measured GEMM rate", share, GEMM_SHARE))
    return [f"{what}: {is_:.2f}; {least}: {'holds' if is_ >= least else 'does not hold'}" for what, is_, least in kept]


def main() -> None:
    """Measure, print, and keep the table as CSV and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, fewer trials")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant runs")
    parser.add_argument("--only", default="", help="workloads, a,b")
    parser.add_argument("--peers", default="", help="peers, a,b")
    parser.add_argument("--cause", default="", help="what changed since the last record; adds to the records table")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    rounds = 1 if given.quick else given.rounds
    cores = usable_cores()
    rates = [gemm_rates(cores)]
    rows: list[dict[str, Cell]] = []
    workloads = {name: workload for name, workload in WORKLOADS.items() if workload.peers}  # others run beside these
    asked = given.only.split(",") if given.only else [*workloads]
    if unknown := set(asked) - workloads.keys():
        parser.error(f"--only takes {', '.join(workloads)}, got {', '.join(sorted(unknown))}")
    for workload in map(workloads.__getitem__, asked):
        results = hold(workload, rounds, [peer for peer in given.peers.split(",") if peer])
        rates.append(gemm_rates(cores))
        rows += rows_of(results, workload, best(rates) / (cores if workload.trials == 1 else 1))
    per_trial, growth = overhead(500, 2000 if given.quick else 10_000)
    ranges = {library: [some[library] / 1e9 for some in rates] for library in rates[0]}
    gemm = ", ".join(f"{library} {min(each):.0f} to {max(each):.0f}" for library, each in ranges.items())
    notes = [
        f"{cpu_model()}, {cores} cores; GEMM rates in GFLOP/s, with one thread a core: {gemm}",
        f"{today()}, commit {commit()}, {rounds} rounds, contestants alternating",
        "times mlpctl: the peer's seconds per trial over mlpctl's, both in steady state",
        *promises(rows),
        f"a further tiny trial, everything included: {per_trial * 1e3:.3f} ms, memory {growth:+.0f} MiB",
        *map(str, kernel_checks()),
    ]
    keep([Table(COLUMNS, rows, "mlpctl and its peers", notes)], "peers", given.output)
    if given.cause:
        history.add(given.output, rows, given.cause)


if __name__ == "__main__":
    main()
