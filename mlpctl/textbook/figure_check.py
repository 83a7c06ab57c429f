"""Check a published figure against our values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.report.statistics.student import t_quantile
from mlpctl.runner.expect_table import COMPARISONS, UNPUBLISHED, ExpectTable, FigureComparison

FigureVerdict = Literal["reproduced", "not reproduced", "undecided"]

RUN_LEVEL = 0.99
"""Level of the interval of a single run: of 40 published figures, 0.4 fall out of it by chance."""

FEWEST_TRIALS = 3
"""Trials that an interval needs."""

MANY_TRIALS = 100
"""Trials from which quantiles replace the normal interval."""

ROUNDING = 1e-12
"""Relative difference that sums in another order make."""


@dataclass(frozen=True)
class FigureCheck:
    """A published figure and ours.

    Attributes:
        figure: what the source prints.
        published: its value; None for a property.
        ours: mean over our trials.
        low: end of the interval of single runs under "draw", else of the 95 % interval of the mean.
        high: the other end.
        trials: how many were compared.
        verdict: whether the condition holds.
        why: the condition.
    """

    figure: str
    published: float | None
    ours: float | None
    low: float | None
    high: float | None
    trials: int
    verdict: FigureVerdict
    why: str


def check_figure(expect: ExpectTable, values: Mapping[str, NDArray[np.float64]]) -> FigureCheck:
    """Return the check of one published value, or property, against our values.

    Args:
        expect: with a single published value.
        values: trial -> its values (epochs,), one where one epoch is looked at.
    """
    every = [array for array in values.values() if len(array)]
    if not every or any(np.isnan(array).any() for array in every):
        reason = "no trial has it" if not every else "a trial has no number there"
        return FigureCheck(expect.figure, _number(expect), None, None, None, len(every), "not reproduced", reason)
    if expect.compare in UNPUBLISHED:
        return _property(expect, every)
    published = _number(expect)
    assert published is not None
    flat = np.array([_extreme(array, expect.compare) for array in every])
    mean, n = float(flat.mean()), len(flat)
    is_draw = expect.compare == "draw"
    low, high = run_interval(flat, single=is_draw, level=RUN_LEVEL if is_draw else 0.95)
    slack = expect.tolerance + ROUNDING * abs(published)
    if is_draw:
        if n < FEWEST_TRIALS:
            verdict: FigureVerdict = "undecided"
        else:
            slack += half_a_digit(published)
            verdict = _verdict(low - slack <= published <= high + slack)
    elif expect.compare == "near":
        verdict = _verdict(abs(mean - published) <= slack)
    elif expect.compare == "at_least":
        verdict = _verdict(bool((flat >= published - slack).all()))
    elif expect.compare == "at_most":
        verdict = _verdict(bool((flat <= published + slack).all()))
    else:
        verdict = _verdict(bool((flat >= published - slack).any()))
    return FigureCheck(expect.figure, published, mean, *_finite(low, high), n, verdict, _why(expect, flat, published))


def run_interval(values: NDArray[np.float64], *, single: bool, level: float) -> tuple[float, float]:
    """Return the interval of the mean of normal values (n,), or of one more such value; infinite for n < 2.

    Of many values the interval of one more is where they lie themselves: accuracies of 38 examples are not normal.
    """
    n = len(values)
    if n < 2:
        return -math.inf, math.inf
    if single and n >= MANY_TRIALS:
        low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
        return float(low), float(high)
    spread = float(values.std(ddof=1)) * math.sqrt(1 / n + (1 if single else 0))
    half = float(t_quantile(0.5 + level / 2, n - 1)) * spread
    return float(values.mean()) - half, float(values.mean()) + half


def half_a_digit(published: float) -> float:
    """Return half a unit of the last digit that a source prints: 0.00005 for 0.4982."""
    text = repr(published)
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        return float(0.5 * 10.0 ** (int(exponent) - len(mantissa.partition(".")[2])))
    return float(0.5 * 10.0 ** -len(text.partition(".")[2]))


def _property(expect: ExpectTable, every: Sequence[NDArray[np.float64]]) -> FigureCheck:
    if expect.compare == "falls":
        steps = np.concatenate([np.diff(array) for array in every])
        worst = float(steps.max()) if len(steps) else math.nan
        verdict = _verdict(bool(len(steps)) and worst < 0)
        return FigureCheck(expect.figure, None, worst, None, None, len(every), verdict, "largest change between epochs")
    if len(every) < 2 or len({len(array) for array in every}) > 1:
        return FigureCheck(
            expect.figure, None, None, None, None, len(every), "undecided", "trials of equal length needed"
        )
    table = np.stack(every)  # (trials, epochs)
    largest = np.maximum(abs(table).max(axis=0), 1e-300)
    worst = float(((table.max(axis=0) - table.min(axis=0)) / largest).max())
    why = f"largest relative difference; at most {expect.tolerance:g}"
    return FigureCheck(expect.figure, None, worst, None, None, len(every), _verdict(worst <= expect.tolerance), why)


def _extreme(array: NDArray[np.float64], compare: FigureComparison) -> float:
    """Return the smallest value under "at_least", else the largest."""
    return float(array.min() if compare == "at_least" else array.max() if len(array) > 1 else array[0])


def _number(expect: ExpectTable) -> float | None:
    assert not isinstance(expect.published, list)
    return expect.published


def _verdict(holds: bool) -> FigureVerdict:
    return "reproduced" if holds else "not reproduced"


def _finite(low: float, high: float) -> tuple[float | None, float | None]:
    return (low if math.isfinite(low) else None, high if math.isfinite(high) else None)


def _why(expect: ExpectTable, values: NDArray[np.float64], published: float) -> str:
    if expect.compare == "draw" and len(values) < FEWEST_TRIALS:
        return f"{FEWEST_TRIALS} trials are needed to say where single runs lie"
    if expect.compare == "draw":
        below = float((values < published).mean() + 0.5 * (values == published).mean())
        return f"{below:.0%} of our runs lie below it"
    return COMPARISONS[expect.compare] + (f" ({expect.tolerance:g})" if expect.compare == "near" else "")
