"""The three cards at the top of a page: the answer, how sure it is, what matters; in the words of the terminal."""

from dataclasses import dataclass
from typing import Any

from mlpctl.display.tables import Table
from mlpctl.report.conclusion import next_runs
from mlpctl.report.ending import axis_told, best_passage, runs_told, shares_told, sure_passage
from mlpctl.report.summary import Summary
from mlpctl.store.results import ResultsFolders

BARS = 5
"""Axes in the card on what matters; the table below it has all."""

WORDS = {
    "setting": "One choice of values for everything that you vary, such as lr 0.1 with hidden_units 64.",
    "seed": "A number that draws the first weights and the order of the examples; other seeds show what chance does.",
    "validation": "Examples that are not trained on; the best setting is chosen by the score on them.",
    "test": "Examples that are used neither to train nor to choose: quote this score.",
    "best": "Its mean over seeds is the best, if none of its runs failed.",
    "close": "So near to the best that the difference hardly matters, even if it is real.",
    "behind, unproven": "Its mean is clearly below the best, but so few seeds may have had bad luck.",
    "worse": "Its mean is behind by more than chance explains.",
    "unstable": "Most of its seeds do well, and some are far from them: look at the worst seed.",
    "share of the differences": "How much of what differs between settings comes from this axis alone.",
    "combination": "What two axes do together, beyond what each does alone.",
    "95 % interval": "Where the true value may be: a range made like this misses it once in 20 times.",
}
"""A sentence for each word of the first screen."""


@dataclass(frozen=True)
class Card:
    """Answer to one question.

    Attributes:
        headline: the answer in a few words.
        sentences: what belongs to it.
        command: to type next; "" where there is none.
        about: what that command costs.
    """

    headline: str
    sentences: tuple[str, ...] = ()
    command: str = ""
    about: str = ""


def answer(summary: Summary) -> Card:
    """Return which setting is best, and its scores."""
    first, *rest = best_passage(summary).sentences
    return Card(first, tuple(rest))


def sure(summary: Summary, results: ResultsFolders) -> Card:
    """Return whether the best is sure, how the others stand, and the command that tells more."""
    passage, following = sure_passage(summary, results), next_runs(summary, results)
    if passage is None:
        return Card("There is nothing to compare.")
    first, *rest = passage.sentences
    if following is None:
        return Card(first, tuple(rest))
    return Card(first, tuple(rest[:-1]), following.command, runs_told(following))


def matters(why: Table | None) -> Card:
    """Return what the most important axis does, or why nothing is told; `bars` has the others."""
    if why is None:
        return Card("Nothing varies.")
    if not why.rows:
        return Card("Not told.", tuple(note.removeprefix("Not told: ") for note in why.notes))
    return Card(shares_told(why)[0].partition(" (")[0])


def bars(why: Table | None) -> list[dict[str, Any]]:
    """Return the leading rows of an importance table as bars: label, share and interval in %, and in words."""
    rows = why.rows if why is not None and "p" not in why.columns else ()
    column = "share" if why is not None and "share" in why.columns else "total"
    drawn = []
    for row in rows[:BARS]:
        share, low, high = (100 * min(max(float(row[name] or 0), 0.0), 1.0) for name in (column, "low", "high"))
        text = f"{share:.0f} % ({low:.0f} to {high:.0f} %)"
        drawn.append({"label": axis_told(row), "share": share, "low": low, "high": high, "text": text})
    return drawn
