"""The three answers at the top of a page, in words: which is best, whether that is certain, what mattered."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlpctl.display.tables import Table
from mlpctl.report.axes import named
from mlpctl.report.summary import Summary
from mlpctl.report.tables import STANDINGS, clear, counted, with_interval
from mlpctl.spec import field_label

BARS = 5
"""Axes in the answer to what mattered; the table below it has all."""


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes:
        headline: the answer in a few words.
        sentences: reasons for it.
    """

    headline: str
    sentences: tuple[str, ...]


def best(summary: Summary, axes: Sequence[str]) -> Answer:
    """Return which configuration is best, and its scores with 95 % intervals."""
    row = summary.best
    if row is None:
        return Answer("None yet", ("No trial has a score.",))
    scores = [f"{summary.on} {summary.metric} {with_interval(row, '')}"]
    if "test_mean" in row and summary.on != "test":
        scores.append(f"test {summary.metric} {with_interval(row, 'test_')}")
    over = f"Means of {counted(row['n'], 'seed')} with 95 % intervals." if row["n"] > 1 else "One seed: no interval."
    return Answer(named(row, axes), (*scores, over, *([summary.baseline] if summary.baseline else [])))


def certain(summary: Summary) -> Answer:
    """Return whether the best is certain to be the best, with everything that a reader has to know to trust it."""
    verdict = summary.verdict
    said = (*clear(summary), *summary.notes, *summary.doubts)
    if verdict is None or summary.best is None:
        return Answer("There is nothing to judge", said)
    if verdict.compared == 1:
        return Answer("Nothing to compare it with", said)
    if verdict.is_clear:
        return Answer("Yes", said)
    if verdict.seeds < 2:
        return Answer("Unknown: it has one seed", said)
    counts = Counter(verdict.standings.values())
    words = [f"{counts[standing]:,} {STANDINGS[standing]}" for standing in ("close", "behind") if counts[standing]]
    return Answer(f"Not yet: {'; '.join(words)}", said)


def mattered(why: Table | None) -> Answer:
    """Return which axes mattered, or why that is not told."""
    if why is None:
        return Answer("Nothing varied", ())
    if not why.rows:
        return Answer("Not told", tuple(note.removeprefix("Not told: ") for note in why.notes))
    if "p" in why.columns:  # one axis, which has no share
        return Answer(field_label(str(why.rows[0]["axis"])), tuple(why.notes))
    sure = [str(row["axis"]) for row in why.rows if float(row["low"] or 0) > 0 and row["axis"] != "interactions"]
    first = [field_label(name) for name in sure[:2]]
    return Answer(" and ".join(first) if first else "No axis for certain", ())


def bars(why: Table | None) -> list[dict[str, Any]]:
    """Return the leading rows of an importance table as bars: label, share and interval in %, and in words."""
    rows = why.rows if why is not None and "p" not in why.columns else ()
    column = "share" if why is not None and "share" in why.columns else "total"
    drawn = []
    for row in rows[:BARS]:
        share, low, high = (100 * min(max(float(row[name] or 0), 0.0), 1.0) for name in (column, "low", "high"))
        drawn.append(
            {
                "label": field_label(str(row["axis"])), "share": share, "low": low, "high": high,
                "text": f"{share:.0f} % [{low:.0f}, {high:.0f}]",
            }
        )  # fmt: skip
    return drawn


def standings(summary: Summary) -> dict[str, str]:
    """Return what is said of each configuration that was compared with the best: config -> words."""
    verdict = summary.verdict
    if verdict is None or verdict.seeds < 2:
        return {} if verdict is None else {str(verdict.best): "best"}
    return {str(config): STANDINGS[standing] for config, standing in verdict.standings.items()}
