"""Decide what follows from a summary: is the best setting sure, and which command tells more. Plain data, no words."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mlpctl.report.grouping import codes_of
from mlpctl.report.statistics.significance import Standing
from mlpctl.report.summary import TOLD, Summary, more_seeds, part_sizes
from mlpctl.runner.shard import NAME_OF_SHARD
from mlpctl.spec import is_own_model
from mlpctl.store.columns import Columns
from mlpctl.store.results import ResultsFolders
from mlpctl.store.schema import EXPERIMENT_FILE

Sure = Literal["yes", "not yet", "unknown"]
"""Whether the best is shown to be better than all others; unknown where it has one seed."""


@dataclass(frozen=True)
class NextRuns:
    """The command that tells more.

    Attributes:
        command: to type; it trains what is missing only.
        runs: how many runs that is; of a search that goes by its scores about as many.
        seconds: about how long they take; None where the runs before have no times.
    """

    command: str
    runs: int
    seconds: float | None


def sure_of(summary: Summary) -> Sure | None:
    """Return whether the best setting is sure; None where there is nothing to compare it with."""
    verdict = summary.verdict
    if verdict is None or verdict.compared < 2:
        return None
    if verdict.seeds < 2:
        return "unknown"
    return "yes" if verdict.is_clear else "not yet"


def gaps_by_standing(summary: Summary) -> dict[Standing, list[float]]:
    """Return the differences from the best of the settings of each class, smallest first."""
    gaps: dict[Standing, list[float]] = {}
    if summary.verdict is not None:
        for name, standing in summary.verdict.standings.items():
            gaps.setdefault(standing, []).append(summary.verdict.gaps[name])
    return {standing: sorted(some) for standing, some in gaps.items()}


def next_runs(summary: Summary, results: ResultsFolders) -> NextRuns | None:
    """Return the command that adds seeds to a sweep whose best setting is not sure; None where none is known."""
    is_one_sweep = len(results.folders) == 1 and len(results.rows) == len(summary.rows) and not results.is_all
    experiment = results.experiments[0] if is_one_sweep else {}
    if sure_of(summary) in (None, "yes") or not (experiment.get("axes") or experiment.get("list")):
        return None
    seeds = [int(seed) for seed in experiment.get("seeds", [0])]
    most = more_seeds(len(seeds))
    if most is None:
        return None
    wanted = str(most) if seeds == list(range(len(seeds))) else _longer(seeds, most)
    runs, seconds = _missing(summary.rows, most)
    return NextRuns(_command(results.folders[0], experiment, wanted), runs, seconds)


def _longer(seeds: list[int], count: int) -> str:
    new = [seed for seed in range(count) if seed not in seeds]
    return ",".join(map(str, [*seeds, *new[: count - len(seeds)]]))


def _missing(trials: Columns, seeds: int) -> tuple[int, float | None]:
    """Return (runs, seconds) that are missing until each setting has so many seeds, timed as its own runs were."""
    codes, firsts = codes_of(trials["config"])
    missing = np.maximum(seeds - np.bincount(codes, minlength=len(firsts)), 0)
    shared = trials["group_seconds"].astype(np.float64) / trials["group_size"].astype(np.float64)
    own = trials["seconds"].astype(np.float64)
    each = np.where(np.isnan(own), shared, own) / np.nan_to_num(trials["jobs"].astype(np.float64), nan=1.0)
    timed = np.isfinite(each)
    if not timed.any():
        return int(missing.sum()), None
    sums = np.bincount(codes[timed], each[timed], len(firsts))
    counts = np.bincount(codes[timed], minlength=len(firsts))
    means = np.where(counts > 0, sums / np.maximum(counts, 1), each[timed].mean())
    return int(missing.sum()), float((missing * means).sum())


def _command(folder: Path, experiment: Mapping[str, Any], seeds: str) -> str:
    words = ["mlpctl", "sweep", str(folder / EXPERIMENT_FILE), "--seeds", seeds]
    spec = experiment.get("spec", {})
    for name in ("command", "model"):  # a results folder runs nothing of its own
        if name in spec and (name == "command" or is_own_model(str(spec[name]))):
            words += [f"--{name}", str(spec[name])]
    shard = re.fullmatch(NAME_OF_SHARD, folder.name)
    if shard:
        words += ["--shard", f"{shard['number']}/{shard['of']}"]
    name = shard["name"] if shard else folder.name
    if shard or name != experiment.get("name"):
        words += ["--name", name]
    if folder.parent != Path("results"):
        words += ["--out", str(folder.parent)]
    return shlex.join(words)


def as_data(summary: Summary, results: ResultsFolders) -> dict[str, Any]:
    """Return the conclusions as plain values, for JSON: best, sure, every setting with its class, the next command."""
    from mlpctl.report.statistics.edges import edge_notes
    from mlpctl.report.statistics.importance import importance
    from mlpctl.report.tables import plain_cell, rows_of

    following, why = next_runs(summary, results), importance(summary, results.experiments)
    settings = rows_of(summary.ranked.only([*summary.varied, *TOLD]))
    best = None if summary.best is None else {name: plain_cell(value) for name, value in summary.best.items()}
    return {
        "dataset": summary.name,
        "folders": [str(folder) for folder in results.folders],
        "metric": summary.metric,
        "on": summary.on,
        "better": summary.better,
        "runs": summary.statuses,
        "examples": {part: sizes for part, sizes in part_sizes(summary.compared).items() if part != "fit"},
        "best": best,
        "baseline": summary.baseline or None,
        "sure": sure_of(summary),
        "margin": None if summary.verdict is None else summary.verdict.margin,
        "settings": settings,
        "matters": [] if why is None else [dict(row) for row in why.rows],
        "notes": [*summary.notes, *summary.doubts, *edge_notes(summary), *(why.notes if why is not None else ())],
        "next": None if following is None else vars(following),
        "failures": rows_of(summary.failed),
    }
