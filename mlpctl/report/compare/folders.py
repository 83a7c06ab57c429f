"""Compare two results folders: their experiments, what they ran on, and their configurations."""

from collections.abc import Iterator, Sequence
from typing import Any

from mlpctl.display.tables import Cell, Table, as_chosen, for_people
from mlpctl.errors import UsageError
from mlpctl.metrics import SelectOn
from mlpctl.report.compare.comparison import SIDES, ResultsComparison, interval_text
from mlpctl.report.compare.configurations import Match, Outcome, outcome
from mlpctl.report.compare.environments import OF_ROW, differing, of_trials
from mlpctl.report.compare.experiments import differences
from mlpctl.report.compare.paired_test import Paired, tally
from mlpctl.report.grouping import codes_of, distinct_values
from mlpctl.report.summary import Summary, summarize
from mlpctl.report.tables import counted, heading, rows_of
from mlpctl.store.results import ResultsFolders

TOP = 10
"""Configurations that people see where they do not say how many."""

NAMED = 5
"""Configurations of one folder alone that people see by name."""


def compare_results(
    a: ResultsFolders,
    b: ResultsFolders,
    *,
    metric: str | None = None,
    on: SelectOn | None = None,
    margin: float = 0.0,
    top: int = TOP,
) -> ResultsComparison:
    """Return the comparison of the results of two folders.

    Args:
        a: results.
        b: other results.
        metric: metric to compare on; by default the one of A's experiment, else the task's.
        on: part of the data to compare on; by default that of A's experiment, else validation.
        margin: largest difference that does not matter.
        top: number of configurations that people see.

    Raises:
        UsageError: for a metric or a part that was not scored.
    """
    select: dict[str, Any] = next((e["select"] for e in a.experiments if "select" in e), {})
    metric, on = metric or select.get("metric"), on or select.get("on", "validation")
    first, second = (summarize(results, metric=metric, on=on) for results in (a, b))
    together = list(_together(first, second))
    if not together:
        names = [", ".join(sorted({str(summary.rows["dataset"][0]) for summary in some})) for some in (first, second)]
        raise UsageError(f"A has {names[0]} and B has {names[1]}: scores of different datasets cannot be compared")
    outcomes = [outcome(one, other, margin=margin) for one, other in together]
    facts = [of_trials(results.environments[0], _ran(results)) for results in (a, b)]
    sentences = [
        f"{side}: {summary.title}: {heading(summary)}"
        for pair in together
        for side, summary in zip(SIDES, pair, strict=True)
    ]
    for one in outcomes:
        sentences += _sentences(one)
    left = [summary for summary in (*first, *second) if not any(summary in pair for pair in together)]
    sentences += [f"{summary.title} is in one of the two alone." for summary in left]
    return ResultsComparison(
        title=f"A: {_name(a)}   B: {_name(b)}",
        sentences=tuple(sentences),
        experiment=(
            *({"part": "spec", "what": name, "A": x, "B": y} for one in outcomes for name, x, y in one.changed),
            *_digests(together),
            *differences(*(results.experiments[0] for results in (a, b))),
        ),
        environment=tuple(differing(*facts, sides=SIDES)),
        outcome=tuple(_table(one, None) for one in outcomes),
        brief=tuple(_table(one, top) for one in outcomes),
        worse=any(one.is_worse for one in outcomes),
    )


def _ran(results: ResultsFolders) -> list[dict[str, Cell]]:
    """Return what the rows say of what trained them, each different answer once."""
    table = results.rows.only(["environment", *OF_ROW])
    return rows_of(table.rows(codes_of(*(table[name] for name in table.names))[1]))


def _name(results: ResultsFolders) -> str:
    return ", ".join(map(str, results.folders))


def _together(first: Sequence[Summary], second: Sequence[Summary]) -> Iterator[tuple[Summary, Summary]]:
    """Yield the summaries of both that are on one dataset and task; the first of each where there are several."""
    known: dict[tuple[str, str], Summary] = {}
    for summary in second:
        known.setdefault(_data(summary), summary)
    for summary in first:
        if other := known.pop(_data(summary), None):
            yield summary, other


def _data(summary: Summary) -> tuple[str, str]:
    return str(summary.rows["dataset"][0]), str(summary.rows["task"][0])


