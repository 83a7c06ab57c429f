"""From scores to words: rankings and differences over seeds, and the sentences that say what they support."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.display.tables import Cell, Table, as_chosen, for_people
from mlpctl.metrics import BETTER
from mlpctl.report.dataframes import by_seed, compare, over, plain, rows_of
from mlpctl.report.statistics.significance import ALPHA, Verdict, paired_test, resolution
from mlpctl.report.summary import interval
from mlpctl.textbook.exercises.answer import Line

if TYPE_CHECKING:
    import pandas as pd

SCORE = "val_accuracy"
"""What the exercises compare: the test set is scored for the one that was chosen."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Values of one hyperparameter, compared over seeds.

    Attributes:
        by: the hyperparameter.
        column: the score.
        table: a row per value, in the order of the results: n, failed, mean, sd, low, high, p.
        verdict: on the values with the fewest failures; None if nothing has a score.
    """

    by: str
    column: str
    table: "pd.DataFrame"
    verdict: Verdict | None

    def row(self, value: Any) -> "pd.Series[Any]":
        """Return the row of a value."""
        row: pd.Series[Any] = self.table[self.table[self.by] == value].iloc[0]
        return row

    def mean(self, value: Any) -> float:
        """Return the mean score of a value."""
        return float(self.row(value)["mean"])

    @property
    def tied(self) -> tuple[Any, ...]:
        """The values that cannot be told apart from the best, in the order of the table."""
        tied = () if self.verdict is None else self.verdict.tied
        return tuple(value for value in self.table[self.by] if value in tied)


def rank(trials: "pd.DataFrame", by: str, column: str = SCORE, better: str | None = None) -> Ranking:
    """Return the ranking of the values of one field over seeds; `better` is by metric where it is not given."""
    table = over(trials, [by], column)
    scored = table[table["n"] > 0]
    if scored.empty:
        return Ranking(by, column, table.assign(p=np.nan), None)
    able = scored.loc[scored["failed"] == scored["failed"].min(), by].tolist()
    verdict = compare(by_seed(trials, by, column)[able], better or BETTER[column.rpartition("_")[2]])
    return Ranking(by, column, table.assign(p=table[by].map(verdict.p["p"])), verdict)


@dataclass(frozen=True)
class Difference:
    """What one value scores more than another, paired by seed; NaN where there are too few pairs to say."""

    mean: float
    low: float
    high: float
    p: float
    pairs: int

    @property
    def is_real(self) -> bool:
        """Whether it is beyond chance."""
        return bool(self.p < ALPHA)


def difference(trials: "pd.DataFrame", by: str, value: Any, base: Any, column: str = SCORE) -> Difference:
    """Return how much more `value` scores than `base`: mean, 95 % interval, and p of the paired t-test."""
    scores = by_seed(trials, by, column)
    if value not in scores or base not in scores:
        return Difference(float("nan"), float("nan"), float("nan"), float("nan"), 0)
    both = scores[[value, base]].dropna().to_numpy(dtype=np.float64)
    pairs, mean, half, p = (float(x[0]) for x in paired_test(both[:, :1] - both[:, 1:], resolution(both)))
    return Difference(mean, mean - half, mean + half, p, int(pairs))


def changes(what: str, gap: Difference, metric: str = "validation accuracy") -> str:
    """Return the sentence of a difference, e.g. "A second layer raises validation accuracy by 0.01 (…)."."""
    if not gap.pairs:
        return f"What {what} does to {metric} cannot be said: no seed has a score for both."
    size = amount(abs(gap.mean))
    if gap.pairs < 2:
        way = "higher" if gap.mean > 0 else "lower"
        return f"With {what} {metric} is {size} {way} for the one seed there is: that may be chance, use more seeds."
    spread = f"95 % interval {signed(gap.low)} to {signed(gap.high)}, {paired(gap)}"
    if not gap.is_real:
        return (
            f"With {what} {metric} changes by {signed(gap.mean)} ({spread}): that cannot be told apart from no change."
        )
    return f"With {what} {metric} {'rises' if gap.mean > 0 else 'falls'} by {size} ({spread})."


def paired(gap: Difference) -> str:
    """Return how a difference was tested."""
    return f"{gap.pairs} seeds, p {'< 0.001' if gap.p < 0.001 else f'= {gap.p:.2g}'}"


def best(ranking: Ranking, noun: str, metric: str = "validation accuracy") -> str:
    """Return the sentence that names the best value, or those that it cannot be told apart from.

    Args:
        ranking: of the values.
        noun: what a value is; "{}" stands for the value, as in "{} hidden units".
        metric: what is compared.
    """
    verdict = ranking.verdict
    if verdict is None:
        return "No trial has a score, so there is no answer."
    value = named(noun, verdict.best)
    score = with_interval(ranking.row(verdict.best))
    if verdict.compared < 2:
        return f"Only {value} could be scored: {metric} {score}; there is nothing to compare it with."
    if verdict.seeds < 2:
        return (
            f"The highest {metric} is {score}, with {value}; but one seed cannot tell an effect from chance: which "
            "is best is not known, use more seeds."
        )
    if verdict.is_clear:
        others = "the other" if verdict.compared == 2 else f"each of the {verdict.compared - 1} others"
        return (
            f"Best is {value}: {metric} {score}, better than {others} beyond chance (paired over {verdict.seeds} "
            f"seeds, corrected for {verdict.compared} compared)."
        )
    others = listed([shown(v) for v in ranking.tied if v != verdict.best])
    told = f"The highest mean {metric} is {score}, with {value}, but it cannot be told apart from that of {others}"
    return f"{told} (paired over {verdict.seeds} seeds, corrected for {verdict.compared} compared)."


def optimistic(ranking: Ranking) -> str:
    """Return the sentence on how much too good the best is expected to look, "" where that is not known or nothing."""
    verdict = ranking.verdict
    if verdict is None or not verdict.optimism or len(verdict.tied) < 2:
        return ""
    return (
        f"Picking the highest of {len(verdict.tied)} that look alike makes it look about "
        f"{amount(verdict.optimism)} too good."
    )


def tested(trials: "pd.DataFrame", ranking: Ranking, noun: str) -> str:
    """Return the sentence with the test score of the best, "" where the test set was not scored."""
    if ranking.verdict is None:
        return ""
    chosen = trials[(trials[ranking.by] == ranking.verdict.best) & (trials["status"] == "ok")]
    column = f"test_{ranking.column.partition('_')[2]}"
    test = chosen[column].dropna() if column in chosen else chosen.iloc[:0].sum(axis=1)
    if not len(test):
        return ""
    mean, _, low, high = interval(test)
    around = f" (95 % interval {for_people(low)} to {for_people(high)})" if len(test) > 1 else " (one seed)"
    return f"On the test set the accuracy with {named(noun, ranking.verdict.best)} is {for_people(mean)}{around}."


def failures(trials: "pd.DataFrame", by: str) -> str:
    """Return the sentence on trials that did not end well, "" if all did."""
    failed = trials[trials["status"] != "ok"]
    if failed.empty:
        return ""
    told = []
    for value in dict.fromkeys(failed[by]):
        own = failed.loc[failed[by] == value, "status"]
        how = listed([str(status).replace("_", " ") for status in dict.fromkeys(own)])
        told.append(f"{len(own)} of {int((trials[by] == value).sum())} {how} at {shown(value)}")
    return f"Not every training ended well: {listed(told)}; a value with failures is not in the running."


def table_of(ranking: Ranking, title: str, more: "pd.DataFrame | None" = None) -> Table:
    """Return a ranking as a table; `more` has further columns, by value."""
    table = ranking.table if more is None else ranking.table.merge(more, on=ranking.by, how="left")
    columns = [c for c in table.columns if c != "sd" and (c != "failed" or ranking.table["failed"].any())]
    notes = ["p: Holm's, of a difference from the best as large as this by chance, paired by seed; empty for the best."]
    return Table(
        columns, rows_of(table[columns]), title, notes if ranking.table["p"].notna().any() else [], [ranking.by]
    )


def line_of(table: "pd.DataFrame", by: str, name: str = "", *, words: Sequence[Any] = ()) -> Line:
    """Return the line of means with their intervals; x is the place in `words` where values are words."""
    table = table[table["n"] > 0]
    x = [float(list(words).index(v)) if len(words) else float(v) for v in table[by]]
    return Line(name, x, table["mean"].tolist(), table["low"].tolist(), table["high"].tolist())


def with_interval(row: "pd.Series[Any]") -> str:
    """Return a mean with its 95 % interval in words."""
    if row["n"] < 2:
        return f"{for_people(float(row['mean']))} (one seed)"
    return f"{for_people(float(row['mean']))} (95 % interval {for_people(row['low'])} to {for_people(row['high'])})"


def shown(value: Any) -> str:
    """Return a value of a hyperparameter as somebody would write it."""
    cell: Cell = plain(value)
    return as_chosen(cell)


def named(noun: str, value: Any) -> str:
    """Return a value with its noun, in the singular for one."""
    text = noun.format(shown(value))
    return text.removesuffix("s") if value == 1 and noun.startswith("{} ") else text


def within(sentence: str) -> str:
    """Return a sentence as it goes on after a colon."""
    return sentence[:1].lower() + sentence[1:]


def signed(value: float) -> str:
    """Return a difference with its sign."""
    size = abs(float(value))
    return ("+" if value > 0 else "−" if value < 0 else "") + amount(size)


def amount(size: float) -> str:
    """Return the size of a difference: four digits after the point, or two that count."""
    return for_people(size) if size >= 0.001 or not size else f"{size:.2g}"


def percent(share: float) -> str:
    """Return a relative difference in percent, with its sign."""
    return f"{100 * share:+.1f} %".replace("-", "−")


def share(part: float, digits: int = 0) -> str:
    """Return a share in percent."""
    return f"{100 * part:.{digits}f} %"


def listed(items: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else list(items))


def sentences(*given: str) -> tuple[str, ...]:
    """Return the sentences that say something."""
    return tuple(sentence for sentence in given if sentence)
