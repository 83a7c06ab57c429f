"""`python -m benchmarks`: every work, every peer that is installed, one table."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import contracts, end_to_end
from benchmarks.contest import Record, hold
from benchmarks.gemm import gemm_rate
from benchmarks.works import WORKS
from mlpctl.machine import cpu_model, git_state, usable_cores
from mlpctl.render import Cell, Table, print_tables, to_text

COLUMNS = ("work", "contestant", "seconds per trial", "spread", "accuracy", "of GEMM rate", "times mlpctl", "promised",
           "holds", "end to end", "note")  # fmt: skip


def lines(records: list[Record], promised: dict[str, float], rate: float) -> list[dict[str, Cell]]:
    """Return the table's lines of one work."""
    ours = records[0].median
    flops = records[0].flops
    rows: list[dict[str, Cell]] = []
    for record in records:
        median = record.median
        ratio = median / ours if median and ours and record.contestant != "mlpctl" else None
        floor = promised.get(record.contestant)
        rows.append(
            {
                "work": record.work,
                "contestant": record.contestant,
                "seconds per trial": median,
                "spread": record.spread,
                "accuracy": record.accuracy,
                "of GEMM rate": flops / median / rate if flops and median else None,
                "times mlpctl": ratio,
                "promised": floor,
                "holds": None if ratio is None or floor is None else ratio >= floor,
                "end to end": min(record.whole) if record.whole else None,
                "note": record.note or None,
            }
        )
    return rows


def main() -> None:
    """Measure, print, and keep the table as CSV and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, fewer trials")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant runs")
    parser.add_argument("--only", default="", help="works, a,b")
    parser.add_argument("--peers", default="", help="peers, a,b")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks"))
    given = parser.parse_args()
    rounds = 1 if given.quick else given.rounds
    cores = usable_cores()
    rates = [gemm_rate(cores)]
    rows: list[dict[str, Cell]] = []
    for name in given.only.split(",") if given.only else WORKS:
        work = WORKS[name]
        records = hold(work, rounds, [peer for peer in given.peers.split(",") if peer])
        rates.append(gemm_rate(cores))
        rows += lines(records, work.peers, max(rates) / (cores if work.trials == 1 else 1))
    per_trial, growth = end_to_end.overhead(500, 2000 if given.quick else 10_000)
    end_to_end.train_seconds()  # compiles, where that is still to be done
    commit = str((git_state(Path.cwd()) or {}).get("commit", ""))[:12]
    notes = [
        f"{cpu_model()}, {cores} cores; GEMM rate {max(rates) / 1e9:.0f} GFLOP/s (at the least {min(rates) / 1e9:.0f})",
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, {rounds} rounds, contestants alternating",
        "times mlpctl: the peer's seconds per trial over mlpctl's, both in steady state",
        f"mlpctl sweep, iris, 64 learning rates, start and CSV included: {end_to_end.sweep_seconds():.4f} s a trial",
        f"mlpctl train, Fashion-MNIST, 10 epochs, start and scoring included: {end_to_end.train_seconds():.2f} s",
        f"a further tiny trial, everything included: {per_trial * 1e3:.3f} ms, memory {growth:+.0f} MiB",
        contracts.independence(),
        contracts.equality(),
    ]
    table = Table(COLUMNS, rows, "mlpctl and its peers", notes)
    print_tables([table])
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "peers.csv").write_text(to_text([table], "csv"), "utf-8")
    (given.output / "peers.md").write_text(to_text([table], "md"), "utf-8")


if __name__ == "__main__":
    main()