def _digests(together: Sequence[tuple[Summary, Summary]]) -> Iterator[dict[str, Cell]]:
    for pair in together:
        a, b = (sorted({*distinct_values(summary.rows["digest"])} - {None}) for summary in pair)
        if a != b:
            yield {"part": "data", "what": "digest", "A": ", ".join(a), "B": ", ".join(b)}


def _sentences(one: Outcome) -> Iterator[str]:
    what = _what(one.column)
    if one.both:
        seeds = sorted({paired.pairs for *_, paired in one.both})
        pairs = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else counted(seeds[0], "seed")
        yield (
            f"{counted(len(one.both), 'configuration')} in both, by {what}: B is {tally(one.judgements)} (paired by "
            f"{pairs}, corrected for {len(one.both)} compared)."
        )
        if seeds[-1] < 2:
            yield "One seed gives no interval: `--seeds 5` on both commands adds four."
    else:
        yield "No configuration is in both with a score."
    if one.failed:
        yield f"{counted(len(one.failed), 'configuration')} in both without a score in one: {_list(one, one.failed)}."
    for side, only in (("A", one.only_a), ("B", one.only_b)):
        if only:
            yield f"{counted(len(only), 'configuration')} in {side} alone: {_list(one, only)}."
    if one.best is not None and one.best_paired is not None:
        same = one.best[0] == one.best[1]
        which = _words(one, one.best[0]) or "the only configuration"
        names = f"in both: {which}" if same else f"of A: {which}; of B: {_words(one, one.best[1])}"
        yield f"Best {names}. {_of_best(one, one.best_paired)}"


def _of_best(one: Outcome, paired: Paired) -> str:
    column = _what(one.column_of_best)
    if paired.difference is None:
        return "They have no seed in common."
    around = "" if paired.low is None else f" [{for_people(paired.low)}, {for_people(paired.high)}]"
    said = {
        "better": "B's best is better beyond chance.",
        "worse": "B's best is worse beyond chance.",
        "equal": "They are equal.",
        "undecided": "Which is better is undecided.",
    }[paired.judgement]
    also = "" if one.column_of_best == one.column else ", which chose neither"
    interval = " (95 % interval over seeds)" if around else " (one seed: no interval)"
    return f"B − A in {column}{also}: {for_people(paired.difference)}{around}{interval}. {said}"


def _table(one: Outcome, top: int | None) -> Table:
    """Return the configurations: for people the first `top` of both; for machines (None) all, of one side alone too."""
    title = f"{one.dataset}: B − A in {_what(one.column)}, the best of A first"
    rows = [
        {
            **dict(zip(one.varied, match, strict=True)),
            "seeds": paired.pairs, "A": first, "B": second, "B − A": paired.difference, "low": paired.low,
            "high": paired.high, "p": paired.p, "B is": paired.judgement,
        }
        for match, first, second, paired in one.both[:top]
    ]  # fmt: skip
    if top is None:
        alone = (("failed", one.failed), ("only in A", one.only_a), ("only in B", one.only_b))
        rows += [{**dict(zip(one.varied, match, strict=True)), "B is": said} for said, some in alone for match in some]
        columns = [*one.varied, "seeds", "A", "B", "B − A", "low", "high", "p", "B is"]
        return Table(columns, rows, title, (), one.varied)
    columns = [*one.varied, "A", "B", "B − A", "95 % interval", "p", "B is"]
    rows = [{**row, "95 % interval": interval_text(row["low"], row["high"])} for row in rows]
    if all(row["p"] is None for row in rows):
        columns = [name for name in columns if name not in ("95 % interval", "p")]
    left = len(one.both) - len(rows)
    notes = [f"… and {left} more; --top {len(one.both)} shows all."] if left else []
    return Table(columns, rows, title, notes, one.varied)


def _what(column: str) -> str:
    return column.replace("_", " ").replace("val ", "validation ")


def _list(one: Outcome, matches: Sequence[Match]) -> str:
    more = f"; … {len(matches) - NAMED} more" if len(matches) > NAMED else ""
    return "; ".join(_words(one, match) or "the only one" for match in matches[:NAMED]) + more


def _words(one: Outcome, match: Match) -> str:
    told = zip(one.varied, match, strict=True)
    return ", ".join(f"{name} {as_chosen(value)}" for name, value in told if value is not None)
