"""Whether our values bear out a published figure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.report.statistics.student import t_quantile
from mlpctl.textbook.expectation import COMPARISONS, Comparison, Expect

Verdict = Literal["reproduced", "not reproduced", "undecided"]

LEVEL = 0.99
"""Of the interval that a single published run has to lie in: with 40 such figures, 0.4 fall out of it by chance."""

FEWEST = 3
"""Trials from which an interval is drawn."""

MANY = 100
"""Trials from which their own quantiles are used."""

ROUNDING = 1e-12
"""Relative; sums in another order are no difference."""


@dataclass(frozen=True)
class Judgement:
    """A published figure beside ours.

    Attributes:
        figure: what the source prints.
        published: its value; None where it prints a property.
        ours: our mean over the trials, or of what was compared.
        low: of the interval that is compared with: of single runs under "draw", else the 95 % interval of the mean.
        high: see low.
        trials: that were looked at.
        verdict: what follows.
        why: what had to hold.
    """

    figure: str
    published: float | None
    ours: float | None
    low: float | None
    high: float | None
    trials: int
    verdict: Verdict
    why: str


def judge(expect: Expect, values: Mapping[str, NDArray[np.float64]]) -> Judgement:
    """Return the judgement of one published value (or property) on our values.

    Args:
        expect: with a single published value.
        values: trial -> its values (epochs,), one where one epoch is looked at.
    """
    every = [array for array in values.values() if len(array)]
    if not every or any(np.isnan(array).any() for array in every):
        reason = "no trial has it" if not every else "a trial has no number there"
        return Judgement(expect.figure, _number(expect), None, None, None, len(every), "not reproduced", reason)
    if expect.compare in ("falls", "same"):
        return _property(expect, every)
    published = _number(expect)
    assert published is not None
    flat = np.array([_extreme(array, expect.compare) for array in every])
    mean, n = float(flat.mean()), len(flat)
    low, high = interval(flat, single=expect.compare == "draw", level=LEVEL if expect.compare == "draw" else 0.95)
    slack = expect.tolerance + ROUNDING * abs(published)
    if expect.compare == "draw":
        if n < FEWEST:
            verdict: Verdict = "undecided"
        else:
            slack += half_a_digit(published)
            verdict = _said(low - slack <= published <= high + slack)
    elif expect.compare == "near":
        verdict = _said(abs(mean - published) <= slack)
    elif expect.compare == "at_least":
        verdict = _said(bool((flat >= published - slack).all()))
    elif expect.compare == "at_most":
        verdict = _said(bool((flat <= published + slack).all()))
    else:
        verdict = _said(bool((flat >= published - slack).any()))
    return Judgement(expect.figure, published, mean, *_shown(low, high), n, verdict, _why(expect, flat, published))


def interval(values: NDArray[np.float64], *, single: bool, level: float) -> tuple[float, float]:
    """Return the interval of the mean of normal values (n,), or of one more such value; infinite for n < 2.

    Of many values the interval of one more is where they lie themselves: accuracies of 38 examples are not normal.
    """
    n = len(values)
    if n < 2:
        return -math.inf, math.inf
    if single and n >= MANY:
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


def _property(expect: Expect, every: Sequence[NDArray[np.float64]]) -> Judgement:
    if expect.compare == "falls":
        steps = np.concatenate([np.diff(array) for array in every])
        worst = float(steps.max()) if len(steps) else math.nan
        verdict = _said(bool(len(steps)) and worst < 0)
        return Judgement(expect.figure, None, worst, None, None, len(every), verdict, "largest change between epochs")
    if len(every) < 2 or len({len(array) for array in every}) > 1:
        return Judgement(
            expect.figure, None, None, None, None, len(every), "undecided", "trials of equal length needed"
        )
    table = np.stack(every)  # (trials, epochs)
    largest = np.maximum(abs(table).max(axis=0), 1e-300)
    worst = float(((table.max(axis=0) - table.min(axis=0)) / largest).max())
    why = f"largest relative difference; at most {expect.tolerance:g}"
    return Judgement(expect.figure, None, worst, None, None, len(every), _said(worst <= expect.tolerance), why)


def _extreme(array: NDArray[np.float64], compare: Comparison) -> float:
    """Return the value that decides where every epoch is looked at."""
    return float(array.min() if compare == "at_least" else array.max() if len(array) > 1 else array[0])


def _number(expect: Expect) -> float | None:
    assert not isinstance(expect.published, list)
    return expect.published


def _said(holds: bool) -> Verdict:
    return "reproduced" if holds else "not reproduced"


def _shown(low: float, high: float) -> tuple[float | None, float | None]:
    return (low if math.isfinite(low) else None, high if math.isfinite(high) else None)


def _why(expect: Expect, values: NDArray[np.float64], published: float) -> str:
    if expect.compare == "draw" and len(values) < FEWEST:
        return f"{FEWEST} trials are needed to say where single runs lie"
    if expect.compare == "draw":
        below = float((values < published).mean() + 0.5 * (values == published).mean())
        return f"{below:.0%} of our runs lie below it"
    return COMPARISONS[expect.compare] + (f" ({expect.tolerance:g})" if expect.compare == "near" else "")
