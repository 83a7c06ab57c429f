"""Answer each exercise in one sentence, the first line of its answer: functions of a study that `catalog` names."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.display.tables import for_people
from mlpctl.textbook.exercises.matrix_sizes import misaligned_against_aligned
from mlpctl.textbook.exercises.ranking import SCORE, ValueRanking, paired_difference, seed_difference
from mlpctl.textbook.exercises.strategies import best_joint, joint_text
from mlpctl.textbook.exercises.sweeps import SweepStudy
from mlpctl.textbook.exercises.wording import (
    NO_ANSWER,
    amount,
    list_text,
    noun_text,
    or_text,
    percent_change,
    signed,
    value_text,
)

if TYPE_CHECKING:
    from mlpctl.textbook.exercises.matrix_sizes import ProductStudy
    from mlpctl.textbook.exercises.ranking import SeedDifference
    from mlpctl.textbook.exercises.step_times import StepStudy
    from mlpctl.textbook.exercises.strategies import StrategyStudy

FAILS_BELOW = 0.5
"""Share of the best mean score below which training with a learning rate is said to fail."""


def units_answer(study: SweepStudy) -> str:
    """Answer 5.2.1: how accuracy goes with the number of hidden units, and which number is best."""
    cannot = _cannot_say(study.ranking)
    if cannot:
        return cannot
    ranking, values = study.ranking, study.values
    few, middle, many = values[0], values[len(values) // 2], values[-1]
    best, most = f"best is {or_text(ranking.tied)}", f"from {value_text(middle)} to {value_text(many)}"
    if few in ranking.tied and many in ranking.tied:
        return f"The number of hidden units is not shown to matter between {value_text(few)} and {value_text(many)}."
    if many not in ranking.tied:
        way = "lower the accuracy" if few in ranking.tied else "raise the accuracy only up to a point"
        return f"More hidden units {way}: {best}, of {value_text(few)} to {value_text(many)} tried."
    first, second = ranking.mean(middle) - ranking.mean(few), ranking.mean(many) - ranking.mean(middle)
    rises = f"from {value_text(few)} to {value_text(middle)} it rises by {amount(first)}, {most} "
    rises += "no further rise is shown" if second <= 0 or middle in ranking.tied else f"by {amount(second)}"
    if second / np.log2(many / middle) >= first / np.log2(middle / few):
        return f"More hidden units raise the accuracy: {rises}; {best}."
    return f"More hidden units raise the accuracy, with diminishing returns: {rises}; {best}."


def layers_answer(study: SweepStudy) -> str:
    """Answer 5.2.2: what one more hidden layer does in the end, and after the fewest epochs."""
    cannot = _cannot_say(study.ranking)
    if cannot or len(study.values) < 2:
        return cannot
    one, two = study.values[:2]
    instead = f"{value_text(two)} instead of {noun_text('hidden_layers', one)}"
    what = "A second hidden layer" if (one, two) == (1, 2) else instead
    gaps = {n: seed_difference(trials, study.exercise.axis, two, one) for n, trials in study.along.items()}
    (few, first), (many, last) = (list(gaps.items())[place] for place in (0, -1))
    text = f"{what} {_does(last)} accuracy{_by(last)} after {noun_text('epochs', many)}"
    if len(gaps) < 2 or not first.pairs:
        return f"{text}."
    other = f" and{_by(first)}" if _does(first) == _does(last) else f", but {_does(first)} it{_by(first)}"
    return f"{text}{other} after {noun_text('epochs', few)}."


def neuron_answer(study: SweepStudy) -> str:
    """Answer 5.2.3: what a hidden layer of one neuron costs, and how often it dies."""
    cannot = _cannot_say(study.ranking)
    one, many = study.values[0], study.values[-1]
    if cannot or one == many:
        return cannot
    gap, mean = seed_difference(study.compared, study.exercise.axis, one, many), study.ranking.mean
    if not (gap.is_real and gap.mean < 0):
        return f"One neuron is not shown to be worse than {value_text(many)} here ({signed(gap.mean)})."
    text = "One neuron passes on only one number, too little to tell the classes apart: "
    text += f"accuracy is {for_people(mean(one))} instead of {for_people(mean(many))} "
    text += f"with {noun_text('hidden_units', many)}"
    known = study.good[study.good[study.exercise.axis] == one]["dead"].dropna()
    if not len(known):
        return f"{text}."
    dead = int((known == 1).sum())
    times = f"in {dead} of {len(known)}" if dead else f"which happened in none of {len(known)}"
    return f"{text}, and its ReLU can die, so that it learns nothing more: {times} trainings."


def rate_answer(study: SweepStudy) -> str:
    """Answer 5.2.4: the best learning rates, whether small ones catch up, and which fail."""
    cannot = _cannot_say(study.ranking)
    if cannot:
        return cannot
    ranking, along, claimed = study.ranking, list(study.along), []
    first = study.rankings_along[along[0]]
    if first.verdict is not None and first.verdict.seeds > 1 and not set(first.tied) & set(ranking.tied):
        claimed.append(f"after {noun_text('epochs', along[0])} it is {or_text(first.tied)}")
    if smaller_catches_up(study):
        claimed.append(f"smaller ones learn slowly and catch up with more epochs ({value_text(study.values[0])} does)")
    fails = failing_rates(study)
    claimed += [f"from {value_text(fails[0])} on training fails"] if fails else []
    text = f"The best learning rate after {noun_text('epochs', along[-1])} is {or_text(ranking.tied)}"
    return f"{text}; {list_text(claimed) if claimed else 'that this depends on the epochs is not shown'}."


def smaller_catches_up(study: SweepStudy) -> bool:
    """Return whether the smallest rate is shown to be nearer to the best one after the most epochs than the fewest."""
    verdict, axis, along = study.ranking.verdict, study.exercise.axis, list(study.along)
    if verdict is None or len(along) < 2 or verdict.best == study.values[0]:
        return False
    good = study.trials[study.trials["status"] == "ok"]
    wide = good.pivot_table(index="seed", columns=[study.exercise.along, axis], values=SCORE)
    if not {(n, rate) for n in (along[0], along[-1]) for rate in (verdict.best, study.values[0])} <= set(wide.columns):
        return False
    lags = [wide[(n, verdict.best)] - wide[(n, study.values[0])] for n in (along[0], along[-1])]
    pairs = np.stack([lag.to_numpy(dtype=np.float64) for lag in lags], axis=1)
    gap = paired_difference(pairs[np.isfinite(pairs).all(axis=1)])
    return gap.is_real and gap.mean > 0


def failing_rates(study: SweepStudy) -> list[Any]:
    """Return the largest values, all of which diverge or score below half of the best, after any number of epochs."""
    best = max((study.ranking.mean(v) for v in study.ranking.tied), default=np.nan)
    fails: list[Any] = []
    for value in reversed(study.values):
        own = study.trials[study.trials[study.exercise.axis] == value]
        means = own[SCORE].mask(own["status"] != "ok", 0.0).fillna(0.0).groupby(own[study.exercise.along]).mean()
        if not (means < FAILS_BELOW * best).all():
            break
        fails.insert(0, value)
    return fails


def joint_answer(study: "StrategyStudy") -> str:
    """Answer 5.2.5: the best joint result, why the search is harder, and which strategy is efficient."""
    if study.winners.empty:
        return NO_ANSWER
    top, size = best_joint(study), study.combinations
    text = f"The best joint result is test accuracy {for_people(float(top['test_accuracy']))} with {joint_text(top)}"
    if len(size) > 1:
        text += f"; the search is harder because {len(size)} axes make {math.prod(size.values()):,} combinations"
    verdict = study.ranking.verdict
    if verdict is None or verdict.compared < 2 or verdict.seeds < 2:
        return f"{text}, and too few searches were made to say which strategy is most efficient."
    if verdict.is_clear:
        return f"{text}, and {verdict.best} search is the most efficient strategy."
    return f"{text}, and which strategy is most efficient cannot be told ({or_text(study.ranking.tied)})."


def speed_answer(study: "StepStudy") -> str:
    """Answer 5.2.6: the framework against the implementation from scratch, and the compiled kernel against both."""
    if study.medians.empty:
        return NO_ANSWER
    units = list(dict.fromkeys((study.units[0], study.units[-1])))
    own = study.medians[["implementation", "hidden_units", "median"]].itertuples(index=False)
    seconds = {(str(name), int(n)): float(median) for name, n, median in own}
    names = {name for name, _ in seconds}
    called = {"concise": "the framework (torch.nn)", "scratch": "the implementation from scratch",
              "kernel": "the compiled kernel"}  # fmt: skip
    claimed = []
    for fast, slow in (("concise", "scratch"), ("kernel", "concise" if "concise" in names else "scratch")):
        if {fast, slow} <= names:
            ratios = [f"{seconds[slow, n] / seconds[fast, n]:.2g} ({noun_text('hidden_units', n)})" for n in units]
            claimed.append(f"{called[fast]} is {' to '.join(ratios)} times as fast as {called[slow]}")
    if not claimed:
        return f"{study.medians.iloc[-1]['implementation']} is slowest with {noun_text('hidden_units', units[-1])}."
    return f"{'; '.join(claimed)}.".replace("the", "The", 1)


def alignment_answer(study: "ProductStudy") -> str:
    """Answer 5.2.7: whether misaligned products take longer, and how wide the memory bus is."""
    sizes = dict(iter(study.sizes.groupby("where", sort=False)))
    rounds = study.timings.groupby("where", sort=False)
    found = {str(at): misaligned_against_aligned(sizes[at], own) for at, own in rounds}
    gaps = {at: gap for at, gap in found.items() if gap is not None}
    buses = study.timings.drop_duplicates("device")[["device", "bus_bits"]].fillna(0).to_numpy()
    known = [f"{int(bits)} bits ({device})" for device, bits in buses if bits]
    bus = f"the memory bus is {list_text(known)} wide" if known else "the width of the memory bus cannot be read here"
    if not gaps:
        return f"Whether misaligned products take longer cannot be said from these rounds; {bus}."
    slower, faster = (
        [f"{percent_change(float(np.exp(g.mean)))} ({at})" for at, g in gaps.items() if g.is_real and g.mean * sign > 0]
        for sign in (1, -1)
    )
    if not slower and not faster:
        return f"No difference between aligned and misaligned sizes is shown; {bus}."
    if len(slower) == len(gaps):
        return f"Yes, products of misaligned sizes take longer per operation: {list_text(slower)}; {bus}."
    if len(faster) == len(gaps):
        return f"No, products of misaligned sizes take less time per operation here: {list_text(faster)}; {bus}."
    claimed = [f"misaligned sizes take longer with {list_text(slower)}"] if slower else []
    claimed += [f"misaligned sizes take less time with {list_text(faster)}"] if faster else []
    return f"It depends on dtype and threads: {'; '.join(claimed)}; the rest is not told apart; {bus}."


def activation_answer(study: SweepStudy) -> str:
    """Answer 5.2.8: the best activations, each at its own best learning rate, and what none at all loses."""
    cannot = _cannot_say(study.ranking)
    if cannot:
        return cannot
    verdict, tied = study.ranking.verdict, study.ranking.tied
    assert verdict is not None
    text = f"The best activation is {or_text(tied)}, each compared at its own best learning rate"
    if "identity" in study.values and "identity" not in tied:
        gap = seed_difference(study.compared, study.exercise.axis, verdict.best, "identity")
        text += f"; with none at all (identity) accuracy is {amount(gap.mean)} lower" if gap.is_real else ""
    return f"{text}."


def init_answer(study: SweepStudy) -> str:
    """Answer 5.2.9: what equal weights and the schemes that draw at random reach."""
    cannot = _cannot_say(study.ranking)
    if cannot:
        return cannot
    ranking, apart = study.ranking, study.good[study.good["init"].isin(study.exercise.apart)]
    assert ranking.verdict is not None
    best, worst = ranking.verdict.ranked[0], ranking.verdict.ranked[-1]
    top, equal = ranking.mean(best), apart[SCORE].max()
    worse = worst not in ranking.tied
    drawn = f"the best of those that draw at random ({best}) reaches {for_people(top)}, the worst ({worst}) "
    drawn += f"{for_people(ranking.mean(worst))}" + ("" if worse else ", and no difference between them is shown")
    if equal < top and ranking.verdict.compared:
        names = list_text([str(name) for name in dict.fromkeys(apart["init"])])
        return f"Yes: weights that start equal ({names}) get no further than {for_people(float(equal))}, while {drawn}."
    return f"Yes: {drawn}." if worse else f"That is not shown: {drawn}."


def _cannot_say(ranking: ValueRanking) -> str:
    """Return why there is no answer, "" where there is one."""
    verdict = ranking.verdict
    if verdict is None:
        return NO_ANSWER
    best = f"{noun_text(ranking.by, verdict.best)} ({for_people(ranking.mean(verdict.best))})"
    if verdict.compared < 2:
        return f"There is nothing to compare: only {best} could be scored."
    if verdict.seeds < 2:
        return f"One seed cannot answer this: the highest accuracy is that of {best}, which may be chance."
    return ""


def _does(gap: "SeedDifference") -> str:
    return "is not shown to change" if not gap.is_real else "raises" if gap.mean > 0 else "lowers"


def _by(gap: "SeedDifference") -> str:
    return f" by {amount(abs(gap.mean))}" if gap.is_real else f" ({signed(gap.mean)})"
