"""Exercise 5.2.5: all hyperparameters jointly: the best found, why it is hard, and strategies at equal budget.

Cost is counted in model-epochs: one epoch of one network. Trials of one run that differ in epochs alone cost the
largest once, whether a grid has an axis of epochs or a search lets its survivors go on.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from mlpctl.display.tables import Table, for_people
from mlpctl.report.dataframes import rows_of
from mlpctl.report.figures.plot import is_log_spaced
from mlpctl.search.axes import Axis, make_axis
from mlpctl.search.table import Method
from mlpctl.textbook.exercises.answer import Answer, Line, Plot
from mlpctl.textbook.exercises.search_space import AXES, interactions, size_and_cost
from mlpctl.textbook.exercises.sentences import (
    Ranking,
    difference,
    listed,
    paired,
    rank,
    sentences,
    shown,
    signed,
    with_interval,
)

if TYPE_CHECKING:
    import pandas as pd

    from mlpctl.runner.experiment import Experiment
    from mlpctl.textbook.exercises.solve import Setting

COMPARED = {"grid": "", "random": "", "halving": "", "asha": "", "tpe": "optuna"}
"""Strategies that are compared where this mlpctl has them, and the package that each needs."""

BY_EPOCHS = ("halving", "asha")
"""Strategies that decide the epochs themselves: they get no axis of epochs, and the largest number as the most."""

ETA = 3
"""One in so many configurations of a rung goes on to so many times the epochs."""


def strategies() -> list[str]:
    """Return the strategies that can be compared here, grid first: it sets the budget."""
    return [name for name, needs in COMPARED.items() if name in get_args(Method) and (not needs or find_spec(needs))]


def measure(setting: "Setting") -> "pd.DataFrame":
    """Return the trials of every strategy, once per seed, with `strategy`, `replicate` and `place`, in their order."""
    import pandas as pd

    from mlpctl.store.results import load
    from mlpctl.textbook.exercises.solve import experiment_for, trained

    grid = experiment_for(setting)
    parts = []
    for seed in grid.seeds:
        for place, name in enumerate(strategies()):
            experiment = searched(grid, name, seed)
            trained(setting, experiment)
            trials = in_asked_order(load(setting.folder / experiment.name).trials, experiment)
            parts.append(trials.assign(strategy=name, replicate=seed, place=place))
    return pd.concat(parts, ignore_index=True)


def in_asked_order(trials: "pd.DataFrame", experiment: "Experiment") -> "pd.DataFrame":
    """Return the trials as the search asked for them, whichever finished first; what it asked for later comes after."""
    from mlpctl.runner.trial import trial_of

    asked = (trial_of(experiment.specs(proposal, experiment.seeds[0])).key for proposal in experiment.strategy().ask())
    place = {key: number for number, key in enumerate(asked)}
    order = trials["key"].map(place).fillna(len(place)).argsort(kind="stable")
    return trials.iloc[order].reset_index(drop=True)


def searched(grid: "Experiment", strategy: str, seed: int) -> "Experiment":
    """Return the experiment of a strategy with the grid's budget, over the ranges that the grid's values span."""
    update: dict[str, Any] = {"method": strategy, "seed": seed}
    named = replace(grid, name=f"{grid.name}-{strategy}-{seed}", seeds=(seed,))
    if strategy == "grid":
        return replace(named, search=grid.search.model_copy(update=update))
    epochs = next(axis.values for axis in grid.axes if axis.name == "epochs")
    budget = math.prod(len(axis.values) for axis in grid.axes if axis.name != "epochs") * max(epochs)
    axes, base = tuple(spanned(axis) for axis in grid.axes), dict(grid.base)
    update["trials"] = math.ceil(budget / (min(epochs) + max(epochs)) * 2)
    if strategy in BY_EPOCHS:
        axes, base = tuple(axis for axis in axes if axis.name != "epochs"), {**base, "epochs": max(epochs)}
        update["trials"] = affordable(budget, max(epochs))
    return replace(named, axes=axes, base=base, search=grid.search.model_copy(update=update))


def spanned(axis: Axis) -> Axis:
    """Return the range between an axis's smallest and largest value, logarithmic where its values are spaced so."""
    low, high = min(axis.values), max(axis.values)
    scale = "int" if axis.name in ("epochs", "hidden_layers") else "log"
    if not is_log_spaced(axis.values) and scale == "log":
        scale = "lin"
    return make_axis(axis.name, {scale: [low, high]})


