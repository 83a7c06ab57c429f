"""Compare the values of one axis in the trials of an exercise, and build the table and the plot of its answer."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.display.tables import Table
from mlpctl.report.dataframes import frame_rows
from mlpctl.report.figures.plot import Line, Plot, is_log_spaced
from mlpctl.textbook.exercises.catalog import Exercise
from mlpctl.textbook.exercises.ranking import SCORE, ValueRanking, rank_values
from mlpctl.textbook.exercises.wording import METRIC_PHRASES, NOUNS, TITLES, noun_text

if TYPE_CHECKING:
    import pandas as pd

    from mlpctl.textbook.exercises.collect import ExerciseOptions


@dataclass(frozen=True, eq=False)
class SweepStudy:
    """Trials of a sweep, and the comparisons that the claims share."""

    exercise: Exercise
    trials: "pd.DataFrame"  # all, in the order of the axis where its values are numbers
    compared_at: dict[Any, Any]  # value of the axis -> value of the second axis at which it is compared

    @cached_property
    def values(self) -> list[Any]:
        """The values of the axis, in order."""
        return sorted(self.trials[self.exercise.axis].unique())

    @cached_property
    def compared(self) -> "pd.DataFrame":
        """The trials in which the values of the axis are compared."""
        if not self.exercise.along:
            return self.trials
        return self.trials[self.trials[self.exercise.along] == self.trials[self.exercise.axis].map(self.compared_at)]

    @property
    def good(self) -> "pd.DataFrame":
        """The compared trials that ended well."""
        return self.compared[self.compared["status"] == "ok"]

    @cached_property
    def ranking(self) -> ValueRanking:
        """The ranking of the values of the axis, without those that stand apart."""
        return rank_values(self._without_apart(self.compared), self.exercise.axis)

    @cached_property
    def along(self) -> dict[Any, "pd.DataFrame"]:
        """The trials at each value of the second axis, smallest first; all at None where there is none."""
        column = self.exercise.along
        return dict(iter(self.trials.groupby(column))) if column else {None: self.trials}

    @cached_property
    def rankings_along(self) -> dict[Any, ValueRanking]:
        """The ranking at each value of the second axis, without the values that stand apart."""
        return {n: rank_values(self._without_apart(own), self.exercise.axis) for n, own in self.along.items()}

    def condition(self, along: Any = None) -> str:
        """Return the condition of a comparison, as a sentence begins: "After 10 epochs: "."""
        if along is None and len(set(self.compared_at.values())) > 1:
            return "Each at its own best learning rate: "
        value = self.compared_at[self.values[0]] if along is None else along
        return {"epochs": f"After {noun_text('epochs', value)}: ", "lr": f"At {noun_text('lr', value)}: "}.get(
            self.exercise.along, ""
        )

    def _without_apart(self, trials: "pd.DataFrame") -> "pd.DataFrame":
        rest = trials[~trials[self.exercise.axis].isin(self.exercise.apart)]
        return rest if len(rest) else trials


def collect_data(options: "ExerciseOptions") -> "pd.DataFrame":
    """Return the trials of an exercise's experiment after training those that are missing."""
    from mlpctl.textbook.exercises.collect import experiment_for, train_experiment

    return train_experiment(options, experiment_for(options))


def build_study(trials: "pd.DataFrame", exercise: Exercise) -> SweepStudy:
    """Return the study of the trials of an exercise."""
    axis, along = exercise.axis, exercise.along
    trials = trials.assign(lead=trials["train_accuracy"] - trials["val_accuracy"])
    if trials[axis].dtype.kind in "if":
        trials = trials.sort_values([axis, *([along] if along else [])], kind="stable")
    compared_at = dict.fromkeys(trials[axis], trials[along].max() if along else None)
    if exercise.at_own_best:  # the fewest failures and then the best mean
        bad = trials["status"] != "ok"
        scored = trials.assign(score=trials[SCORE].mask(bad), failed=bad)
        means = scored.groupby([axis, along], sort=False).agg({"failed": "sum", "score": "mean"}).reset_index()
        order = means.sort_values(["failed", "score"], ascending=[True, False], kind="stable").drop_duplicates(axis)
        compared_at = dict(zip(order[axis], order[along], strict=True))
    return SweepStudy(exercise, trials, compared_at)


def answer_table(study: SweepStudy) -> Table:
    """Return the table of an answer: means by value with their intervals and p."""
    import pandas as pd

    axis, along, means = study.exercise.axis, study.exercise.along, list(study.exercise.means)
    parts = []
    for n, trials in study.along.items():
        own = rank_values(trials, axis).table
        if means:
            own = own.merge(trials[trials["status"] == "ok"].groupby(axis)[means].mean().reset_index(), "left", axis)
        parts.append(own.assign(**{along: n}, compared=[study.compared_at[v] == n for v in own[axis]]))
    whole = pd.concat(parts)
    columns = [axis, *([along] if along else []), "n", *(["failed"] if whole["failed"].any() else [])]
    columns += ["mean", "sd", "low", "high", "p", *(["compared"] if along else []), *means]
    title = f"Validation accuracy by {TITLES[axis]}{f' and {TITLES[along]}' if along else ''}"
    note = f"p: Holm's, of a difference from the best{f' at equal {TITLES[along]}' if along else ''}, paired by seed."
    return Table(columns, frame_rows(whole[columns]), title, [note] if whole["p"].notna().any() else [], [axis, along])


def answer_plot(study: SweepStudy) -> Plot:
    """Return the plot of an answer: accuracy along an axis, or of every seed."""
    axis, along, kind = study.exercise.axis, study.exercise.along, study.exercise.plot
    by_value = {noun_text(axis, n): study.trials[study.trials[axis] == n] for n in study.values}
    y_label = METRIC_PHRASES[SCORE] if along else "accuracy"
    title = f"{y_label.capitalize()} by {TITLES[axis]}\n"
    if kind == "seeds":
        lines = []
        for name, own in by_value.items():
            scores = np.sort(own.loc[own["status"] == "ok", SCORE].dropna())
            lines.append(Line(name, [float(place) for place in range(1, len(scores) + 1)], scores.tolist()))
        return Plot(f"{title}every seed", "seeds, worst first", y_label, tuple(lines))
    x = along if kind == "along" else axis
    if kind == "along":
        rankings = {name: rank_values(own, along) for name, own in by_value.items()}
    elif along:
        rankings = {noun_text(along, n): ranking for n, ranking in study.rankings_along.items()}
    else:
        rankings = {METRIC_PHRASES[name]: rank_values(study.good, axis, name) for name in (SCORE, "train_accuracy")}
    words = () if x in NOUNS else tuple(dict.fromkeys(v for r in rankings.values() for v in r.table[x]))
    lines = [_means_line(name, ranking, words) for name, ranking in rankings.items()]
    log_x = not words and is_log_spaced(study.trials[x])
    title += "mean and 95 % interval over seeds"
    return Plot(title, TITLES[x], y_label, tuple(lines), log_x=log_x, words=words)


def _means_line(name: str, ranking: ValueRanking, words: tuple[str, ...]) -> Line:
    own = ranking.table[ranking.table["n"] > 0]
    x = [float(words.index(v)) if words else float(v) for v in own[ranking.by]]
    return Line(name, x, own["mean"].tolist(), own["low"].tolist(), own["high"].tolist())
