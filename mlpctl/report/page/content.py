"""Content of the page of one dataset: words and small tables for the template, large ones as JSON."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlpctl.display.tables import Table
from mlpctl.report.axes import ShownAxis, shown_axes
from mlpctl.report.conclusion import sure_of
from mlpctl.report.ending import notes_of, verdict_told
from mlpctl.report.failures import retry_note
from mlpctl.report.grouping import is_there
from mlpctl.report.page import answers
from mlpctl.report.page.effects import effects
from mlpctl.report.page.encode import column
from mlpctl.report.page.heat_maps import heat_maps
from mlpctl.report.page.learning_curves import learning_curves
from mlpctl.report.page.settings_chart import settings_chart
from mlpctl.report.statistics.importance import importance
from mlpctl.report.statistics.price import price
from mlpctl.report.summary import Summary
from mlpctl.report.tables import counted, heading, order_of, rows_of
from mlpctl.store.columns import objects
from mlpctl.store.results import ResultsFolders
from mlpctl.store.schema import EXPERIMENT_FILE

MOST_ROWS = 20_000
"""Rows of a table on the page: 20,000 trials are 2 MB; more make the page slow to open and are read by no one."""


@dataclass(frozen=True, eq=False)
class PageSection:
    """Content of the page of one dataset.

    Attributes:
        title: dataset and folders.
        heading: sentence on what was trained.
        cards: question -> its answer.
        bars: shares of the axes that matter.
        notes: what to know beside the answers.
        importance: table of all axes; None where nothing varies.
        price: sentences on the cost of the search.
        failures: a row per kind.
        retry: sentences on training them again.
        left_out: sentences on rows that the page does not list.
        data: data of its scripts, ready for JSON.
    """

    title: str
    heading: str
    cards: Mapping[str, answers.Card]
    bars: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    importance: Table | None
    price: Sequence[str]
    failures: Sequence[Mapping[str, Any]]
    retry: Sequence[str]
    left_out: Sequence[str]
    data: Mapping[str, Any]


def part_of(summary: Summary, results: ResultsFolders, *, forest: bool = False, alone: bool = True) -> PageSection:
    """Return the content of the page of a summary.

    Args:
        summary: summary of one dataset.
        results: results of all datasets.
        forest: ask a random forest for the importance where the trials are no complete grid.
        alone: True if it is the only summary of a single folder, whose search then has a price.
    """
    why = importance(summary, results.experiments, forest=forest)
    cost = price(summary, results.experiments[0]) if alone else None
    axes = shown_axes(summary, results.experiments, why)
    names = [axis.name for axis in axes]
    return PageSection(
        title=summary.title,
        heading=heading(summary),
        cards={
            "Answer": answers.answer(summary),
            "How sure?": answers.sure(summary, results),
            "What matters?": answers.matters(why),
        },
        bars=answers.bars(why),
        notes=notes_of(summary),
        importance=why,
        price=cost.notes if cost is not None else (),
        failures=rows_of(summary.failed),
        retry=retry_note(summary.rows),
        left_out=list(_left_out(summary)),
        data={
            "metric": f"{summary.on} {summary.metric}",
            "better": summary.better,
            "bounded": summary.metric == "accuracy",
            "axes": [
                {"label": a.label, "scale": a.scale, "values": a.values, "classes": a.classes, "absent": a.absent}
                for a in axes
            ],
            "configurations": _configurations(summary, axes),
            "trials": _trials(summary, names),
            "settings": settings_chart(summary),
            "effects": effects(summary, axes),
            "pairs": heat_maps(summary, axes),
            "curves": learning_curves(summary, results.epoch_rows, axes),
        },
    )


def _configurations(summary: Summary, axes: Sequence[ShownAxis]) -> list[dict[str, Any]]:
    """Return the columns of the table of configurations, best first."""
    table = summary.ranked.rows(np.arange(min(MOST_ROWS, len(summary.ranked))))
    configs = table["config"].tolist()
    which = {config: row for row, config in enumerate(summary.compared["config"].tolist())}
    rows = np.array([which[config] for config in configs], dtype=np.intp)
    told = [{**_titled(axis.name, column(table[axis.name])), "places": axis.codes[rows].tolist()} for axis in axes]
    columns = [*told, *(_titled(name, column(table[name], measured=True)) for name in ("mean", "low", "high"))]
    if sure_of(summary) not in (None, "unknown"):  # of one seed nothing is known of chance
        words = objects([verdict_told(row, summary.better) for row in rows_of(table.only(["verdict", "unstable"]))])
        columns.append(_titled("verdict", column(words)))
    columns.append(_titled("seeds", column(table["n"])))
    if summary.ranked["failed"].any():
        columns.append(_titled("failed", column(table["failed"])))
    return columns


def _trials(summary: Summary, axes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the columns of the table of trials: by rank of their configuration, failures first where not all fit.

    Test scores are not among them: the page shows the test score of the chosen configuration alone.
    """
    place = {config: number + 1 for number, config in enumerate(summary.ranked["config"].tolist())}
    rank = np.array([place[config] for config in summary.compared["config"].tolist()], dtype=np.int64)
    trials = summary.compared.plus({"rank": rank})
    trials = trials.rows(order_of(trials, ["rank", "seed"]))
    if len(trials) > MOST_ROWS:
        failed = trials["status"] != "ok"
        failed &= failed.cumsum() <= MOST_ROWS // 4
        trials = trials.rows(failed | ((~failed).cumsum() <= MOST_ROWS - failed.sum()) & ~failed)
    seeds = [name for name in ("seed", "init_seed", "data_seed") if is_there(trials[name]).any()]
    told = [*axes, *seeds, "status"]
    scores = dict.fromkeys((summary.column, "train_loss", "seconds"))
    measured = [name for name in scores if is_there(trials[name]).any()]
    shared = trials["group_seconds"] / trials["group_size"].astype(np.float64)  # None is NaN
    trials = trials.plus({"seconds": np.where(is_there(trials["seconds"]), trials["seconds"], shared)})
    return [
        _titled("rank", column(trials["rank"])),
        *(_titled(name, column(trials[name])) for name in told),
        *(_titled(name, column(trials[name], measured=True)) for name in measured),
        _titled("epochs done", column(trials["epochs_done"])),
        _titled("trial", column(trials["key"])),
    ]


