"""Compare every workload with every peer that is installed, in one table (`python -m benchmarks`).

MLPCTL_VECTOR=8 measures as on a processor with AVX2: the peers' libraries are then told to use no wider instructions.
Ended early (Ctrl-C, SIGTERM), it prints the table of what it has, and keeps nothing.
"""

import argparse
import math
import signal
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import ttest_ind

from benchmarks import history
from benchmarks.contest import Result, hold
from benchmarks.contracts import kernel_checks
from benchmarks.gemm import INSTRUCTIONS, best, gemm_rates
from benchmarks.many_trials import overhead
from benchmarks.tables import RESULTS, commit, keep_by_machine, today
from benchmarks.workloads import WORKLOADS, Workload
from mlpctl.display.tables import Cell, Table, print_tables
from mlpctl.engines.kernel.processor import vector_width
from mlpctl.report.statistics.significance import holm
from mlpctl.system.facts import cpu_model, usable_cores

COLUMNS = ("work", "contestant", "seconds per trial", "spread", "score", "score sd", "seeds", "of GEMM rate",
           "times mlpctl", "promised", "holds", "end to end", "note")  # fmt: skip

MIXED_WIDTHS, GEMM_SHARE = 0.8, 0.9
"""Promises: speed of mixed widths against equal ones, and of Fashion-MNIST against the GEMM rate, per operation."""

ALPHA = 0.01
"""Scores of contestants that train the same differ where Welch's test, corrected by Holm, has a p-value below."""


class Ended(Exception):
    """The user ended the benchmark."""


def rows_of(results: Sequence[Result], workload: Workload, rate: float) -> list[dict[str, Cell]]:
    """Return the table's rows of one workload."""
    medians = {result.contestant: result.median for result in results}
    rows: list[dict[str, Cell]] = []
    for result in results:
        median, ours = result.median, medians.get(workload.ours(result.contestant))
        ratio = median / ours if median and ours and not result.contestant.startswith("mlpctl") else None
        flops, floor = result.flops or results[0].flops, workload.peers.get(result.contestant) or None
        scores = [*result.scores.values()]
        mean, sd = statistics.fmean(scores) if scores else None, statistics.stdev(scores) if len(scores) > 1 else None
        cells = (result.workload, result.contestant, median, result.spread, mean, sd, len(scores),
                 flops / median / rate if flops and median else None, ratio, floor,
                 None if ratio is None or floor is None else ratio >= floor,
                 min(result.whole) if result.whole else None, result.note or None)  # fmt: skip
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows


def promises(rows: list[dict[str, Cell]]) -> Iterator[str]:
    """Yield the promises that are no ratio of times against a peer, and whether they hold."""
    shares = {(row["work"], row["contestant"]): row["of GEMM rate"] for row in rows}
    mixed, same = shares.get(("iris", "mlpctl-widths")), shares.get(("iris", "mlpctl"))
    kept: list[tuple[str, float, float]] = []
    if isinstance(mixed, float) and isinstance(same, float):
        kept.append(("mlpctl-widths, per arithmetic operation, of iris", mixed / same, MIXED_WIDTHS))
    if isinstance(share := shares.get(("fashion", "mlpctl")), float):
        kept.append(("fashion, of the measured GEMM rate", share, GEMM_SHARE))
    for what, is_, least in kept:
        yield f"{what}: {is_:.2f}; {least}: {'holds' if is_ >= least else 'does not hold'}"


def unequal_scores(results: Sequence[Result]) -> list[str]:
    """Return the peers whose scores differ from mlpctl's by more than chance, in words."""
    pairs = [(ours, theirs) for theirs in results for ours in results
             if (ours.workload, ours.contestant) == (theirs.workload, "mlpctl") and len(theirs.scores) > 2
             and not theirs.contestant.startswith("mlpctl")]  # fmt: skip
    ps = [
        float(ttest_ind([*ours.scores.values()], [*theirs.scores.values()], equal_var=False).pvalue)
        for ours, theirs in pairs
    ]
    ps = holm([1.0 if math.isnan(p) else p for p in ps]).tolist() if ps else []  # NaN where no score varies
    return [
        f"{theirs.workload}, {theirs.contestant}: {statistics.fmean(theirs.scores.values()):.4f}, "
        f"mlpctl {statistics.fmean(ours.scores.values()):.4f}, p {p:.2g}"
        for (ours, theirs), p in zip(pairs, ps, strict=True)
        if p < ALPHA
    ]