def affordable(budget: int, most: int) -> int:
    """Return how many configurations successive halving can begin with: n/η^k of them go through rung k."""
    rungs = sorted({most // ETA**k for k in range(most.bit_length())} - {0})
    cost: Callable[[int], int] = lambda n: sum(  # noqa: E731
        (n // ETA**k) * (rung - (rungs[k - 1] if k else 0)) for k, rung in enumerate(rungs)
    )
    return max((n for n in range(1, budget + 1) if cost(n) <= budget), default=1)


def answer(trials: "pd.DataFrame") -> Answer:
    """Return the best result found, why the joint search is harder, and how the strategies compare."""
    spent = with_cost(trials)
    budget = float(spent[spent["strategy"] == "grid"].groupby("replicate")["spent"].max().max())
    inside = spent[spent["spent"] <= budget + 1e-9]
    chosen = winners(inside)
    ranking = rank(chosen, "strategy", "test_accuracy")
    used = inside.groupby(["strategy", "replicate"])["spent"].max().groupby("strategy").mean()
    grid = inside[inside["strategy"] == "grid"]
    said = sentences(
        _found(chosen),
        size_and_cost(grid),
        interactions(grid),
        _compared(ranking, budget, chosen["replicate"].nunique()),
        _against_grid(chosen),
        _when(inside, budget),
    )
    table = ranking.table.merge(chosen.groupby("strategy")["val_accuracy"].mean().rename("val_mean"), on="strategy")
    table["model_epochs"] = table["strategy"].map(used)
    table["trials"] = table["strategy"].map(inside.groupby("strategy").size() / max(chosen["replicate"].nunique(), 1))
    note = (
        "mean, low, high: test accuracy of what each search chose on validation; p: Holm's, against the best, paired."
    )
    columns = ["strategy", "n", "model_epochs", "trials", "val_mean", "mean", "low", "high", "p"]
    title = "Best validation accuracy so far\nmean over the searches, one per seed"
    lines = tuple(_curve(inside[inside["strategy"] == name], name) for name in dict.fromkeys(inside["strategy"]))
    plot = Plot(title, "model-epochs spent", "validation accuracy", lines)
    return Answer(said, Table(columns, rows_of(table[columns]), "Strategies at equal budget", [note]), plot)


def with_cost(trials: "pd.DataFrame") -> "pd.DataFrame":
    """Return the trials with `spent`: model-epochs of their search up to and with them, in the order of the rows."""
    run = [name for name in AXES if name != "epochs" and name in trials]
    keys = ["strategy", "replicate", *run]
    done = trials["epochs_done"].fillna(0).astype(float)
    before = done.groupby([trials[k] for k in keys], dropna=False).cummax()
    paid = before.groupby([trials[k] for k in keys], dropna=False).shift(1, fill_value=0.0)
    cost = (done - paid).clip(lower=0.0)
    return trials.assign(spent=cost.groupby([trials["strategy"], trials["replicate"]]).cumsum())


def winners(inside: "pd.DataFrame") -> "pd.DataFrame":
    """Return what each search chose: its trial with the best validation accuracy; the seed is the pairing."""
    good = inside[(inside["status"] == "ok") & inside["val_accuracy"].notna()]
    best = good.sort_values("val_accuracy", ascending=False, kind="stable").drop_duplicates(["strategy", "replicate"])
    return best.assign(seed=best["replicate"]).sort_values(["place", "replicate"], ignore_index=True)


def _found(chosen: "pd.DataFrame") -> str:
    if chosen.empty:
        return "No trial has a score, so there is no answer."
    top = chosen.sort_values("val_accuracy", ascending=False).iloc[0]
    what = listed([f"{name.replace('_', ' ')} {shown(top[name])}" for name in AXES if name in chosen])
    text = (
        f"The best result found is {what}: validation accuracy {for_people(float(top['val_accuracy']))}, test accuracy "
        f"{for_people(float(top['test_accuracy']))}, by {top['strategy']} search"
    )
    return f"{text}. It is one trial with one seed, picked from many: its validation score is too good."


def _compared(ranking: Ranking, budget: float, replicates: int) -> str:
    verdict = ranking.verdict
    if verdict is None or verdict.compared < 2:
        return "There is one strategy only, and nothing to compare it with."
    score = with_interval(ranking.row(verdict.best))
    start = (
        f"At {for_people(budget)} model-epochs each, {verdict.best} search chose what scores best in testing: {score}"
    )
    if verdict.seeds < 2:
        return f"{start}; with one search each that says little."
    if verdict.is_clear:
        others = listed([str(name) for name in verdict.p.index[1:]])
        return f"{start}, better than {others} beyond chance over {replicates} searches each."
    others = listed([str(name) for name in ranking.tied if name != verdict.best])
    return f"{start}; over {replicates} searches each it cannot be told apart from {others}."


def _against_grid(chosen: "pd.DataFrame") -> str:
    told = []
    for name in [n for n in dict.fromkeys(chosen["strategy"]) if n != "grid"]:
        gap = difference(chosen, "strategy", name, "grid", "test_accuracy")
        if gap.pairs > 1:
            real = "beyond chance" if gap.is_real else "not told apart"
            told.append(f"{name} {signed(gap.mean)} ({paired(gap)}, {real})")
    return f"Against grid search, in test accuracy: {listed(told)}." if told else ""


def _when(inside: "pd.DataFrame", budget: float) -> str:
    """Return when each strategy was as good in validation as the grid was in the end."""
    good = inside[inside["status"] == "ok"]
    goal = good[good["strategy"] == "grid"].groupby("replicate")["val_accuracy"].max()
    told = []
    for name in [n for n in dict.fromkeys(good["strategy"]) if n != "grid"]:
        own = good[good["strategy"] == name]
        reached = own[own["val_accuracy"] >= own["replicate"].map(goal)].groupby("replicate")["spent"].min()
        if len(reached):
            share = for_people(float(np.median(reached)) / budget * 100)
            told.append(
                f"{name} in {len(reached)} of {len(goal)} searches, after {float(share):.0f} % of its budget (median)"
            )
        else:
            told.append(f"{name} in none of {len(goal)}")
    return f"The grid's best validation accuracy was reached by {listed(told)}." if told else ""


def _curve(own: "pd.DataFrame", name: str) -> Line:
    """Return the mean best-so-far over the searches of a strategy, from where all of them have a score."""
    good = own[(own["status"] == "ok") & own["val_accuracy"].notna()]
    curves = [(g["spent"].to_numpy(), g["val_accuracy"].cummax().to_numpy()) for _, g in good.groupby("replicate")]
    if not curves:
        return Line(name, (), ())
    x = np.unique(np.concatenate([spent for spent, _ in curves]))
    x = x[x >= max(spent[0] for spent, _ in curves)]
    y = np.mean([best[np.searchsorted(spent, x, side="right") - 1] for spent, best in curves], axis=0)
    return Line(name, x.tolist(), y.tolist(), holds=True)