def _titled(name: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name.replace("_", " "), **cells}


def _left_out(summary: Summary) -> Iterator[str]:
    """Yield what the page does not list, in sentences."""
    configurations, trials = len(summary.ranked), len(summary.compared)
    if configurations > MOST_ROWS:
        yield f"Listed are the best {MOST_ROWS:,} of {configurations:,} configurations."
    if trials > MOST_ROWS:
        yield (
            f"Listed are {MOST_ROWS:,} of {trials:,} trials: failures, and the trials of the best configurations. "
            "Answers, effects and heat maps are over all of them."
        )


def reproducing(results: ResultsFolders) -> list[dict[str, str]]:
    """Return how each folder is made again: its name, the command, and its experiment as a file."""
    import tomli_w

    told = []
    for folder, experiment in zip(results.folders, results.experiments, strict=True):
        if not experiment:
            told.append({"folder": folder.name, "command": "", "experiment": ""})
            continue
        words_ = ["mlpctl", "sweep", str(folder / EXPERIMENT_FILE), "--name", f"{folder.name}-again"]
        if "command" in experiment.get("spec", {}):
            words_ += ["--command", "COMMAND"]  # which no results folder gives
        told.append({"folder": folder.name, "command": shlex.join(words_), "experiment": tomli_w.dumps(experiment)})
    return told


def surroundings(results: ResultsFolders) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what each folder's trials ran on: (folder, [(name, value)]), nested names joined by a space."""
    return [
        (folder.name, list(_flat("", about)))
        for folder, about in zip(results.folders, results.environments, strict=True)
    ]


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name} {key}".strip(), inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, inner in enumerate(value):
            yield from _flat(f"{name} {number + 1}" if len(value) > 1 else name, inner)
    elif value is not None:
        yield name.replace("_", " "), str(value)


def page_title(parts: Sequence[PageSection], folders: Sequence[Path]) -> str:
    """Return the title of a page: of its only part, else its folders."""
    if len(parts) == 1:
        return parts[0].title
    return f"{counted(len(parts), 'dataset')} ({', '.join(folder.name for folder in folders)})"
