"""Compare matrix products with an earlier run's CSV: `mlpctl bench matmul --compare`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mlpctl.bench.matmul import BENCHMARK, ProductTiming
from mlpctl.bench.matmul_products import MatrixProduct
from mlpctl.bench.records import read_records
from mlpctl.bench.timing_statistics import MATTERS, TimingVerdict, verdict_of
from mlpctl.display.tables import Cell
from mlpctl.errors import CheckFailed, DataError

PRODUCT_COLUMNS = tuple(field.name for field in fields(MatrixProduct))  # columns that name a product

Baseline = Mapping[tuple[str, ...], Mapping[str, str]]
"""Cells of a product's KEY -> its row in the earlier run."""


@dataclass(frozen=True)
class Change:
    """A product's time against that of the earlier run."""

    before: float  # ratio of the medians
    before_low: float  # the lowest ratio that both medians' 95 % intervals, and the shortest times, allow
    before_high: float
    before_verdict: TimingVerdict


def read_baseline(path: Path) -> Baseline:
    """Return the rows of an earlier run's CSV by product; of several alike the last.

    Raises:
        DataError: if it is no CSV of this benchmark and version, or holds no numbers.
    """
    rows = read_records(path, BENCHMARK, [*PRODUCT_COLUMNS, "min", "median", "low", "high"])
    for number, row in enumerate(rows, start=2):
        try:
            least, low, median, high = (float(row[name]) for name in ("min", "low", "median", "high"))
        except ValueError:
            least = low = median = high = np.nan
        if not 0 < least <= low <= median <= high < np.inf:
            raise DataError(f"{path}, line {number}: min, low, median and high must be seconds above 0, in order")
    return {tuple(row[name] for name in PRODUCT_COLUMNS): row for row in rows}


def changes_from(
    timings: Sequence[ProductTiming], baseline: Baseline, matters: float = MATTERS, *, disturbed: bool = False
) -> list[Change | None]:
    """Return how each timing compares with the earlier one; None where there is none.

    Two runs are minutes or months apart, so the interval of each median says too little: other programs slow down a run
    from its beginning to its end. They only ever add time, so the shortest times must say the same; and where this run
    was seen to be disturbed, a difference is undecided.

    Args:
        timings: of this run.
        baseline: of the earlier run.
        matters: relative difference that matters.
        disturbed: see `mlpctl.bench.system_noise.was_disturbed`.
    """
    changes: list[Change | None] = []
    for timing in timings:
        now, row = timing.estimate, _row(timing, baseline)
        if row is None:
            changes.append(None)
            continue
        shortest = now.min / float(row["min"])
        low, high = min(now.low / float(row["high"]), shortest), max(now.high / float(row["low"]), shortest)
        verdict = verdict_of(float(np.log(low)), float(np.log(high)), matters)
        if disturbed and verdict in ("slower", "faster"):
            verdict = "undecided"
        changes.append(Change(now.median / float(row["median"]), low, high, verdict))
    return changes


def other_differences(timings: Sequence[ProductTiming], baseline: Baseline, stamp: Mapping[str, Cell]) -> list[str]:
    """Return sentences on what else differs: another machine, other versions, products of one run alone."""
    both = [row for timing in timings if (row := _row(timing, baseline)) is not None]
    notes = []
    for what in ("machine", "software"):
        if others := dict.fromkeys(row[what] for row in both if row[what] != stamp[what]):
            notes.append(f"the earlier run had another {what}: {'; '.join(others)}")
    if len(both) < len(timings):
        notes.append(f"{len(timings) - len(both)} of {len(timings)} products are not in the earlier run")
    return notes


def rows_with_changes(
    timings: Sequence[ProductTiming], changes: Sequence[Change | None], matters: float
) -> list[dict[str, Cell]]:
    """Return the rows for machines; with the columns of a Change where there was something to compare with."""
    rows = [{**timing.row(), "matters": matters} for timing in timings]
    for row, change in zip(rows, changes, strict=False):
        row.update(vars(change) if change else dict.fromkeys(field.name for field in fields(Change)))
    return rows


def check_not_slower(timings: Sequence[ProductTiming], changes: Sequence[Change | None]) -> None:
    """Check that nothing became slower.

    Raises:
        CheckFailed: naming what did.
    """
    slower = [
        f"{timing.product.name} on {timing.product.place} by {100 * (change.before - 1):.1f} %"
        for timing, change in zip(timings, changes, strict=True)
        if change and change.before_verdict == "slower"
    ]
    if slower:
        raise CheckFailed(f"slower than before: {'; '.join(slower)}")


def _row(timing: ProductTiming, baseline: Baseline) -> Mapping[str, str] | None:
    return baseline.get(tuple(str(getattr(timing.product, name)) for name in PRODUCT_COLUMNS))