def on_scores(results: Sequence[Result]) -> str:
    """Return what the scores say about whether all contestants train the same, in one sentence."""
    if max((len(result.scores) for result in results), default=0) < 3:
        return "scores: too few seeds to tell differences from chance; three rounds do"
    found = unequal_scores(results)
    return f"scores differ beyond chance (Welch, Holm, {ALPHA:g}): " + ("; ".join(found) if found else "none")


def end(*_: Any) -> None:
    """End the benchmark."""
    raise Ended


def main() -> None:
    """Measure, print, and keep the table as CSV and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, 16 trials of Ray Tune: within 6 minutes")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contestant runs, each time another seed")
    parser.add_argument("--only", default="", help="workloads, a,b")
    parser.add_argument("--peers", default="", help="peers, a,b")
    parser.add_argument("--cause", default="", help="what changed since the last record; adds to the records table")
    parser.add_argument(
        "-o", "--output", type=Path, help=f"folder of the table; {RESULTS}, --quick: it is only printed"
    )
    given = parser.parse_args()
    rounds = 1 if given.quick else given.rounds
    cores, width = usable_cores(), vector_width()
    workloads = {name: workload for name, workload in WORKLOADS.items() if workload.peers}  # others run beside these
    asked = given.only.split(",") if given.only else [*workloads]
    if unknown := set(asked) - workloads.keys():
        parser.error(f"--only takes {', '.join(workloads)}, got {', '.join(sorted(unknown))}")
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_, end)
    rates: list[dict[str, float]] = []
    rows: list[dict[str, Cell]] = []
    held: list[Result] = []
    facts: list[str] = []
    left = [*asked]
    try:
        rates.append(gemm_rates(cores, width))
        for workload in map(workloads.__getitem__, asked):
            results: dict[str, Result] = {}
            try:
                peers = [peer for peer in given.peers.split(",") if peer]
                hold(workload.quick() if given.quick else workload, rounds, peers, INSTRUCTIONS[width], results)
                if not given.quick:
                    rates.append(gemm_rates(cores, width))
                left.remove(workload.name)
            finally:
                rate = best(rates) / (cores if workload.trials == 1 else 1)
                rows += rows_of([*results.values()], workload, rate)
                held += results.values()
        per_trial, growth = overhead(500, 2000 if given.quick else 10_000)
        facts = [
            f"a further tiny trial, everything included: {per_trial * 1e3:.3f} ms, memory {growth:+.0f} MiB",
            *map(str, kernel_checks()),
        ]
    except Ended:
        facts.append(f"ended by the user; not measured to the end: {', '.join(left) or 'the contracts'}")
    gemm = ", ".join(f"{name} {min(each):.0f} to {max(each):.0f}" for name, each in _by_library(rates).items())
    kind = f"{cpu_model()}, vectors of {width}"
    notes = [
        f"{kind}, {cores} cores; matrix products, GFLOP/s, all instructions of that width, a thread a core: {gemm}",
        f"{today()}, commit {commit()}, {rounds} rounds, contestants alternating; the round is the seed",
        "times mlpctl: the peer's seconds per trial over mlpctl's, both in steady state",
        on_scores(held),
        *promises(rows),
        *facts,
    ]
    table = Table(COLUMNS, rows, f"mlpctl and its peers: {kind}", notes)
    folder = given.output or (None if given.quick else RESULTS)
    if folder is None or (facts and facts[-1].startswith("ended")):
        print_tables([table])
        return
    keep_by_machine(table, kind, "peers", folder)
    if given.cause:
        history.add(folder, rows, given.cause)


def _by_library(rates: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    return {library: [some[library] / 1e9 for some in rates] for library in (rates[0] if rates else {})}


if __name__ == "__main__":
    main()
