"""Summarize a results folder: configurations compared over their seeds, the best of them, failures. Pure data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpctl.display.tables import for_people
from mlpctl.errors import UsageError, did_you_mean
from mlpctl.metrics import (
    BETTER,
    EPOCH_METRICS,
    FINAL_METRICS,
    METRICS,
    NO_FAILURES,
    PRIMARY,
    SelectOn,
    column_of,
    gain_of,
    rank_of,
)
from mlpctl.report.baseline import baseline_words
from mlpctl.report.comparable import split_by_data, with_options
from mlpctl.report.failures import failures
from mlpctl.report.grouping import codes_of, distinct_values, is_in, is_there, moments
from mlpctl.report.statistics.significance import (
    EXAMPLES_OF,
    Standing,
    Verdict,
    by_seed,
    compare_scores,
    least_variance,
    overlap_of,
    rounding_step,
)
from mlpctl.report.statistics.stability import collapsed_seeds, unstable_notes
from mlpctl.report.statistics.student import t95, t_quantile
from mlpctl.search.table import BY_EPOCHS
from mlpctl.spec import OPTION_FIELDS, SEED_FIELDS, Spec, option_of
from mlpctl.store.columns import Array, Columns, objects, values_of
from mlpctl.store.results import ResultsFolders

if TYPE_CHECKING:
    import pandas as pd

STAMPS: dict[SelectOn, str] = {
    "test": "Chosen on the test set: its score of the chosen configuration is too good, and no estimate.",
    "train": "Chosen on the training part: this says how well a configuration fits, not how well it predicts.",
}
"""Warning of tables that compare on such a part."""


TOLD = ("n", "failed", "mean", "sd", "low", "high", "p", "worst", "behind", "verdict", "unstable")
"""Columns of a configuration, see `Summary.ranked`."""

MORE_SEEDS = (5, 10, 20, 40)
"""Numbers of seeds to go on to where fewer leave it open which configuration is best: twice as many, or the next."""


@dataclass(frozen=True, eq=False)
class Summary:
    """One dataset's trials, summed up.

    Attributes:
        title: dataset and folders.
        rows: the trials, options of the dataset as columns data.OPTION.
        compared: those that are compared: of a search over epochs, of each configuration the trials of its last rung.
        statuses: status -> number of trials.
        varied: fields of Spec that differ among the trials, seeds apart.
        metric: what is compared.
        column: the column of the trials that holds it.
        better: whether low or high is better.
        on: the part that it is compared on.
        ranked: a row per configuration, best first, those without a score last: the varied fields, n, failed, mean, sd,
            low, high, worst (its worst seed), behind (difference from the best), p (of that, corrected), verdict (see
            `mlpctl.report.statistics.significance`) and unstable (how many of its seeds collapsed).
        verdict: on the configurations with the fewest failures; None if nothing has a score.
        best: the first row of `ranked` as a mapping, with its test score; None if nothing has a score.
        failed: a row per kind of failure, see `mlpctl.report.failures`.
        notes: what the reader has to know to trust the figures.
        baseline: what an answer without inputs scores, in a sentence; "" where that is not known.
        doubts: sentences on how the others stand, and what chance does to these figures.
        name: of the dataset.
    """

    title: str
    rows: Columns
    compared: Columns
    statuses: dict[str, int]
    varied: tuple[str, ...]
    metric: str
    column: str
    better: str
    on: SelectOn
    ranked: Columns
    verdict: Verdict | None
    best: dict[str, Any] | None
    failed: Columns
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    name: str
    baseline: str = ""

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """The trials as a DataFrame."""
        return self.rows.frame()

    @cached_property
    def configurations(self) -> "pd.DataFrame":
        """The configurations as a DataFrame, best first."""
        return self.ranked.frame()

    def rows_by(self, axes: Sequence[str]) -> Columns:
        """Return the rows that a mean over everything else is taken over: without rungs that a configuration left."""
        return self.rows if "epochs" in axes else self.compared

    @cached_property
    def failures(self) -> "pd.DataFrame":
        """The kinds of failures as a DataFrame."""
        return self.failed.frame()


def summarize(results: ResultsFolders, *, metric: str | None = None, on: SelectOn | None = None) -> list[Summary]:
    """Return a summary per dataset in the results; see `mlpctl.report.comparable` for what that is.

    Args:
        results: of one folder or several.
        metric: what to compare; by default what the experiment says, else the task's primary metric.
        on: part to compare on; by default what the experiment says, else validation.

    Raises:
        UsageError: for a metric that the task does not have, or a part that was not scored.
    """
    select: dict[str, Any] = next((e["select"] for e in results.experiments if "select" in e), {})
    on = on or select.get("on", "validation")
    metric = metric or select.get("metric")
    if metric is not None and metric not in METRICS:
        raise UsageError(f"unknown metric '{metric}': {did_you_mean(metric, METRICS)}")
    folders = ", ".join(folder.name for folder in results.folders)
    return [
        _summary(
            name,
            folders,
            some,
            metric or PRIMARY[some["task"][0]],
            on,
            {folder.name: told for folder, told in zip(results.folders, results.experiments, strict=True)},
        )
        for name, some in split_by_data(with_options(results.rows))
    ]


def varied_fields(trials: Columns) -> tuple[str, ...]:
    """Return the fields that differ among trials, seeds apart; of two that say the same the plainer one."""
    fields = [n for n in Spec.model_fields if n not in (*SEED_FIELDS, *OPTION_FIELDS)]
    fields += [name for name in trials.names if option_of(name)]
    differing = [name for name in fields if len(distinct_values(trials[name])) > 1]
    if "widths" in differing and ("hidden_units" in differing or "hidden_layers" in differing):
        there = trials.rows(is_there(trials["widths"]))
        sizes = there["hidden_units"], there["hidden_layers"]
        told = len(codes_of(*sizes)[1]) == len(codes_of(*sizes, there["widths"])[1])
        said = {"widths"} if told else {"hidden_units", "hidden_layers"}
        differing = [name for name in differing if name not in said]
    return tuple(differing)


def mean_interval(values: "pd.Series[float]") -> tuple[float, float, float, float]:
    """Return (mean, standard deviation, low, high): Student's 95 % interval of the mean; NaN for one value's spread."""
    n, mean, sd = len(values), float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    half = t95(n - 1) * sd / np.sqrt(n) if n > 1 else float("nan")
    return mean, sd, mean - half, mean + half


def over(trials: Columns, by: Sequence[str], column: str) -> Columns:
    """Return a row per value of `by`: n, failed, mean, sd and the 95 % interval of `column` over its good trials.

    Student's interval of the mean. An accuracy is rounded to whole examples: its variance is never taken to be smaller
    than `least_variance`, so three equal accuracies are no certainty.
    """
    codes, firsts = codes_of(*(trials[name] for name in by))
    scores = np.where(trials["status"] == "ok", trials[column].astype(np.float64), np.nan)
    n, mean, sd = moments(scores, codes, len(firsts))
    failed = np.bincount(codes[~is_in(trials["status"], NO_FAILURES)], minlength=len(firsts))
    low = high = np.full(len(firsts), np.nan)
    if (n > 1).any():
        step = rounding_step(trials, column)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.sqrt(np.maximum(sd**2, least_variance(step)))
            half = np.where(
                n > 1, t_quantile(0.975, np.maximum(n - 1, 1)) * spread * np.sqrt(1 / n + overlap_of(trials)), np.nan
            )
        low, high = mean - half, mean + half
    if column.endswith("accuracy"):
        low, high = low.clip(0.0, 1.0), high.clip(0.0, 1.0)
    told = trials.only(by).rows(firsts)
    return told.plus({"n": n, "mean": mean, "sd": sd, "failed": failed, "low": low, "high": high})


def _summary(
    name: str,
    folders: str,
    trials: Columns,
    metric: str,
    on: SelectOn,
    experiments: Mapping[str, Mapping[str, Any]],
) -> Summary:
    column = column_of(on, metric)
    if on == "train" and not is_there(trials[column]).any():
        column = f"train_{metric}"
    good = trials.rows(trials["status"] == "ok")
    if column not in trials or (len(good) and not is_there(good[column]).any()):
        raise UsageError(_nothing_to_compare(good, metric, on))
    by_epochs = any(told.get("search", {}).get("method") in BY_EPOCHS for told in experiments.values())
    everything, trials = trials, _last_rungs(trials) if by_epochs else trials
    varied = varied_fields(trials)
    table = over(trials, ["config"], column)
    told = trials.rows(codes_of(trials["config"])[1])
    table = table.plus({name: told[name] for name in varied})
    table = table.plus({"worst": _worst_seeds(trials, column, BETTER[metric])})
    # Of a search over epochs whoever got the most comes first: scores after fewer are not scores of the same thing.
    rungs = told["epochs"].tolist() if by_epochs else [0] * len(table)
    counted = zip(rungs, *(table[name].tolist() for name in ("n", "failed", "mean")), _losses(trials, on), strict=True)
    ranks = [(-rung, rank_of(n, failed, gain_of(mean, metric), loss)) for rung, n, failed, mean, loss in counted]
    table = table.rows(np.array(sorted(range(len(ranks)), key=ranks.__getitem__), dtype=np.intp))
    if by_epochs:
        by_config = dict(zip(told["config"].tolist(), rungs, strict=True))
        table = table.plus({"epochs": np.array([by_config[config] for config in table["config"].tolist()])})
        varied = tuple(dict.fromkeys((*varied, "epochs")))
    verdict = _verdict(table, trials, column, BETTER[metric], by_epochs=by_epochs)
    known = {} if verdict is None else dict(zip(verdict.ranked, verdict.tests["p"].tolist(), strict=True))
    p = np.array([known.get(config, np.nan) for config in table["config"]], dtype=np.float64)
    standing, gaps = ({}, {}) if verdict is None else (verdict.standings, verdict.gaps)
    table = table.plus(
        {
            "p": p,
            "behind": np.array([gaps.get(config, np.nan) for config in table["config"]], dtype=np.float64),
            "verdict": objects([standing.get(config) for config in table["config"]]),
            "unstable": _collapsed(table, trials, column, BETTER[metric]),
        }
    )
    table = table.only([*varied, *TOLD, "config"])
    best = _best(table, trials, metric)
    return Summary(
        title=f"{name} ({folders})",
        rows=everything,
        compared=trials,
        statuses=dict(Counter(str(status) for status in everything["status"] if status is not None).most_common()),
        varied=varied,
        metric=metric,
        column=column,
        better=BETTER[metric],
        on=on,
        ranked=table,
        verdict=verdict,
        best=best,
        failed=failures(everything, experiments),
        notes=tuple(_notes(table, trials, best, on)),
        doubts=(*_doubts(verdict, best, on, BETTER[metric]), *unstable_notes(table, varied)),
        name=name,
        baseline=_baseline(trials, best, metric),
    )


def _last_rungs(trials: Columns) -> Columns:
    """Return of each configuration, whatever its epochs, the trials of the most epochs that it was given."""
    fields = [name for name in Spec.model_fields if name not in (*SEED_FIELDS, "epochs")]
    codes, firsts = codes_of(*(trials[name] for name in fields))
    epochs = np.nan_to_num(trials["epochs"].astype(np.float64))
    most = np.zeros(len(firsts))
    np.maximum.at(most, codes, epochs)
    return trials.rows(epochs == most[codes])


def _losses(trials: Columns, on: SelectOn) -> list[float]:
    """Return the mean loss of each configuration on the part, in the order in which configurations come."""
    codes, firsts = codes_of(trials["config"])
    column = column_of(on, "loss")
    if column not in trials:
        return [float("nan")] * len(firsts)
    losses = np.where(trials["status"] == "ok", trials[column].astype(np.float64), np.nan)
    found: list[float] = moments(losses, codes, len(firsts))[1].tolist()
    return found


def _verdict(table: Columns, trials: Columns, column: str, better: str, *, by_epochs: bool) -> Verdict | None:
    """Return the verdict on the configurations with as few failures as the first: those that can be the best."""
    scored = table.rows(table["n"] > 0)
    if not len(scored):
        return None
    alike = scored["failed"] == scored["failed"][0]
    if by_epochs:
        alike &= scored["epochs"] == scored["epochs"][0]
    able = scored["config"][alike].tolist()
    scores = by_seed(trials.rows(is_in(trials["config"], able)), "config", column)
    margin = _margin(column, scores.step, float(scored["mean"][0]))
    return compare_scores(scores.of(able), better, best=able[0], margin=margin)


def _collapsed(table: Columns, trials: Columns, column: str, better: str) -> Array:
    """Return how many seeds of each row of the table collapsed."""
    scored = table.rows(table["n"] > 0)
    if not len(scored):
        return np.zeros(len(table), dtype=np.intp)
    scores = by_seed(trials, "config", column)
    counts = collapsed_seeds(scores.values, better, _margin(column, scores.step, float(scored["mean"][0])))
    known = dict(zip(scores.names, counts.tolist(), strict=True))
    return np.array([known.get(config, 0) for config in table["config"].tolist()], dtype=np.intp)


def part_sizes(trials: Columns) -> dict[str, tuple[int, int]]:
    """Return (fewest, most) examples of each part by prefix of its scores; parts that no row knows are left out."""
    known = {part: [int(n) for n in values_of(trials[column]) if n] for part, column in EXAMPLES_OF.items()}
    return {part: (min(counts), max(counts)) for part, counts in known.items() if counts}


def more_seeds(seeds: int) -> int | None:
    """Return the number of seeds to go on to from so many; None where more would hardly tell more."""
    return next((n for n in MORE_SEEDS if n >= 2 * seeds), None)


def _margin(column: str, step: float, best: float) -> float:
    """Return the difference that does not matter: one point or two examples of an accuracy, else 1 % of the best."""
    return max(0.01, 2 * step) if column.endswith("accuracy") else 0.01 * abs(best)


def _worst_seeds(trials: Columns, column: str, better: str) -> Array:
    """Return the worst score of each configuration, in the order in which configurations come; NaN for none."""
    codes, firsts = codes_of(trials["config"])
    scores = np.where(trials["status"] == "ok", trials[column].astype(np.float64), np.nan)
    worst = np.full(len(firsts), np.nan)
    (np.fmin if better == "high" else np.fmax).at(worst, codes, scores)
    return worst


def _nothing_to_compare(good: Columns, metric: str, on: SelectOn) -> str:
    parts = {"validation": "val", "test": "test", "train": "train"}

    def is_scored(prefix: str, metric: str) -> bool:
        column = f"{prefix}_{metric}"
        return column in good and bool(is_there(good[column]).any())

    scored = [part for part, prefix in parts.items() if is_scored(prefix, metric)]
    if not scored and metric in FINAL_METRICS:
        return f"these trials have no {metric}: sweep with --metric {metric} scores it, --force those in the store too"
    if not scored:
        known = [name for name in EPOCH_METRICS if any(is_scored(prefix, name) for prefix in parts.values())]
        others = " or ".join(f"--metric {name}" for name in known)
        return f"these trials have no {metric}: use {others}"
    return f"these trials have no {on} {metric}: use --select-on {' or --select-on '.join(scored)}"


def _best(table: Columns, trials: Columns, metric: str) -> dict[str, Any] | None:
    if not len(table) or table["n"][0] == 0:
        return None
    first: dict[str, Any] = {name: table[name][:1].tolist()[0] for name in table.names}
    own = trials.rows((trials["config"] == first["config"]) & (trials["status"] == "ok"))
    column = f"test_{metric}"
    if column in own and is_there(own[column]).any():
        tested = over(trials, ["config"], column)  # of all: together they tell to what the scores are rounded
        test = tested.rows(tested["config"] == first["config"])
        first |= {f"test_{name}": float(test[name][0]) for name in ("mean", "sd", "low", "high")}
    first["key"] = str(own["key"][0])
    return first


def _baseline(trials: Columns, best: dict[str, Any] | None, metric: str) -> str:
    """Return the baseline beside the scores of the best configuration, as a sentence."""
    if best is None or "baseline" not in trials:
        return ""
    own = trials.rows((trials["config"] == best["config"]) & (trials["status"] == "ok"))
    words = baseline_words(list(own.only(["task", "baseline", "val_baseline", "test_baseline"]).records()), metric)
    return f"{words[0].upper()}{words[1:]}." if words else ""


def _notes(table: Columns, trials: Columns, best: dict[str, Any] | None, on: SelectOn) -> list[str]:
    notes = [STAMPS[on]] if on in STAMPS else []
    scored = int((table["n"] > 0).sum())
    single = int((table["n"] == 1).sum())
    if scored > 1 and single == scored:
        notes.append("One seed each: differences may be chance. `--seeds 5` on the same command adds four.")
    elif scored > 1 and single:
        also = ", the best among them" if best is not None and best["n"] == 1 else ""
        notes.append(f"{single} of {scored} configurations have one seed only{also}: differences may be chance.")
    failed = int(table["failed"].sum())
    if failed:
        notes.append(f"{failed} of {len(trials)} trials failed; means are over the others, configurations with a "
                     "failure come last.")  # fmt: skip
    unscored = int((trials["status"] == "ok").sum() - table["n"].sum())
    if unscored:
        notes.append(f"{unscored} of {len(trials)} trials were not scored on this part; means are over the others.")
    interrupted = int((trials["status"] == "interrupted").sum())
    if interrupted:
        notes.append(f"{interrupted} of {len(trials)} trials were interrupted; the same command trains them again.")
    return notes


def _doubts(verdict: Verdict | None, best: dict[str, Any] | None, on: SelectOn, better: str) -> "list[str]":
    """Return how the others stand, and how much too good the best is expected to look."""
    if verdict is None or best is None or verdict.seeds < 2 or verdict.compared < 2 or verdict.is_clear:
        return []
    gaps: dict[Standing, list[float]] = {}
    for name, standing in verdict.standings.items():
        gaps.setdefault(standing, []).append(verdict.gaps[name])
    told = []
    if close := gaps.get("close"):
        told.append(f"{_counted(close)} close, within {for_people(max(close))}: any of these may be the best.")
    if behind := gaps.get("behind"):
        apart = " to ".join(for_people(gap) for gap in sorted({min(behind), max(behind)}))
        told.append(f"{_counted(behind)} behind by {apart}, but {verdict.seeds} seeds do not exclude bad luck.")
    if worse := gaps.get("worse"):
        told.append(f"{_counted(worse)} worse.")
    if verdict.optimism:
        way, luck = "high" if better == "high" else "low", for_people(verdict.optimism)
        told.append(f"Picked as the best of {len(verdict.tied)}, its {on} mean is about {luck} too {way} by luck.")
    more = more_seeds(verdict.seeds)
    if more is not None:
        trials = sum(max(more - seeds, 0) for seeds in verdict.tests["seeds"].tolist())
        told.append(f"More seeds tell more: `--seeds {more}` on the same command adds {trials:,} trials.")
    return told


def _counted(gaps: Sequence[float]) -> str:
    return "1 other is" if len(gaps) == 1 else f"{len(gaps):,} others are"
