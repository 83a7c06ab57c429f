"""Exercise 5.2.9: initial weights."""

from typing import TYPE_CHECKING

from mlpctl.display.tables import for_people
from mlpctl.textbook.exercises.answer import Answer, Plot
from mlpctl.textbook.exercises.sentences import (
    Ranking,
    best,
    failures,
    line_of,
    listed,
    optimistic,
    rank,
    sentences,
    shown,
    table_of,
    tested,
)

if TYPE_CHECKING:
    import pandas as pd

SYMMETRIC = ("zeros", "constant")
"""Schemes that start all hidden units equal: they get equal gradients and stay equal, as if there were one."""


def answer(trials: "pd.DataFrame") -> Answer:
    """Return whether the scheme matters: among those that draw at random, and for those that start all units equal."""
    epochs = sorted(trials["epochs"].unique())
    last = trials[trials["epochs"] == epochs[-1]]
    ranking = rank(last, "init")
    drawn = rank(last[~last["init"].isin(SYMMETRIC)], "init")
    said = sentences(
        _matters(drawn),
        best(drawn, "{}"),
        _early(trials, epochs) if len(epochs) > 1 else "",
        _equal(ranking),
        optimistic(drawn),
        tested(last, drawn, "{}"),
        failures(last, "init"),
    )
    seen = trials[~trials["init"].isin(SYMMETRIC)] if drawn.verdict is not None else trials
    words = tuple(dict.fromkeys(seen["init"]))
    lines = []
    for n in epochs:
        table = rank(seen[seen["epochs"] == n], "init").table
        lines.append(line_of(table, "init", f"{shown(n)} epoch{'' if n == 1 else 's'}", words=words))
    title = "Validation accuracy by initial weights, drawn at random\nmean and 95 % interval over seeds"
    plot = Plot(title, "scheme", "validation accuracy", tuple(lines), words=words)
    return Answer(said, table_of(ranking, f"Validation accuracy by init after {shown(epochs[-1])} epochs"), plot)


def _spread(ranking: Ranking) -> "tuple[str, str, float] | None":
    """Return (best, worst, distance of their means) of the schemes in the running."""
    if ranking.verdict is None or ranking.verdict.compared < 2:
        return None
    names = list(ranking.verdict.p.index)
    return str(names[0]), str(names[-1]), ranking.mean(names[0]) - ranking.mean(names[-1])


def _matters(drawn: Ranking) -> str:
    spread = _spread(drawn)
    if spread is None or drawn.verdict is None:
        return ""
    high, low, distance = spread
    size = (
        f"of the schemes that draw at random the best mean ({high}) is {for_people(distance)} above the worst ({low})"
    )
    if drawn.verdict.seeds < 2:
        return f"Whether it matters cannot be said from one seed: {size}."
    worse = [name for name in drawn.table["init"] if name in drawn.verdict.p.index and name not in drawn.verdict.tied]
    if not worse:
        return f"That it matters is not shown: {size}, and none can be told apart from the best."
    return (
        f"It matters: {size}; {listed(worse)} {'is' if len(worse) == 1 else 'are'} worse than the best beyond chance."
    )


def _early(trials: "pd.DataFrame", epochs: "list[int]") -> str:
    drawn = trials[~trials["init"].isin(SYMMETRIC)]
    ends = [_spread(rank(drawn[drawn["epochs"] == n], "init")) for n in (epochs[0], epochs[-1])]
    if ends[0] is None or ends[1] is None:
        return ""
    first, last = ends[0][2], ends[1][2]
    how = "shrinks" if last < first else "grows"
    return (
        f"Among these the distance from best to worst {how} from {for_people(first)} after {shown(epochs[0])} "
        f"epoch{'' if epochs[0] == 1 else 's'} to {for_people(last)} after {shown(epochs[-1])}"
        + (": training forgets part of where it started." if last < first else ".")
    )


def _equal(ranking: Ranking) -> str:
    there = [name for name in SYMMETRIC if name in set(ranking.table["init"])]
    told = []
    for name in there:
        row = ranking.row(name)
        if row["n"]:
            told.append(f"{name} reaches {for_people(float(row['mean']))}")
    if not told or ranking.verdict is None:
        return ""
    top = ranking.mean(ranking.verdict.best)
    return (
        f"Schemes that start all hidden units equal keep them equal, as copies of one unit: {listed(told)}, against "
        f"{for_people(top)}."
    )
