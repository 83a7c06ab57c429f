"""Claim what a sweep shows: each function turns a study into a sentence, "" where there is nothing to claim.

`catalog.EXERCISES` names the claims of each exercise.
"""

from itertools import pairwise

import numpy as np

from mlpctl.display.tables import for_people
from mlpctl.report.dataframes import score_frame
from mlpctl.report.statistics.importance import beyond_chance
from mlpctl.report.statistics.significance import SIGNIFICANCE_LEVEL
from mlpctl.report.summary import mean_interval
from mlpctl.textbook.exercises.catalog import Effect
from mlpctl.textbook.exercises.ranking import ValueRanking, paired_difference, seed_difference
from mlpctl.textbook.exercises.sweeps import SweepStudy
from mlpctl.textbook.exercises.wording import (
    METRIC_PHRASES,
    TITLES,
    amount,
    best_text,
    difference_text,
    list_text,
    noun_text,
    p_text,
    percent_change,
    seeds_text,
    signed,
    under_condition,
    value_text,
)


def best_value(study: SweepStudy) -> str:
    """Claim which value is best, or that it cannot be told apart from others."""
    return under_condition(study.condition(), best_text(study.ranking))


def effect_of_value(study: SweepStudy, of: Effect) -> str:
    """Claim what one value of the axis changes against another."""
    values, along = study.values, list(study.along)
    places = {"first": values[0], "second": values[:2][-1], "third": values[:3][-1], "last": values[-1]}
    value, base = (places.get(place, place) for place in (of.value, of.base))
    if value == base or not {value, base} <= set(values) or (of.along == "first" and len(along) < 2):
        return ""
    trials = study.along[along[0]] if of.along == "first" else study.compared
    sentence = difference_text(
        f"{value_text(value)} instead of {noun_text(study.exercise.axis, base)}",
        seed_difference(trials, study.exercise.axis, value, base, of.metric),
        METRIC_PHRASES[of.metric],
    )
    return under_condition(study.condition(along[0] if of.along == "first" else None), sentence)


def gain_per_doubling(study: SweepStudy) -> str:
    """Claim what a doubled value adds to the accuracy, between each two neighbours."""
    means = [(n, study.ranking.mean(n)) for n in study.values if study.ranking.row(n)["n"]]
    claimed = [
        f"{signed((high - low) / np.log2(b / a))} ({value_text(a)} to {value_text(b)})"
        for (a, low), (b, high) in pairwise(means)
    ]
    return f"Doubling the number adds to the mean validation accuracy: {', '.join(claimed)}." if claimed else ""


def tested(study: SweepStudy) -> str:
    """Claim over how many seeds differences were tested."""
    seeds = study.good["seed"].nunique()
    if seeds < 2:
        return "there is one seed, so nothing was tested."
    return f"differences are tested over {seeds} seeds, in pairs of equal seeds; what is not told apart may yet differ."


def own_best_at_edge(study: SweepStudy) -> str:
    """Claim which values are best at the smallest or largest value of the second axis: theirs may lie beyond."""
    ends = {list(study.along)[place]: word for place, word in ((0, "smallest"), (-1, "largest"))}
    if len(study.along) < 2:
        return ""
    claimed = [f"{value_text(v)} at the {ends[n]} ({value_text(n)})" for v, n in study.compared_at.items() if n in ends]
    where = TITLES[study.exercise.along]
    return f"The best {where} lies at the edge of those tried for {list_text(claimed)}." if claimed else ""


def winner_optimism(study: SweepStudy) -> str:
    """Claim by how much the best of several equals is expected to look too good."""
    verdict = study.ranking.verdict
    if verdict is None or not verdict.optimism or len(verdict.tied) < 2:
        return ""
    tied = len(verdict.tied)
    return f"Picking the highest of {tied} that look alike makes it look about {amount(verdict.optimism)} too good."


def test_score(study: SweepStudy) -> str:
    """Claim the test accuracy of the best value."""
    verdict, good = study.ranking.verdict, study.good
    if verdict is None or "test_accuracy" not in good:
        return ""
    test = good.loc[good[study.exercise.axis] == verdict.best, "test_accuracy"].dropna()
    if not len(test):
        return ""
    mean, _, low, high = mean_interval(test)
    around = f" (95 % interval {for_people(low)} to {for_people(high)})" if len(test) > 1 else " (one seed)"
    best = noun_text(study.exercise.axis, verdict.best)
    return f"On the test set the accuracy with {best} is {for_people(mean)}{around}."


