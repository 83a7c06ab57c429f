"""Timings against those of an earlier run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mlpctl.bench.matmul import BENCHMARK, Timing
from mlpctl.bench.matmul_cases import Case
from mlpctl.bench.records import read
from mlpctl.bench.verdicts import MATTERS, Word, word
from mlpctl.display.tables import Cell
from mlpctl.errors import CheckFailed, DataError

ASKED = tuple(field.name for field in fields(Case))


@dataclass(frozen=True)
class Before:
    """A product's median of an earlier run, in seconds, with its 95 % interval; machine and software it ran on."""

    median: float
    low: float
    high: float
    machine: str
    software: str


@dataclass(frozen=True)
class Change:
    """A product against an earlier run.

    Attributes:
        ratio: its median over the earlier.
        low: the lowest ratio that both medians' 95 % intervals allow.
        high: the highest.
        verdict: same, faster, slower or undecided.
    """

    ratio: float
    low: float
    high: float
    verdict: Word

    def row(self) -> dict[str, Cell]:
        """Return the cells for machines."""
        return {"before": self.ratio, "before_low": self.low, "before_high": self.high, "before_verdict": self.verdict}


def earlier(path: Path) -> dict[tuple[str, ...], Before]:
    """Return the timings of an earlier run's CSV by what was asked for; of several alike the last.

    Raises:
        DataError: if it is no CSV of this benchmark and version, or holds no numbers.
    """
    found = {}
    for number, row in enumerate(read(path, BENCHMARK, [*ASKED, "median", "low", "high"]), start=2):
        try:
            median, low, high = (float(row[name]) for name in ("median", "low", "high"))
        except ValueError:
            median = low = high = np.nan
        if not 0 < low <= median <= high < np.inf:
            raise DataError(f"{path}, line {number}: median, low and high must be seconds above 0, in order")
        found[tuple(row[name] for name in ASKED)] = Before(median, low, high, row["machine"], row["software"])
    return found


def changes(
    timings: Sequence[Timing], before: Mapping[tuple[str, ...], Before], matters: float = MATTERS
) -> list[Change | None]:
    """Return how each timing compares with the earlier one; None where there is none."""
    return [_change(timing, before.get(_asked(timing.case)), matters) for timing in timings]


def differences(
    timings: Sequence[Timing], before: Mapping[tuple[str, ...], Before], stamp: Mapping[str, Cell]
) -> list[str]:
    """Return sentences on what else differs: another machine, other versions, products that are in one run alone."""
    both = [before[_asked(timing.case)] for timing in timings if _asked(timing.case) in before]
    said = []
    for what in ("machine", "software"):
        others = dict.fromkeys(getattr(one, what) for one in both if getattr(one, what) != stamp[what])
        if others:
            said.append(f"the earlier run had another {what}: {'; '.join(map(str, others))}")
    if len(both) < len(timings):
        said.append(f"{len(timings) - len(both)} of {len(timings)} products are not in the earlier run")
    return said


def rows(timings: Sequence[Timing], changed: Sequence[Change | None], matters: float) -> list[dict[str, Cell]]:
    """Return the rows for machines; what became of earlier figures is in them where there was something to compare."""
    if not changed:
        return [{**timing.row(), "matters": matters} for timing in timings]
    none = dict.fromkeys(Change(1, 1, 1, "same").row())
    return [
        {**timing.row(), "matters": matters, **(change.row() if change else none)}
        for timing, change in zip(timings, changed, strict=True)
    ]


def check(timings: Sequence[Timing], changed: Sequence[Change | None]) -> None:
    """Check that nothing became slower.

    Raises:
        CheckFailed: naming what did.
    """
    slower = [
        f"{timing.case} by {100 * (change.ratio - 1):.1f} %"
        for timing, change in zip(timings, changed, strict=True)
        if change and change.verdict == "slower"
    ]
    if slower:
        raise CheckFailed(f"slower than before: {'; '.join(slower)}")


def _asked(case: Case) -> tuple[str, ...]:
    return tuple(str(getattr(case, name)) for name in ASKED)


def _change(timing: Timing, before: Before | None, matters: float) -> Change | None:
    if before is None:
        return None
    now = timing.estimate
    low, high = now.low / before.high, now.high / before.low
    return Change(now.median / before.median, low, high, word(float(np.log(low)), float(np.log(high)), matters))
