"""Search all hyperparameters jointly (5.2.5): each strategy at the budget of the grid, and why the search is hard.

Cost is counted in model-epochs: one epoch of one network. Trials that differ in epochs alone cost the largest once,
whether a grid has an axis of epochs or a search lets its survivors go on.
"""

import math
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mlpctl.display.tables import Table
from mlpctl.report.dataframes import frame_rows
from mlpctl.report.figures.plot import Line, Plot, is_log_spaced
from mlpctl.search.axes import Axis, make_axis
from mlpctl.textbook.exercises.catalog import Exercise
from mlpctl.textbook.exercises.ranking import ValueRanking, rank_values
from mlpctl.textbook.exercises.wording import (
    list_text,
    value_text,
)

if TYPE_CHECKING:
    import pandas as pd

    from mlpctl.runner.experiment import Experiment
    from mlpctl.textbook.exercises.collect import ExerciseOptions

JOINT_AXES = ("lr", "epochs", "hidden_layers", "hidden_units")

STRATEGIES = {"grid": "", "random": "", "halving": "", "asha": "", "tpe": "optuna"}
"""Strategies that are compared, and the package that each needs. The grid comes first: it sets the budget."""

DECIDE_EPOCHS = ("halving", "asha")
"""Strategies that decide the epochs themselves: they get no axis of epochs, and the largest number as the most."""

ETA = 3
"""One in so many configurations of a rung goes on to so many times the epochs."""


def collect_data(options: "ExerciseOptions") -> "pd.DataFrame":
    """Return the trials of every strategy, once per seed, with `strategy`, `replicate` and `place`, in their order."""
    import pandas as pd

    from mlpctl.store.results import load
    from mlpctl.textbook.exercises.collect import experiment_for, train_experiment

    grid, parts = experiment_for(options), []
    available = [name for name, needs in STRATEGIES.items() if not needs or find_spec(needs)]
    for seed in grid.seeds:
        for place, name in enumerate(available):
            experiment = with_strategy(grid, name, seed)
            train_experiment(options, experiment)
            trials = in_asked_order(load(options.folder / experiment.name).trials, experiment)
            parts.append(trials.assign(strategy=name, replicate=seed, place=place))
    return pd.concat(parts, ignore_index=True)


def in_asked_order(trials: "pd.DataFrame", experiment: "Experiment") -> "pd.DataFrame":
    """Return the trials in the order in which the search asks for its first ones; later ones come after."""
    from mlpctl.runner.trial import trial_of

    asked = (trial_of(experiment.specs(proposal, experiment.seeds[0])).key for proposal in experiment.strategy().ask())
    place = {key: number for number, key in enumerate(asked)}
    order = trials["key"].map(place).fillna(len(place)).argsort(kind="stable")
    return trials.iloc[order].reset_index(drop=True)


def with_strategy(grid: "Experiment", strategy: str, seed: int) -> "Experiment":
    """Return the experiment of a strategy with the grid's budget, over the ranges that the grid's values span."""
    update: dict[str, Any] = {"method": strategy, "seed": seed}
    axes, base = grid.axes, dict(grid.base)
    if strategy != "grid":
        epochs = next(axis.values for axis in axes if axis.name == "epochs")
        budget = math.prod(len(axis.values) for axis in axes if axis.name != "epochs") * max(epochs)
        axes = tuple(spanned(axis) for axis in axes)
        update["trials"] = math.ceil(budget / (min(epochs) + max(epochs)) * 2)
        if strategy in DECIDE_EPOCHS:
            axes, base["epochs"] = tuple(axis for axis in axes if axis.name != "epochs"), max(epochs)
            update["trials"] = affordable(budget, max(epochs))
    search = grid.search.model_copy(update=update)
    return replace(grid, name=f"{grid.name}-{strategy}-{seed}", seeds=(seed,), axes=axes, base=base, search=search)


def spanned(axis: Axis) -> Axis:
    """Return the range between an axis's smallest and largest value, logarithmic where its values are spaced so."""
    scale = "int" if axis.name in ("epochs", "hidden_layers") else "log" if is_log_spaced(axis.values) else "lin"
    return make_axis(axis.name, {scale: [min(axis.values), max(axis.values)]})


