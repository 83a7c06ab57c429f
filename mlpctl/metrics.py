"""Define the metrics of a trial, the parts that are scored, a trial's status, and which configuration is best."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any, Literal

PROGRAM_METRICS = ("score", "cost")
"""Numbers of a program that are none of the other metrics: higher is better of a score, lower of a cost."""

EPOCH_METRICS = ("loss", "accuracy", "mse", "rmse", "mae", "r2", *PROGRAM_METRICS)
"""Per-example means after each epoch; accuracy for classification, mse and its root, mae and r2 for regression."""

FINAL_METRICS = ("balanced_accuracy", "f1", "auc")
"""Metrics of classification with the weights at the end of a trial, where a run asks for one of them."""

METRICS = (*EPOCH_METRICS, *FINAL_METRICS)
"""All metrics."""


BETTER: dict[str, Literal["low", "high"]] = {
    "loss": "low", "accuracy": "high", "mse": "low", "rmse": "low", "mae": "low", "r2": "high",
    "balanced_accuracy": "high", "f1": "high", "auc": "high", "score": "high", "cost": "low",
}  # fmt: skip


PRIMARY = {"classification": "accuracy", "regression": "mse", "score": "score", "cost": "cost", "loss": "loss"}
"""The metric that decides, by task; the last three are tasks of programs."""


PARTS = ("val", "test", "fit")
"""Parts that are scored with the weights at the end of an epoch; `fit` is the training part scored so."""

BASELINE_PARTS: tuple[Literal["val", "test"], ...] = ("val", "test")
"""Parts that the baseline is scored on."""


Status = Literal["ok", "diverged", "out_of_memory", "timeout", "invalid", "crashed", "interrupted"]

NO_FAILURES = ("ok", "interrupted")
"""Statuses of trials that nothing is wrong with: an interrupted one is trained again."""

SelectOn = Literal["validation", "test", "train"]
"""Part that configurations are compared on, as users name it."""

PREFIX: dict[SelectOn, str] = {"validation": "val", "test": "test", "train": "fit"}
"""Part -> first word of its columns."""


def column_of(on: SelectOn, metric: str) -> str:
    """Return the column that holds a metric of a part."""
    return f"{PREFIX[on]}_{metric}"


def task_of(columns: Iterable[str]) -> str | None:
    """Return the task of a program by the columns of its scores: the first of PRIMARY whose metric is there."""
    there = {metric for part, _, metric in (name.partition("_") for name in columns) if part in BASELINE_PARTS}
    return next((task for task, metric in PRIMARY.items() if metric in there), None)


def metric_of(task: str | None) -> str:
    """Return the metric that decides where nobody names one."""
    return PRIMARY.get(str(task), "loss")


def gain_of(value: float, metric: str) -> float:
    """Return a value so that larger is better, whatever the direction of its metric."""
    return value if BETTER[metric] == "high" else -value


def score_of(row: Mapping[str, Any], on: SelectOn, metric: str | None = None) -> float | None:
    """Return the score of a trial's row, larger is better; None for a trial that failed or was not scored.

    Args:
        row: of `trials.csv`, typed.
        on: part that selects.
        metric: metric that decides; None is the task's.
    """
    name = metric or metric_of(row.get("task"))
    value = row.get(column_of(on, name))
    if row["status"] != "ok" or value is None or isnan(value):
        return None
    return gain_of(float(value), name)


def mean_score(scores: Sequence[float | None]) -> float | None:
    """Return the mean over the seeds of a configuration; None if one of them has no score."""
    from statistics import fmean  # 5 ms

    there = [score for score in scores if score is not None]
    return fmean(there) if len(there) == len(scores) else None


def rank_of(scored: int, failed: int, mean: float, loss: float = 0.0) -> tuple[bool, int, float, float]:
    """Return the sort key of a configuration, the best has the smallest.

    Configurations with a score come before those without, fewer failed seeds before more, then the better mean first,
    and of equal means the smaller loss.

    Args:
        scored: seeds with a score.
        failed: seeds that failed.
        mean: of the scores, larger is better.
        loss: mean loss on the same part; NaN where it is not known.
    """
    return scored == 0, failed, -mean if scored else 0.0, float("inf") if isnan(loss) else loss


def best_of(rows: Iterable[Mapping[str, Any]], on: SelectOn, metric: str | None = None) -> list[Mapping[str, Any]]:
    """Return the scored trials of the best configuration, the best seed first; [] where no trial has a score.

    Args:
        rows: of `trials.csv`, typed, with `config`, `status` and `task`.
        on: part that selects.
        metric: metric that decides; None is the task's.
    """
    scores: dict[str, list[tuple[float, Mapping[str, Any]]]] = {}
    by_loss = column_of(on, "loss")
    failed: dict[str, int] = {}
    for row in rows:
        config, score = str(row["config"]), score_of(row, on, metric)
        some = scores.setdefault(config, [])
        if score is not None:
            some.append((score, row))
        failed[config] = failed.get(config, 0) + (row["status"] not in NO_FAILURES)

    def rank(config: str) -> tuple[bool, int, float, float]:
        some = scores[config]
        losses = [float("nan") if row.get(by_loss) is None else float(row[by_loss]) for _, row in some]
        means = (sum(values) / max(len(some), 1) for values in ((score for score, _ in some), losses))
        return rank_of(len(some), failed[config], *means)

    best = scores[min(scores, key=rank)] if scores else []
    return [row for _, row in sorted(best, key=lambda item: -item[0])]


def of_last_rung(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the trials with the most epochs that ended well: of a search that gives the best ones more epochs."""
    most = max((row["epochs"] or 0 for row in rows if row["status"] == "ok"), default=0)
    return [row for row in rows if (row["epochs"] or 0) == most]


METRIC_NAMES = {
    "accuracy": "accuracy (share right)",
    "loss": "loss (mean per example)",
    "mse": "mean squared error",
    "rmse": "root of the mean squared error",
    "mae": "mean absolute error",
    "r2": "R² (share of variance explained)",
    "balanced_accuracy": "balanced accuracy (mean of the classes' shares right)",
    "f1": "F1 (mean of the classes)",
    "auc": "area under the ROC curve (mean of the classes)",
}
"""Metric -> its name with what it counts."""


def metric_label(metric: str, part: str = "") -> str:
    """Return the axis title of a metric on a part of the data, with what it counts."""
    return f"{part} {METRIC_NAMES.get(metric, metric)}".strip()