def failed_trials(study: SweepStudy) -> str:
    """Claim which trials did not end well, and that a value with failures is not compared."""
    axis, along = study.exercise.axis, study.exercise.along
    claimed = []
    for n, trials in study.along.items():
        for value, own in trials[trials["status"] != "ok"].groupby(axis, sort=False)["status"]:
            how = list_text([str(status).replace("_", " ") for status in dict.fromkeys(own)])
            where = f"{value_text(value)}{f', {noun_text(along, n)}' if along else ''}"
            claimed.append(f"{len(own)} of {int((trials[axis] == value).sum())} {how} at {where}")
    if not claimed:
        return ""
    return f"Not every training ended well: {list_text(claimed)}; a value with failures is not in the running."


def best_along(study: SweepStudy) -> str:
    """Claim the best value at each value of the second axis, and whether one may be the best at all of them."""
    along, leaders = study.exercise.along, [r for r in study.rankings_along.values() if r.verdict is not None]
    if len(leaders) < 2:
        return ""
    claimed = []
    for n, ranking in study.rankings_along.items():
        if ranking.verdict is not None:
            ties = [value_text(v) for v in ranking.tied if v != ranking.verdict.best and ranking.verdict.seeds > 1]
            tie = f" (not told apart from {list_text(ties)})" if ties else ""
            claimed.append(f"{value_text(ranking.verdict.best)} at {noun_text(along, n)}{tie}")
    text = f"The highest means are those of {list_text(claimed)}"
    if any(ranking.verdict.seeds < 2 for ranking in leaders if ranking.verdict):
        return f"{text}, from one seed."
    common = [value_text(v) for v in leaders[0].tied if all(v in ranking.tied for ranking in leaders)]
    return f"{text}; {f'{list_text(common)} may' if common else 'none can'} be the best at every one of these."


def fewest_as_good(study: SweepStudy) -> str:
    """Claim the smallest value that is not shown to be worse than the best, and its share of the parameters."""
    verdict, tied = study.ranking.verdict, study.ranking.tied
    if verdict is None or verdict.seeds < 2 or len(tied) < 2:
        return ""
    fewest, size = min(tied), study.good.groupby(study.exercise.axis)["parameters"].mean()
    if fewest == verdict.best:
        return f"{value_text(fewest)} are also the fewest of these: nothing here speaks for more."
    return (
        f"The fewest that are not shown to be worse are {value_text(fewest)}, with "
        f"{size[fewest] / size[verdict.best]:.2g} times the parameters of {value_text(verdict.best)}."
    )


def price_of_second(study: SweepStudy) -> str:
    """Claim the parameters and the seconds that the second value costs beyond the first."""
    good = study.good.groupby(study.exercise.axis)[["parameters", "seconds"]].median()
    if len(study.values) < 2 or not set(study.values[:2]) <= set(good.index):
        return ""
    (size, seconds), (larger, longer) = good.loc[study.values[:2]].to_numpy(dtype=np.float64)
    text = f"It costs {for_people(int(larger - size))} more parameters ({percent_change(larger / size)})"
    return f"{text} and {longer / seconds:.2g} times the seconds." if seconds > 0 else f"{text}."


def shift_of_best(study: SweepStudy) -> str:
    """Claim whether the best learning rate of each seed moves with epochs: a paired test of its logarithm."""
    ends = [list(study.along)[place] for place in (-1, 0)]
    bests = [score_frame(study.along[n], "lr", "val_accuracy").idxmax(axis=1) for n in ends]
    logs = np.log10(np.stack([b.reindex(bests[1].index).to_numpy(dtype=np.float64) for b in bests], axis=1))
    logs = logs[np.isfinite(logs).all(axis=1)]  # (seeds, 2)
    if len(study.along) < 2:
        return ""
    if len(logs) < 2:
        return "Whether the best learning rate depends on the number of epochs cannot be said from one seed."
    rates = np.log10(sorted({float(rate) for n in ends for rate in study.along[n]["lr"]}))
    step = float(np.diff(rates).min(initial=np.inf)) if len(rates) > 1 else 0.0  # a best rate is one of the axis
    gap, (many, few) = paired_difference(logs, step), (noun_text("epochs", n) for n in ends)
    to, start = (for_people(float(10**mean)) for mean in logs.mean(axis=0))
    moves = f"the best of each seed goes from {start} after {few} to {to} after {many} "
    moves += f"(geometric means, {seeds_text(gap)})"
    if not gap.is_real:
        return f"That the single best rate moves with the number of epochs is not shown: {moves}."
    if gap.mean > 0:
        return f"The best learning rate rises with the number of epochs: {moves}; here large steps pay with time."
    why = "small steps need many epochs, large ones stop improving"
    return f"The best learning rate falls with the number of epochs: {moves}; {why}."