def affordable(budget: int, most: int) -> int:
    """Return how many configurations successive halving can begin with: n/η^k of them go through rung k."""
    rungs = sorted({most // ETA**k for k in range(most.bit_length())} - {0})
    steps = list(enumerate(np.diff([0, *rungs])))
    return max((n for n in range(1, budget + 1) if sum(n // ETA**k * step for k, step in steps) <= budget), default=1)


class StrategyStudy(NamedTuple):
    """Searches at equal budget."""

    trials: "pd.DataFrame"  # within the budget, with `spent`
    winners: "pd.DataFrame"  # the best in validation of each search; `seed` pairs searches with each other
    ranking: ValueRanking  # of the strategies, by test accuracy of the winners
    budget: float  # model-epochs of the grid
    searches: int  # of each strategy

    @property
    def combinations(self) -> dict[str, int]:
        """The number of values of each axis that the grid varies."""
        grid = grid_of(self.trials)
        return {name: n for name in JOINT_AXES if name in grid and (n := int(grid[name].nunique())) > 1}


def build_study(trials: "pd.DataFrame", _: Exercise) -> StrategyStudy:
    """Return the study of the searches, cut where they exceed the budget of the grid."""
    spent = with_cost(trials)
    budget = float(grid_of(spent).groupby("replicate")["spent"].max().max())
    inside = spent[spent["spent"] <= budget + 1e-9]
    good = inside[(inside["status"] == "ok") & inside["val_accuracy"].notna()]
    order = good.sort_values("val_accuracy", ascending=False, kind="stable")
    best = order.drop_duplicates(["strategy", "replicate"]).sort_values(["place", "replicate"], ignore_index=True)
    best = best.assign(seed=best["replicate"])
    ranking = rank_values(best, "strategy", "test_accuracy")
    return StrategyStudy(inside, best, ranking, budget, max(int(best["replicate"].nunique()), 1))


def grid_of(trials: "pd.DataFrame") -> "pd.DataFrame":
    """Return the trials of the grid."""
    return trials[trials["strategy"] == "grid"]


def with_cost(trials: "pd.DataFrame") -> "pd.DataFrame":
    """Return the trials with `spent`: model-epochs of their search up to and with them, in the order of the rows."""
    keys = ["strategy", "replicate", *(name for name in JOINT_AXES if name != "epochs" and name in trials)]
    done = trials["epochs_done"].fillna(0).astype(float)
    longest = done.groupby([trials[k] for k in keys], dropna=False).cummax()
    paid = longest.groupby([trials[k] for k in keys], dropna=False).shift(1, fill_value=0.0)
    cost = (done - paid).clip(lower=0.0)
    return trials.assign(spent=cost.groupby([trials["strategy"], trials["replicate"]]).cumsum())


def best_joint(study: StrategyStudy) -> "pd.Series[Any]":
    """Return the trial with the best validation accuracy of all searches."""
    return study.winners.sort_values("val_accuracy", ascending=False, kind="stable").iloc[0]


def joint_text(trial: "pd.Series[Any]") -> str:
    """Return the values of the joint axes of a trial in words."""
    return list_text([f"{words_of(name)} {value_text(trial[name])}" for name in JOINT_AXES if name in trial])


def answer_table(study: StrategyStudy) -> Table:
    """Return the table of an answer: a row per strategy."""
    used = study.trials.groupby(["strategy", "replicate"])["spent"].max().groupby("strategy").mean()
    further = {"val_mean": study.winners.groupby("strategy")["val_accuracy"].mean(), "model_epochs": used,
               "trials": study.trials.groupby("strategy").size() / study.searches}  # fmt: skip
    own = study.ranking.table
    own = own.assign(**{name: own["strategy"].map(values) for name, values in further.items()})
    note = "mean, low, high: test accuracy of what each search chose on validation; p: Holm's, against the best, "
    note += "paired."
    columns = ["strategy", "n", "model_epochs", "trials", "val_mean", "mean", "low", "high", "p"]
    return Table(columns, frame_rows(own[columns]), "Strategies at equal budget", [note])


def answer_plot(study: StrategyStudy) -> Plot:
    """Return the plot of the best score so far, a line for each strategy."""
    title = "Best validation accuracy so far\nmean over the searches, one per seed"
    lines = tuple(_best_so_far(own, str(name)) for name, own in study.trials.groupby("strategy", sort=False))
    return Plot(title, "model-epochs spent", "validation accuracy", lines)


def _best_so_far(own: "pd.DataFrame", name: str) -> Line:
    """Return the mean best-so-far over the searches of a strategy, from where all of them have a score."""
    good = own[(own["status"] == "ok") & own["val_accuracy"].notna()]
    curves = [(g["spent"].to_numpy(), g["val_accuracy"].cummax().to_numpy()) for _, g in good.groupby("replicate")]
    if not curves:
        return Line(name, (), ())
    x = np.unique(np.concatenate([spent for spent, _ in curves]))
    x = x[x >= max(spent[0] for spent, _ in curves)]
    y = np.mean([best[np.searchsorted(spent, x, side="right") - 1] for spent, best in curves], axis=0)
    return Line(name, x.tolist(), y.tolist(), holds=True)


def others_of(trials: "pd.DataFrame") -> list[str]:
    """Return the strategies beside the grid, in order."""
    return [str(name) for name in dict.fromkeys(trials["strategy"]) if name != "grid"]


def words_of(name: str) -> str:
    """Return the name of a hyperparameter in words."""
    return name.replace("_", " ")
