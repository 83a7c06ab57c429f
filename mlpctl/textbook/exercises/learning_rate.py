"""Exercise 5.2.4: the learning rate, and how the best one depends on the number of epochs."""

from typing import TYPE_CHECKING

import numpy as np

from mlpctl.display.tables import Table, for_people
from mlpctl.report.dataframes import by_seed, rows_of
from mlpctl.report.statistics.significance import paired_test, resolution
from mlpctl.textbook.exercises.answer import Answer, Plot
from mlpctl.textbook.exercises.sentences import (
    Difference,
    Ranking,
    best,
    failures,
    line_of,
    listed,
    optimistic,
    paired,
    rank,
    sentences,
    shown,
    signed,
    tested,
    within,
)

if TYPE_CHECKING:
    import pandas as pd

NOUN = "a learning rate of {}"


def answer(trials: "pd.DataFrame") -> Answer:
    """Return the best learning rate after the most epochs, whether it moves with epochs, and what lies outside."""
    import pandas as pd

    trials = trials.sort_values(["epochs", "lr"], kind="stable")
    epochs = sorted(trials["epochs"].unique())
    rankings = {n: rank(trials[trials["epochs"] == n], "lr") for n in epochs}
    last = rankings[epochs[-1]]
    rates = sorted(trials["lr"].unique())
    said = sentences(
        f"After {_epochs(epochs[-1])}: {within(best(last, NOUN))}",
        *([_bests(rankings), _moves(trials, epochs[0], epochs[-1])] if len(epochs) > 1 else []),
        _gains(rankings, rates),
        _edge(last, rates),
        optimistic(last),
        tested(trials[trials["epochs"] == epochs[-1]], last, NOUN),
        failures(trials[trials["epochs"] == epochs[-1]], "lr"),
    )
    whole = pd.concat([ranking.table.assign(epochs=n) for n, ranking in rankings.items()])
    columns = ["epochs", "lr", "n", "failed", "mean", "sd", "low", "high", "p"]
    note = "p: Holm's, of a difference from the best at the same number of epochs, paired by seed; empty for the best."
    table = Table(columns, rows_of(whole[columns]), "Validation accuracy by epochs and learning rate", [note], ["lr"])
    lines = tuple(line_of(ranking.table, "lr", _epochs(n)) for n, ranking in rankings.items())
    title = "Validation accuracy against learning rate\nmean and 95 % interval over seeds"
    return Answer(said, table, Plot(title, "learning rate", "validation accuracy", lines, log_x=True))


def _epochs(n: object) -> str:
    return f"{shown(n)} epoch{'' if n == 1 else 's'}"


def _bests(rankings: dict[int, Ranking]) -> str:
    told = []
    for n, ranking in rankings.items():
        if ranking.verdict is not None:
            others = [shown(v) for v in ranking.tied if v != ranking.verdict.best]
            tie = f" (not told apart from {listed(others)})" if others and ranking.verdict.seeds > 1 else ""
            told.append(f"{shown(ranking.verdict.best)} after {_epochs(n)}{tie}")
    return f"The highest mean is at {listed(told)}." if told else ""


def _moves(trials: "pd.DataFrame", few: int, many: int) -> str:
    """Return whether the best rate of each seed moves from few epochs to many: the paired test of its logarithm."""
    bests = [by_seed(trials[trials["epochs"] == n], "lr", "val_accuracy").idxmax(axis=1) for n in (few, many)]
    logs = np.log10(
        np.stack([b.reindex(bests[0].index).to_numpy(dtype=np.float64) for b in bests], axis=1)
    )  # (seeds, 2)
    logs = logs[np.isfinite(logs).all(axis=1)]
    if len(logs) < 2:
        return "Whether the best learning rate depends on the number of epochs cannot be said from one seed."
    pairs, mean, half, p = (float(x[0]) for x in paired_test(logs[:, 1:] - logs[:, :1], resolution(logs)))
    gap = Difference(mean, mean - half, mean + half, p, int(pairs))
    from_, to = (for_people(float(10 ** logs[:, column].mean())) for column in (0, 1))
    moves = f"the best of each seed goes from {from_} after {_epochs(few)} to {to} after {_epochs(many)} "
    moves += f"(geometric means, {paired(gap)})"
    if not gap.is_real:
        return f"That the best learning rate depends on the number of epochs is not shown: {moves}."
    how = "falls" if gap.mean < 0 else "rises"
    why = (
        "small steps need many epochs, large ones stop improving" if gap.mean < 0 else "here large steps pay with time"
    )
    return f"The best learning rate {how} with the number of epochs: {moves}; {why}."


def _gains(rankings: dict[int, Ranking], rates: list[float]) -> str:
    """Return what more epochs add at the smallest, the best and the largest rate."""
    (few, first), (many, last) = (list(rankings.items())[place] for place in (0, -1))
    if last.verdict is None or len(rates) < 2:
        return ""
    asked = dict.fromkeys((rates[0], last.verdict.best, rates[-1]))
    reached = [f"{for_people(last.mean(lr))} at {shown(lr)}" for lr in asked if not np.isnan(last.mean(lr))]
    text = f"Validation accuracy after {_epochs(many)} is {listed(reached)}"
    gains = {lr: last.mean(lr) - first.mean(lr) for lr in asked}
    if few == many or any(np.isnan(gain) for gain in gains.values()):
        return f"{text}."
    more = listed([f"{signed(gain)} at {shown(lr)}" for lr, gain in gains.items()])
    return f"{text}; since epoch {shown(few)} that is {more}."


def _edge(last: Ranking, rates: list[float]) -> str:
    if last.verdict is None or len(rates) < 2 or last.verdict.best not in (rates[0], rates[-1]):
        return ""
    side = "smallest" if last.verdict.best == rates[0] else "largest"
    return f"It is the {side} that was tried: a better one may lie beyond."
