"""Exercise 5.2.8: activation functions, each at the same learning rates."""

from typing import TYPE_CHECKING

from mlpctl.display.tables import Table
from mlpctl.report.dataframes import rows_of
from mlpctl.textbook.exercises.answer import Answer, Plot
from mlpctl.textbook.exercises.sentences import (
    SCORE,
    Ranking,
    best,
    changes,
    difference,
    failures,
    line_of,
    listed,
    optimistic,
    rank,
    sentences,
    shown,
    tested,
    within,
)

if TYPE_CHECKING:
    import pandas as pd


def answer(trials: "pd.DataFrame") -> Answer:
    """Return the best activation with each at its own best learning rate, and whether the rate changes the answer."""
    import pandas as pd

    rates = sorted(trials["lr"].unique())
    own = at_own_best(trials)
    ranking = rank(own, "activation")
    single = {lr: rank(trials[trials["lr"] == lr], "activation") for lr in rates}
    said = sentences(
        ("Each at its own best learning rate: " if len(rates) > 1 else f"At learning rate {shown(rates[0])}: ")
        + within(best(ranking, "{}")),
        _by_rate(single) if len(rates) > 1 else "",
        _nonlinear(own),
        optimistic(ranking),
        tested(own, ranking, "{}"),
        failures(trials.assign(pair=_pairs(trials)), "pair"),
    )
    whole = pd.concat([r.table.assign(lr=lr) for lr, r in single.items()])
    chosen = own.drop_duplicates("activation").set_index("activation")["lr"]
    whole["own_best"] = [chosen.get(a) == lr for a, lr in zip(whole["activation"], whole["lr"], strict=True)]
    columns = ["activation", "lr", "n", "failed", "mean", "sd", "low", "high", "p", "own_best"]
    note = "p: Holm's, of a difference from the best at the same learning rate, paired by seed; empty for the best."
    table = Table(
        columns, rows_of(whole[columns]), "Validation accuracy by activation and learning rate", [note], ["lr"]
    )
    words = tuple(dict.fromkeys(trials["activation"]))
    lines = tuple(line_of(r.table, "activation", f"lr {shown(lr)}", words=words) for lr, r in single.items())
    title = "Validation accuracy by activation\nmean and 95 % interval over seeds"
    return Answer(said, table, Plot(title, "activation", "validation accuracy", lines, words=words))


def at_own_best(trials: "pd.DataFrame") -> "pd.DataFrame":
    """Return the trials of each activation at the learning rate with the fewest failures and then the best mean."""
    import pandas as pd

    scored = trials.assign(_score=trials[SCORE].where(trials["status"] == "ok"), _failed=trials["status"] != "ok")
    means = scored.groupby(["activation", "lr"], sort=False).agg(mean=("_score", "mean"), failed=("_failed", "sum"))
    order = means.reset_index().sort_values(["failed", "mean"], ascending=[True, False], kind="stable")
    chosen = order.drop_duplicates("activation").set_index("activation")["lr"]
    return pd.DataFrame(trials[trials["lr"] == trials["activation"].map(chosen)])


def _by_rate(single: dict[float, Ranking]) -> str:
    leaders = {lr: ranking for lr, ranking in single.items() if ranking.verdict is not None}
    if len(leaders) < 2:
        return ""
    told = listed([f"{r.verdict.best} at {shown(lr)}" for lr, r in leaders.items() if r.verdict is not None])
    common = set.intersection(*(set(r.tied) for r in leaders.values()))
    if any(r.verdict is not None and r.verdict.seeds < 2 for r in leaders.values()):
        return f"By learning rate the highest are {told}, from one seed."
    if common:
        same = listed([a for a in next(iter(leaders.values())).tied if a in common])
        return f"By learning rate the highest means are {told}; {same} may be the best at every one of these."
    return f"By learning rate the highest means are {told}; none may be the best at all: the rate decides."


def _nonlinear(own: "pd.DataFrame") -> str:
    """Return what an activation is worth at all, where the identity, a network without one, was trained too."""
    if "relu" not in set(own["activation"]) or "identity" not in set(own["activation"]):
        return ""
    return changes("relu instead of no activation at all (identity)", difference(own, "activation", "relu", "identity"))


def _pairs(trials: "pd.DataFrame") -> list[str]:
    return [f"{name}, lr {shown(lr)}" for name, lr in zip(trials["activation"], trials["lr"], strict=True)]
