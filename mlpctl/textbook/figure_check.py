"""Check a published figure against our values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.report.statistics.student import t_quantile
from mlpctl.runner.expect_table import COMPARISONS, ExpectTable

FigureVerdict = Literal["reproduced", "not reproduced", "undecided"]
VERDICTS: dict[bool | None, FigureVerdict] = {True: "reproduced", False: "not reproduced", None: "undecided"}

RUN_LEVEL = 0.99  # level of the interval of a single run: of 40 published figures, 0.4 fall out of it by chance
FEWEST_TRIALS = 3  # trials that an interval needs
MANY_TRIALS = 100  # trials from which quantiles replace the normal interval
ROUNDING = 1e-12  # relative difference that sums in another order make


@dataclass(frozen=True)
class FigureCheck:
    """A published figure and ours."""

    figure: str  # as the source calls it
    published: float | None  # value in the source; None for a property
    ours: float | None  # mean over our trials
    low: float | None  # ends of the interval of single runs under "draw", else of the 95 % interval of the mean
    high: float | None
    trials: int  # number of trials that were compared
    verdict: FigureVerdict
    why: str  # the condition


def check_figure(expect: ExpectTable, values: Mapping[str, NDArray[np.float64]]) -> FigureCheck:
    """Return the check of one published value, or property, against our values.

    Args:
        expect: with a single published value.
        values: trial -> its values (epochs,), one where one epoch is looked at.
    """
    published, every = expect.published, [array for array in values.values() if len(array)]
    assert not isinstance(published, list)

    def checked(
        holds: bool | None, why: str, ours: float | None = None, low: float = math.nan, high: float = math.nan
    ) -> FigureCheck:
        below, above = (end if math.isfinite(end) else None for end in (low, high))
        return FigureCheck(expect.figure, published, ours, below, above, len(every), VERDICTS[holds], why)

    if not every:
        return checked(False, "no trial has it")
    if any(np.isnan(array).any() for array in every):
        return checked(False, "a trial has no number there")
    if expect.compare == "falls":
        steps = np.concatenate([np.diff(array) for array in every])
        worst = float(steps.max()) if len(steps) else math.nan
        return checked(worst < 0, "largest change between epochs", worst)
    if expect.compare == "same":
        if len(every) < 2 or len({len(array) for array in every}) > 1:
            return checked(None, "trials of equal length needed")
        table = np.stack(every)  # (trials, epochs)
        worst = float((np.ptp(table, axis=0) / np.maximum(abs(table).max(axis=0), 1e-300)).max())
        why = f"largest relative difference; at most {expect.tolerance:g}"
        return checked(worst <= expect.tolerance, why, worst)

    assert published is not None
    extreme = np.min if expect.compare == "at_least" else np.max
    ours = np.array([extreme(array) for array in every], dtype=np.float64)  # (trials,)
    slack, why = expect.tolerance + ROUNDING * abs(published), COMPARISONS[expect.compare]
    low, high = run_interval(ours, single=False, level=0.95)
    holds: bool | None
    match expect.compare:
        case "draw":
            low, high = run_interval(ours, single=True, level=RUN_LEVEL)
            slack += half_a_digit(published)
            holds, below = low - slack <= published <= high + slack, (ours < published) + 0.5 * (ours == published)
            why = f"{below.mean():.0%} of our runs lie below it"
            if len(ours) < FEWEST_TRIALS:
                holds, why = None, f"{FEWEST_TRIALS} trials are needed to say where single runs lie"
        case "near":
            holds, why = abs(float(ours.mean()) - published) <= slack, f"{why} ({expect.tolerance:g})"
        case "at_least":
            holds = bool((ours >= published - slack).all())
        case "at_most":
            holds = bool((ours <= published + slack).all())
        case _:
            holds = bool((ours >= published - slack).any())
    return checked(holds, why, float(ours.mean()), low, high)


def run_interval(values: NDArray[np.float64], *, single: bool, level: float) -> tuple[float, float]:
    """Return the interval of the mean of normal values (n,), or of one more such value; infinite for n < 2.

    Of many values the interval of one more is given by their quantiles: accuracies of 38 examples are not normal.
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
    return float(0.5 * 10.0 ** int(Decimal(repr(published)).as_tuple().exponent))
