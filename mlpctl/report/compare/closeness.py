"""Compare the epochs of two trainings of one trial: bit-equal, equal within rounding, or different."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlpctl.display.tables import Cell
from mlpctl.metrics import METRICS
from mlpctl.store.schema import EPOCH_COLUMNS

Closeness = Literal["bit-equal", "equal within ε", "different"]

COMPARED = ("lr", *(name for name in EPOCH_COLUMNS if name.endswith(METRICS)))
"""Columns of `epochs.csv` that a trial's spec and data decide."""

EPSILON = {"float64": 1e-9, "float32": 2e-4, "tf32": 1e-2, "bf16": 3e-2}
"""Largest difference of two engines, by their arithmetic: relative to the largest value of a column over the
epochs. The first two are what docs/architecture.md promises of the engines, the others a few units of their mantissas
(10 and 7 bits)."""


@dataclass(frozen=True)
class Deviation:
    """A column that differs between two trainings.

    Attributes:
        column: column of `epochs.csv`.
        first: the first epoch in which it differs.
        epochs: in how many it does.
        a: the value of one side where they are farthest apart; None where that side has none.
        b: value of the other side.
        difference: between the two there; infinite where only one has a number.
        allowed: the difference that rounding may make.
    """

    column: str
    first: int
    epochs: int
    a: Cell
    b: Cell
    difference: float
    allowed: float

    @property
    def is_rounding(self) -> bool:
        """True if rounding may have made it."""
        return self.difference <= self.allowed


def deviations(
    a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]], epsilon: float, examples: Mapping[str, int]
) -> list[Deviation]:
    """Return the columns in which the epochs of two trainings differ, what differs first at the beginning.

    Args:
        a: rows of `epochs.csv`, typed.
        b: likewise.
        epsilon: relative to the largest value of a column.
        examples: column's prefix (train, val, test, fit) -> examples of that part: an accuracy may differ by one.
    """
    one, other = ({int(row["epoch"]): row for row in rows} for rows in (a, b))
    epochs = sorted({*one, *other})
    found = []
    for column in COMPARED:
        values = [(epoch, one.get(epoch, {}).get(column), other.get(epoch, {}).get(column)) for epoch in epochs]
        apart = [(epoch, x, y, _distance(x, y)) for epoch, x, y in values if not _same(x, y)]
        if apart:
            _, x, y, most = max(apart, key=lambda item: item[3])
            allowed = _allowed(column, [v for _, *both in values for v in both], epsilon, examples)
            found.append(Deviation(column, apart[0][0], len(apart), x, y, most, allowed))
    return sorted(found, key=lambda deviation: deviation.first)


def closeness_of(found: Sequence[Deviation], *, same_status: bool) -> Closeness:
    """Return what follows from the deviations."""
    if not same_status or not all(deviation.is_rounding for deviation in found):
        return "different"
    return "equal within ε" if found else "bit-equal"


def _same(x: Any, y: Any) -> bool:
    return x == y or (isinstance(x, float) and isinstance(y, float) and math.isnan(x) and math.isnan(y))


def _distance(x: Any, y: Any) -> float:
    if x is None or y is None:
        return math.inf
    distance = abs(float(x) - float(y))
    return math.inf if math.isnan(distance) else distance


def _allowed(column: str, values: Sequence[Any], epsilon: float, examples: Mapping[str, int]) -> float:
    largest = max((abs(float(v)) for v in values if v is not None and math.isfinite(v)), default=0.0)
    count = examples.get(column.partition("_")[0], 0)
    if column.endswith("_accuracy") and count:
        return max(epsilon, 1.0 / count) * (1 + 1e-9)  # 0.95 and 0.9 are a little more than 1/20 apart
    return epsilon * largest
