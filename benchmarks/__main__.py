"""`python -m benchmarks`: every work, every peer that is installed, one table."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import contracts, overhead, records
from benchmarks.contest import Record, hold
from benchmarks.gemm import best, gemm_rates
from benchmarks.works import WORKS, Work
from mlpctl.display.tables import Cell, Table, print_tables, to_text
from mlpctl.system.facts import cpu_model, git_state, usable_cores

COLUMNS = ("work", "contestant", "seconds per trial", "spread", "score", "of GEMM rate", "times mlpctl", "promised",
           "holds", "end to end", "note")  # fmt: skip


MIXED_WIDTHS, GEMM_SHARE = 0.8, 0.9


def lines(measured: list[Record], work: Work, rate: float) -> list[dict[str, Cell]]:
    """Return the table's lines of one work."""
    medians = {record.contestant: record.median for record in measured}
    rows: list[dict[str, Cell]] = []
    for record in measured:
        median, ours = record.median, medians.get(work.ours(record.contestant))
        ratio = median / ours if median and ours and not record.contestant.startswith("mlpctl") else None
        flops = record.flops or measured[0].flops
        floor = work.peers.get(record.contestant) or None
        rows.append(
            {
                "work": record.work,
                "contestant": record.contestant,
                "seconds per trial": median,
                "spread": record.spread,
                "score": record.score,
                "of GEMM rate": flops / median / rate if flops and median else None,
                "times mlpctl": ratio,
                "promised": floor,
                "holds": None if ratio is None or floor is None else ratio >= floor,
                "end to end": min(record.whole) if record.whole else None,
                "note": record.note or None,
            }
        )
    return rows


def promises(rows: list[dict[str, Cell]]) -> list[str]:
    """Return the promises that are no ratio of times against a peer, and whether they hold."""
    shares = {(row["work"], row["contestant"]): row["of GEMM rate"] for row in rows}
    mixed, same = shares.get(("iris", "mlpctl-widths")), shares.get(("iris", "mlpctl"))
    told = []
    if isinstance(mixed, float) and isinstance(same, float):
        holds = "holds" if mixed / same >= MIXED_WIDTHS else "does not hold"
        told.append(f"mlpctl-widths, per arithmetic operation: {mixed / same:.2f} of iris; {MIXED_WIDTHS}: {holds}")
    if isinstance(share := shares.get(("fashion", "mlpctl")), float):
        holds = "holds" if share >= GEMM_SHARE else "does not hold"
        told.append(f"fashion, of the measured GEMM rate: {share:.0%}; {GEMM_SHARE:.0%}: {holds}")
    return told


def main() -> None:
    """Measure, print, and keep the table as CSV and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, fewer trials")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant runs")
    parser.add_argument("--only", default="", help="works, a,b")
    parser.add_argument("--peers", default="", help="peers, a,b")
    parser.add_argument("--cause", default="", help="what changed since the last record; adds to the records table")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks"))
    given = parser.parse_args()
    rounds = 1 if given.quick else given.rounds
    cores = usable_cores()
    rates = [gemm_rates(cores)]
    rows: list[dict[str, Cell]] = []
    works = {name: work for name, work in WORKS.items() if work.peers}  # the others are measured beside these
    asked = given.only.split(",") if given.only else [*works]
    if unknown := set(asked) - works.keys():
        parser.error(f"--only takes {', '.join(works)}, got {', '.join(sorted(unknown))}")
    for work in map(works.__getitem__, asked):
        measured = hold(work, rounds, [peer for peer in given.peers.split(",") if peer])
        rates.append(gemm_rates(cores))
        rows += lines(measured, work, best(rates) / (cores if work.trials == 1 else 1))
    per_trial, growth = overhead.overhead(500, 2000 if given.quick else 10_000)
    commit = str((git_state(Path.cwd()) or {}).get("commit", ""))[:12]
    ranges = {library: [some[library] / 1e9 for some in rates] for library in rates[0]}
    told = [f"{library} {min(each):.0f} to {max(each):.0f}" for library, each in ranges.items()]
    notes = [
        f"{cpu_model()}, {cores} cores; GEMM rates in GFLOP/s, with one thread a core: " + ", ".join(told),
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, {rounds} rounds, contestants alternating",
        "times mlpctl: the peer's seconds per trial over mlpctl's, both in steady state",
        *promises(rows),
        f"a further tiny trial, everything included: {per_trial * 1e3:.3f} ms, memory {growth:+.0f} MiB",
        contracts.independence(),
        contracts.equality(),
    ]
    table = Table(COLUMNS, rows, "mlpctl and its peers", notes)
    print_tables([table])
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "peers.csv").write_text(to_text([table], "csv"), "utf-8")
    (given.output / "peers.md").write_text(to_text([table], "md"), "utf-8")
    if given.cause:
        records.add(given.output, rows, given.cause, commit)


if __name__ == "__main__":
    main()