def gains(study: SweepStudy) -> str:
    """Claim what more epochs add at the smallest, the best and the largest learning rate."""
    (few, first), (many, last) = (list(study.rankings_along.items())[place] for place in (0, -1))
    if last.verdict is None or len(study.values) < 2:
        return ""
    rates = dict.fromkeys((study.values[0], last.verdict.best, study.values[-1]))
    scores = [f"{for_people(last.mean(lr))} at {value_text(lr)}" for lr in rates if not np.isnan(last.mean(lr))]
    text = f"Validation accuracy after {noun_text('epochs', many)} is {list_text(scores)}"
    added = {lr: last.mean(lr) - first.mean(lr) for lr in rates}
    if few == many or any(np.isnan(gain) for gain in added.values()):
        return f"{text}."
    more = list_text([f"{signed(gain)} at {value_text(lr)}" for lr, gain in added.items()])
    return f"{text}; since epoch {value_text(few)} that is {more}."


def beyond_edge(study: SweepStudy) -> str:
    """Claim that a better value may lie beyond those tried, where the best is the last of them."""
    verdict, values = study.ranking.verdict, study.values
    if verdict is None or len(values) < 2 or verdict.best not in (values[0], values[-1]):
        return ""
    side = "smallest" if verdict.best == values[0] else "largest"
    return f"It is the {side} that was tried: a better one may lie beyond."


def init_matters(study: SweepStudy) -> str:
    """Claim whether the scheme matters, among those that draw at random."""
    drawn, distance = study.ranking, _distance(study.ranking)
    if distance is None or drawn.verdict is None:
        return ""
    names = list(drawn.verdict.ranked)
    size = f"the best mean ({names[0]}) is {for_people(distance)} above the worst ({names[-1]})"
    if drawn.verdict.seeds < 2:
        return f"Among the schemes that draw at random {size}, from one seed."
    drawn_at_random = study.compared[study.compared["init"].isin(names)]
    scores = score_frame(drawn_at_random, "init", "val_accuracy")[names].dropna().to_numpy(dtype=np.float64)
    p = beyond_chance(scores) if len(scores) > 1 else float("nan")
    if not p < SIGNIFICANCE_LEVEL:
        return f"Among the schemes that draw at random no difference is shown: {size} (F test over all, {p_text(p)})."
    worse = [name for name in drawn.table["init"] if name in names and name not in drawn.verdict.tied]
    which = f"; {list_text(worse)} {'is' if len(worse) == 1 else 'are'} worse than the best" if worse else ""
    return f"Among the schemes that draw at random it matters too: {size} (F test over all, {p_text(p)}){which}."


def distance_along(study: SweepStudy) -> str:
    """Claim whether the distance from the best scheme to the worst shrinks with epochs."""
    (few, first), (many, last) = (list(study.rankings_along.items())[place] for place in (0, -1))
    start, end = _distance(first), _distance(last)
    if few == many or start is None or end is None:
        return ""
    how, why = ("shrinks", ": training forgets part of where it started") if end < start else ("grows", "")
    return (
        f"Among these the distance from best to worst {how} from {for_people(start)} after {noun_text('epochs', few)} "
        f"to {for_people(end)} after {value_text(many)}{why}."
    )


def equal_units(study: SweepStudy) -> str:
    """Claim what the schemes reach that start all hidden units equal."""
    apart = study.good[study.good["init"].isin(study.exercise.apart)]
    means = apart.groupby("init", sort=False)["val_accuracy"].mean().dropna().items()
    scores = list_text([f"{name} reaches {for_people(float(mean))}" for name, mean in means])
    if not scores or study.ranking.verdict is None:
        return ""
    top = for_people(study.ranking.mean(study.ranking.verdict.best))
    return f"Schemes that start all hidden units equal keep them equal, as copies of one unit: {scores}, against {top}."


def _distance(ranking: ValueRanking) -> float | None:
    """Return the distance of the best mean from the worst of the values that are compared."""
    if ranking.verdict is None or ranking.verdict.compared < 2:
        return None
    best, *_, worst = ranking.verdict.p.index
    return ranking.mean(best) - ranking.mean(worst)
