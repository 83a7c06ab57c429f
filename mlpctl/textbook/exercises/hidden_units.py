"""Exercise 5.2.1: hidden units against accuracy."""

from typing import TYPE_CHECKING

from mlpctl.textbook.exercises.answer import Answer, Plot
from mlpctl.textbook.exercises.sentences import (
    Ranking,
    best,
    changes,
    difference,
    failures,
    line_of,
    optimistic,
    rank,
    sentences,
    shown,
    table_of,
    tested,
)

if TYPE_CHECKING:
    import pandas as pd

NOUN = "{} hidden units"


def answer(trials: "pd.DataFrame") -> Answer:
    """Return which number of hidden units is best, the fewest that may be as good, and where more stop helping."""
    trials = trials.sort_values("hidden_units", kind="stable")
    ranking = rank(trials, "hidden_units")
    good = trials[trials["status"] == "ok"]
    more = good.groupby("hidden_units")[["parameters", "train_accuracy", "seconds"]].mean().reset_index()
    said = sentences(
        best(ranking, NOUN),
        _fewest(ranking, more),
        _steps(trials),
        _fit(trials),
        optimistic(ranking),
        tested(trials, ranking, NOUN),
        failures(trials, "hidden_units"),
    )
    training = rank(good, "hidden_units", "train_accuracy").table
    lines = (
        line_of(ranking.table, "hidden_units", "validation"),
        line_of(training, "hidden_units", "training, last epoch"),
    )
    title = "Accuracy against hidden units\nmean and 95 % interval over seeds"
    plot = Plot(title, "hidden units", "accuracy", lines, log_x=True)
    return Answer(said, table_of(ranking, "Validation accuracy by hidden units", more), plot)


def _fewest(ranking: Ranking, more: "pd.DataFrame") -> str:
    verdict = ranking.verdict
    if verdict is None or verdict.seeds < 2 or len(ranking.tied) < 2:
        return ""
    fewest, size = min(ranking.tied), more.set_index("hidden_units")["parameters"]
    if fewest == verdict.best:
        return f"{shown(fewest)} are also the fewest of these: nothing here speaks for more."
    share = size[fewest] / size[verdict.best]
    return (
        f"The fewest that are not shown to be worse are {shown(fewest)}, with {share:.2g} times "
        f"the parameters of {shown(verdict.best)}."
    )


def _steps(trials: "pd.DataFrame") -> str:
    """Return what the first half of the range changes, and what the second: where more stop helping."""
    units = sorted(trials["hidden_units"].unique())
    if len(units) < 3:
        return ""
    low, middle, high = units[0], units[len(units) // 2], units[-1]
    steps = ((low, middle), (middle, high))
    gaps = [(f"{shown(b)} instead of {shown(a)} units", difference(trials, "hidden_units", b, a)) for a, b in steps]
    return " ".join(changes(what, gap) for what, gap in gaps)


def _fit(trials: "pd.DataFrame") -> str:
    """Return how much further training is ahead of validation with the most units than with the fewest."""
    low, high = trials["hidden_units"].min(), trials["hidden_units"].max()
    ahead = trials.assign(ahead=trials["train_accuracy"] - trials["val_accuracy"])
    gap = difference(ahead, "hidden_units", high, low, "ahead")
    what = f"{shown(high)} instead of {shown(low)} units"
    return changes(what, gap, "the lead of training over validation accuracy") if low < high else ""
