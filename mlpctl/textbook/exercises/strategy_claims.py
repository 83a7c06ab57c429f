"""Claim what the searches of 5.2.5 show: each function turns their study into a sentence, "" for nothing to claim."""

import math

import numpy as np

from mlpctl.display.tables import for_people
from mlpctl.report.statistics.importance import variance_parts
from mlpctl.report.statistics.significance import SIGNIFICANCE_LEVEL
from mlpctl.report.statistics.student import f_tail
from mlpctl.textbook.exercises.ranking import seed_difference
from mlpctl.textbook.exercises.strategies import (
    JOINT_AXES,
    StrategyStudy,
    best_joint,
    grid_of,
    joint_text,
    others_of,
    words_of,
)
from mlpctl.textbook.exercises.wording import (
    NO_ANSWER,
    list_text,
    mean_text,
    p_text,
    percent_of,
    seeds_text,
    signed,
)


def best_found(study: StrategyStudy) -> str:
    """Claim the best result of all searches."""
    if study.winners.empty:
        return NO_ANSWER
    top = best_joint(study)
    return (
        f"The best result found is {joint_text(top)}, by {top['strategy']} search: validation accuracy "
        f"{for_people(float(top['val_accuracy']))}, test accuracy {for_people(float(top['test_accuracy']))}."
    )


def one_of_many(study: StrategyStudy) -> str:
    """Claim what the best result found is worth."""
    return (
        f"the best result is one trial of {len(study.trials)}, picked by its validation score, which is therefore too "
        f"good; the strategies were compared in test accuracy over {study.searches} searches each."
    )


def size_and_cost(study: StrategyStudy) -> str:
    """Claim how many combinations the grid has, and what they cost."""
    grid, counts = grid_of(study.trials), study.combinations
    if len(counts) < 2:
        return ""
    cost = grid.groupby("replicate")["spent"].max().mean()
    runs = grid.groupby(["replicate", *(name for name in counts if name != "epochs")])["seconds"].max()
    seconds = float(runs.sum()) / grid["replicate"].nunique()  # trials that differ in epochs alone were one run
    took = f" and {for_people(seconds)} s of training" if seconds > 0 else ""
    return (
        f"It is harder because combinations multiply: {' × '.join(map(str, counts.values()))} values of "
        f"{list_text([words_of(name) for name in counts])} make {math.prod(counts.values())} combinations, "
        f"{for_people(float(cost))} model-epochs{took} per seed; one axis at a time would need "
        f"{sum(counts.values()) - len(counts) + 1}."
    )


def interactions(study: StrategyStudy) -> str:
    """Claim how much of the variance the axes explain one by one, and how much only together.

    The variance of a balanced factorial design is split into those of the means along each axis, of the cells beyond
    these, and of seeds within a cell; the interaction is tested by its F ratio.
    """
    good = grid_of(study.trials)
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
    text += list_text([f"{words_of(axes[k])} {percent_of(shares[f'main {k}'])}" for k in order])
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
    gaps = {n: seed_difference(study.winners, "strategy", n, "grid", "test_accuracy") for n in others_of(study.winners)}
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
    for name in others_of(good):
        own = good[good["strategy"] == name]
        spent = own[own["val_accuracy"] >= own["replicate"].map(goal)].groupby("replicate")["spent"].min()
        text = f"{name} in none of {len(goal)}"
        if len(spent):
            text = f"{name} in {len(spent)} of {len(goal)} searches, after "
            text += f"{np.median(spent) / study.budget * 100:.0f} % of its budget (median)"
        claimed.append(text)
    return f"The grid's best validation accuracy was reached by {list_text(claimed)}." if claimed else ""
