"""Check a published figure against our values."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlpctl.metrics import BETTER
from mlpctl.report.statistics.student import t_quantile, t_tail
from mlpctl.runner.expect_table import COMPARISONS, ExpectTable

FigureVerdict = Literal[
    "exact", "typical", "unusual", "lucky", "not contradicted", "contradicted", "holds", "fails", "undecided"
]

VERDICTS: dict[FigureVerdict, str] = {
    "exact": "every printed digit is ours",
    "typical": "90 % of single runs of ours lie around it",
    "unusual": "a single run of ours in ten lies as far out",
    "lucky": "a single run of ours in twenty is as good",
    "not contradicted": "what we would accept spans over 20 % of its value: that says little",
    "contradicted": "99 % of single runs of ours lie elsewhere, or a printed digit is another",
    "holds": "a property, in every trial",
    "fails": "a property that a trial lacks",
    "undecided": "too few trials to say",
}
"""Verdict on a figure -> what it means."""

PROPERTIES: tuple[FigureVerdict, ...] = ("holds", "fails")
"""Verdicts on properties; the others are on printed numbers."""

FAILURES: tuple[FigureVerdict, ...] = ("contradicted", "fails")

RUN_LEVEL = 0.99  # level of the interval of a single run: of 40 published figures, 0.4 fall out of it by chance
WIDEST = 0.2  # share of the published value up to which that interval says something about it
TYPICAL = 0.9  # share of single runs that are called typical
FEWEST_TRIALS = 3  # trials that an interval needs
MANY_TRIALS = 100  # trials from which quantiles replace the normal interval
ROUNDING = 1e-12  # relative difference that sums in another order make


@dataclass(frozen=True)
class FigureCheck:
    """A published figure and ours."""

    figure: str  # as the source calls it
    number: int | None  # which of the numbers that it prints there, from 1; None for a single one
    published: float | None  # value in the source; None for a property of our trials alone
    decimals: int | None  # digits behind the point that the source prints
    ours: float | None  # mean over our trials
    low: float | None  # ends of the interval of single runs under "draw", else of the 95 % interval of the mean
    high: float | None
    width: float | None  # under "draw": share of the published value that what would be accepted spans
    percentile: float | None  # under "draw": share of single runs of ours below it
    trials: int  # number of trials that were compared
    verdict: FigureVerdict
    finding: str | None  # the verdict that the experiment shows, where that is a failure
    why: str  # the condition

    @property
    def failed(self) -> bool:
        """True where the verdict is a failure, or not the one that the experiment is there to show."""
        if self.finding is None:
            return self.verdict in FAILURES
        return self.verdict not in (self.finding, "undecided")


@dataclass(frozen=True)
class _Comparison:
    """What a comparison says; True and False are the good and the bad verdict of its kind."""

    verdict: bool | FigureVerdict
    why: str
    ours: float | None = None
    low: float = math.nan
    high: float = math.nan
    width: float | None = None
    percentile: float | None = None


def check_figure(expect: ExpectTable, values: Mapping[str, NDArray[np.float64]]) -> FigureCheck:
    """Return the check of one published value, or property, against our values.

    Args:
        expect: with a single published value.
        values: trial -> its values (epochs,), one where one epoch is looked at.
    """
    [expect] = expect.single()
    published, every = expect.published, [array for array in values.values() if len(array)]
    assert not isinstance(published, list)
    found = _compared(expect, every)
    verdict = found.verdict
    if isinstance(verdict, bool):
        is_number = expect.compare in ("digits", "draw")
        verdict = ("exact" if verdict else "contradicted") if is_number else "holds" if verdict else "fails"
    low, high = (end if math.isfinite(end) else None for end in (found.low, found.high))
    return FigureCheck(
        expect.figure, expect.number, published, expect.decimals, found.ours, low, high, found.width, found.percentile,
        len(every), verdict, expect.finding, found.why,
    )  # fmt: skip


def _compared(expect: ExpectTable, every: list[NDArray[np.float64]]) -> _Comparison:
    if not every:
        return _Comparison(False, "no trial has it")
    if any(np.isnan(array).any() for array in every):
        return _Comparison(False, "a trial has no number there")
    if expect.compare == "falls":
        steps = np.concatenate([np.diff(array) for array in every])
        worst = float(steps.max()) if len(steps) else math.nan
        return _Comparison(worst < 0, "largest change between epochs", worst)
    if expect.compare == "same":
        if len(every) < 2 or len({len(array) for array in every}) > 1:
            return _Comparison("undecided", "trials of equal length needed")
        table = np.stack(every)  # (trials, epochs)
        worst = float((np.ptp(table, axis=0) / np.maximum(abs(table).max(axis=0), 1e-300)).max())
        why = f"largest relative difference; at most {expect.tolerance:g}"
        return _Comparison(worst <= expect.tolerance, why, worst)
    extreme = np.min if expect.compare == "at_least" else np.max
    return _compared_numbers(expect, np.array([extreme(array) for array in every], dtype=np.float64))


def _compared_numbers(expect: ExpectTable, ours: NDArray[np.float64]) -> _Comparison:
    """Return the comparison of a published number with ours (trials,)."""
    published, digits = expect.published, expect.decimals or 0
    assert isinstance(published, int | float)
    mean, n, slack = float(ours.mean()), len(ours), expect.tolerance + ROUNDING * abs(published)
    if expect.compare == "digits":
        wrong = [one for one in ours if as_printed(float(one), digits) != as_printed(published, digits)]
        why = f"ours is {as_printed(float(wrong[0]), digits)}" if wrong else COMPARISONS["digits"]
        return _Comparison(not wrong, why, mean)
    if expect.compare == "draw":
        low, high = run_interval(ours, single=True, level=RUN_LEVEL)
        if n < FEWEST_TRIALS:
            return _Comparison("undecided", f"{FEWEST_TRIALS} trials are needed to say where single runs lie", mean)
        slack += 0.5 * 10.0**-digits  # the source rounds
        width = (high - low + 2 * slack) / abs(published) if published else math.inf
        below = share_below(ours, published)
        verdict = _verdict_on_draw(low - slack <= published <= high + slack, width, below, expect.measure)
        return _Comparison(verdict, f"{below:.0%} of single runs lie below it", mean, low, high, width, below)
    low, high = run_interval(ours, single=False, level=0.95)
    holds, why = True, COMPARISONS[expect.compare]
    match expect.compare:
        case "near":
            holds, why = abs(mean - published) <= slack, f"{why} ({expect.tolerance:g})"
        case "at_least":
            holds = bool((ours >= published - slack).all())
        case "at_most":
            holds = bool((ours <= published + slack).all())
        case _:
            reach = int((ours >= published - slack).sum())
            holds, why = reach > 0, f"{reach} of {n} trials reach it"
    return _Comparison(holds, why, mean, low, high)


def _verdict_on_draw(inside: bool, width: float, below: float, measure: str) -> FigureVerdict:
    if not inside:
        return "contradicted"
    if width > WIDEST:
        return "not contradicted"
    better = BETTER.get(measure.partition("_")[2])  # of the metric in a column such as test_accuracy
    outer = (1 - TYPICAL) / 2
    if outer <= below <= 1 - outer:
        return "typical"
    return "lucky" if better == ("low" if below < outer else "high") else "unusual"


def share_below(values: NDArray[np.float64], at: float) -> float:
    """Return the share of single runs below a number, by the distribution that `run_interval` goes by."""
    n = len(values)
    if n >= MANY_TRIALS:
        return float(((values < at) + 0.5 * (values == at)).mean())
    spread = float(values.std(ddof=1)) * math.sqrt(1 + 1 / n)
    if not spread:
        return 0.5 * (1 + float(np.sign(at - values[0])))
    t = (at - float(values.mean())) / spread
    tail = float(t_tail(abs(t), n - 1))
    return 1 - tail if t > 0 else tail


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


def as_printed(value: float, decimals: int) -> str:
    """Return a number with so many digits behind the point; zero has no sign."""
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def headline(verdicts: Iterable[str]) -> str:
    """Return how many printed numbers and properties have which verdict, in words."""
    every = list(verdicts)
    counts = {verdict: every.count(verdict) for verdict in VERDICTS}
    numbers, properties = (
        {verdict: n for verdict, n in counts.items() if n and (verdict in PROPERTIES) == wanted}
        for wanted in (False, True)
    )
    parts = [
        f"{sum(own.values())} {what}: {', '.join(f'{n} {verdict}' for verdict, n in own.items())}"
        for what, own in (("printed numbers", numbers), ("properties", properties))
        if own
    ]
    return "; ".join(parts)
