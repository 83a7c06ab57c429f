"""Search all hyperparameters jointly (5.2.5): each strategy at the budget of the grid, and why the search is hard.

Cost is counted in model-epochs: one epoch of one network. Trials that differ in epochs alone cost the largest once,
whether a grid has an axis of epochs or a search lets its survivors go on.
"""

import math
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mlpctl.display.tables import Table, for_people
from mlpctl.report.dataframes import frame_rows
from mlpctl.report.figures.plot import Line, Plot, is_log_spaced
from mlpctl.report.statistics.importance import variance_parts
from mlpctl.report.statistics.significance import SIGNIFICANCE_LEVEL
from mlpctl.report.statistics.student import f_tail
from mlpctl.search.axes import Axis, make_axis
from mlpctl.textbook.exercises.catalog import Exercise
from mlpctl.textbook.exercises.ranking import ValueRanking, rank_values, seed_difference
from mlpctl.textbook.exercises.wording import (
    NO_ANSWER,
    list_text,
    mean_text,
    p_text,
    percent_of,
    seeds_text,
    signed,
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


def build_study(trials: "pd.DataFrame", _: Exercise) -> StrategyStudy:
    """Return the study of the searches, cut where they exceed the budget of the grid."""
    spent = with_cost(trials)
    budget = float(_grid(spent).groupby("replicate")["spent"].max().max())
    inside = spent[spent["spent"] <= budget + 1e-9]
    good = inside[(inside["status"] == "ok") & inside["val_accuracy"].notna()]
    order = good.sort_values("val_accuracy", ascending=False, kind="stable")
    best = order.drop_duplicates(["strategy", "replicate"]).sort_values(["place", "replicate"], ignore_index=True)
    best = best.assign(seed=best["replicate"])
    ranking = rank_values(best, "strategy", "test_accuracy")
    return StrategyStudy(inside, best, ranking, budget, max(int(best["replicate"].nunique()), 1))


def _grid(trials: "pd.DataFrame") -> "pd.DataFrame":
    return trials[trials["strategy"] == "grid"]


def with_cost(trials: "pd.DataFrame") -> "pd.DataFrame":
    """Return the trials with `spent`: model-epochs of their search up to and with them, in the order of the rows."""
    keys = ["strategy", "replicate", *(name for name in JOINT_AXES if name != "epochs" and name in trials)]
    done = trials["epochs_done"].fillna(0).astype(float)
    longest = done.groupby([trials[k] for k in keys], dropna=False).cummax()
    paid = longest.groupby([trials[k] for k in keys], dropna=False).shift(1, fill_value=0.0)
    cost = (done - paid).clip(lower=0.0)
    return trials.assign(spent=cost.groupby([trials["strategy"], trials["replicate"]]).cumsum())


def best_found(study: StrategyStudy) -> str:
    """Claim the best result of all searches."""
    if study.winners.empty:
        return NO_ANSWER
    top = study.winners.sort_values("val_accuracy", ascending=False).iloc[0]
    what = list_text([f"{_words(name)} {value_text(top[name])}" for name in JOINT_AXES if name in top])
    return (
        f"The best result found is {what}: validation accuracy {for_people(float(top['val_accuracy']))}, test accuracy "
        f"{for_people(float(top['test_accuracy']))}, by {top['strategy']} search. It is one trial with one seed, "
        "picked from many: its validation score is too good."
    )


def size_and_cost(study: StrategyStudy) -> str:
    """Claim how many combinations the grid has, and what they cost."""
    grid = _grid(study.trials)
    counts = {name: int(grid[name].nunique()) for name in JOINT_AXES if name in grid and grid[name].nunique() > 1}
    if len(counts) < 2:
        return ""
    cost = grid.groupby("replicate")["spent"].max().mean()
    runs = grid.groupby(["replicate", *(name for name in counts if name != "epochs")])["seconds"].max()
    seconds = float(runs.sum()) / grid["replicate"].nunique()  # trials that differ in epochs alone were one run
    took = f" and {for_people(seconds)} s of training" if seconds > 0 else ""
    return (
        f"It is harder because combinations multiply: {' × '.join(map(str, counts.values()))} values of "
        f"{list_text([_words(name) for name in counts])} make {math.prod(counts.values())} combinations, "
        f"{for_people(float(cost))} model-epochs{took} per seed; one axis at a time would need "
        f"{sum(counts.values()) - len(counts) + 1}."
    )


def interactions(study: StrategyStudy) -> str:
    """Claim how much of the variance the axes explain one by one, and how much only together.

    The variance of a balanced factorial design is split into those of the means along each axis, of the cells beyond
    these, and of seeds within a cell; the interaction is tested by its F ratio.
    """
    good = _grid(study.trials)
    good = good[(good["status"] == "ok") & good["val_accuracy"].notna()]
    axes = [name for name in JOINT_AXES if name in good and good[name].nunique() > 1]
    if len(axes) < 2:
        return ""
    unknown = "How much the axes interact cannot be said: "
    cells, levels = good.groupby(axes)["val_accuracy"].agg(["count", "mean"]), [good[name].nunique() for name in axes]
    full, total = math.prod(levels), float(good["val_accuracy"].var(ddof=0))
    if len(cells) < full or cells["count"].nunique() > 1:
        return f"{unknown}some combinations have no score, so the grid is not balanced."
    if total < 1e-12 / len(good):
        return f"{unknown}all scores are equal."
    means = cells["mean"].to_numpy(dtype=np.float64).reshape(levels)
    shares = {name: part(means) / total for name, part in variance_parts(len(axes)).items()}
    order, joint = sorted(range(len(axes)), key=lambda k: -shares[f"main {k}"]), max(shares["interactions"], 0.0)
    text = "Of the variance of validation accuracy over the grid the axes explain one by one: "
    text += list_text([f"{_words(axes[k])} {percent_of(shares[f'main {k}'])}" for k in order])
    text += f"; beyond that, by interaction, {percent_of(joint)}"
    if len(good) == full:
        return f"{text}, chance included: with one seed that cannot be taken apart."
    noise = max(1 - float(means.var()) / total, 1e-15)
    freedom = full - 1 - sum(n - 1 for n in levels)
    p = f_tail((joint / freedom) / (noise / (len(good) - full)), freedom, len(good) - full)
    if p >= SIGNIFICANCE_LEVEL:
        return f"{text}, not beyond chance ({p_text(p)}): that tuning one axis after the other is worse is not shown."
    why = "the best value of one depends on the others, and tuning one after the other can miss it"
    return f"{text} ({p_text(p)}): {why}."


def strategies_compared(study: StrategyStudy) -> str:
    """Claim which strategy chose what scores best in testing."""
    verdict, ranking, searches = study.ranking.verdict, study.ranking, f"over {study.searches} searches each"
    if verdict is None or verdict.compared < 2:
        return "There is one strategy only, and nothing to compare it with."
    start = f"At {for_people(study.budget)} model-epochs each, {verdict.best} search chose what scores best in testing"
    start += f": {mean_text(ranking.row(verdict.best))}"
    if verdict.seeds < 2:
        return f"{start}; with one search each that says little."
    if verdict.is_clear:
        return f"{start}, better than {list_text([str(n) for n in verdict.p.index[1:]])} beyond chance {searches}."
    others = list_text([str(name) for name in ranking.tied if name != verdict.best])
    return f"{start}; {searches} it cannot be told apart from {others}."


def against_grid(study: StrategyStudy) -> str:
    """Claim how much better than the grid each other strategy tests."""
    gaps = {n: seed_difference(study.winners, "strategy", n, "grid", "test_accuracy") for n in _others(study.winners)}
    claimed = [
        f"{name} {signed(gap.mean)} ({seeds_text(gap)}, {'beyond chance' if gap.is_real else 'not told apart'})"
        for name, gap in gaps.items()
        if gap.pairs > 1
    ]
    return f"Against grid search, in test accuracy: {list_text(claimed)}." if claimed else ""


def share_of_budget(study: StrategyStudy) -> str:
    """Claim after which share of its budget each strategy was as good in validation as the grid was in the end."""
    good = study.trials[study.trials["status"] == "ok"]
    goal = good[good["strategy"] == "grid"].groupby("replicate")["val_accuracy"].max()
    claimed = []
    for name in _others(good):
        own = good[good["strategy"] == name]
        spent = own[own["val_accuracy"] >= own["replicate"].map(goal)].groupby("replicate")["spent"].min()
        text = f"{name} in none of {len(goal)}"
        if len(spent):
            text = f"{name} in {len(spent)} of {len(goal)} searches, after "
            text += f"{np.median(spent) / study.budget * 100:.0f} % of its budget (median)"
        claimed.append(text)
    return f"The grid's best validation accuracy was reached by {list_text(claimed)}." if claimed else ""


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


def _others(trials: "pd.DataFrame") -> list[str]:
    return [str(name) for name in dict.fromkeys(trials["strategy"]) if name != "grid"]


def _words(name: str) -> str:
    return name.replace("_", " ")
