"""Train an experiment, then check each figure that its source prints: `mlpctl verify EXPERIMENT`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.display.tables import Table, as_chosen, for_people
from mlpctl.errors import UsageError
from mlpctl.runner.ask_tell import samples
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.expect_table import DERIVATIVE, MEASURES, UNPUBLISHED, ExpectTable
from mlpctl.runner.experiment import Experiment, with_data
from mlpctl.runner.experiment_file import Effort, read_experiment
from mlpctl.runner.pending import identify
from mlpctl.runner.sweep import sweep
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.spec import Spec
from mlpctl.store.results import load
from mlpctl.textbook import measures
from mlpctl.textbook.figure_check import FigureCheck, check_figure

if TYPE_CHECKING:
    from mlpctl.inspection.loader import Saved

FIGURE_COLUMNS = ("experiment", "figure", "published", "ours", "low", "high", "trials", "verdict", "why")

EVERY_TRIAL = 100_000
"""Limit of the trials that are compared."""


@dataclass(frozen=True)
class VerifyOptions:
    """Options of `mlpctl verify`.

    Attributes:
        effort: quick has the fewer seeds that an experiment's [effort.quick] says.
        out: where results folders are.
        run: how to train.
        screen: opens what shows the progress of an experiment.
        stop: set to stop after the trials in training.
        data: options of the datasets.
    """

    effort: Effort
    out: Path
    run: RunOptions
    screen: Callable[[Experiment], AbstractContextManager[Callback]]
    stop: Stop
    data: Mapping[str, str] = field(default_factory=dict)


def check_experiment(path: Path, options: VerifyOptions) -> list[FigureCheck]:
    """Return the checks of an experiment's published figures; what was trained before is not trained again.

    Raises:
        UsageError: if the experiment has no [[expect]], or its file is wrong.
        MlpctlError: see `mlpctl.runner.loop.run`.
    """
    experiment = with_data(read_experiment(path, options.effort), options.data)
    if not experiment.expect:
        raise UsageError(f"{path} has no [[expect]]: there is no published figure to compare with")
    checks = [
        check_figure(expect, {DERIVATIVE: _derivatives(expect)})
        for expect in experiment.expect
        if expect.measure == DERIVATIVE
    ]
    trained = [expect for expect in experiment.expect if expect.measure != DERIVATIVE]
    if trained:
        with options.screen(experiment) as callback:
            sweep(experiment, options.out, _options(options.run, trained), callback, options.stop)
        ours = TrialValues(experiment, options.out / experiment.name)
        for expect in trained:
            checks += (check_figure(single, ours.values(single)) for single in expect.single())
    return checks


class TrialValues:
    """Values of the trials of an experiment, read from its results folder."""

    def __init__(self, experiment: Experiment, folder: Path) -> None:
        """Read the folder; it may hold other trials too."""
        known = (identify(spec) for spec in samples(experiment, EVERY_TRIAL))
        keys = {str(row["key"]) if trial is None else trial.key for trial, row in known}
        self.folder, results = folder, load(folder)
        self.trials = [row for row in results.rows.records() if row["key"] in keys]
        self.epochs = dict(tuple(results.epochs[results.epochs["key"].isin(keys)].groupby("key")))
        self.saved: dict[str, Saved] = {}

    def values(self, expect: ExpectTable) -> dict[str, NDArray[np.float64]]:
        """Return trial -> the values (epochs,) that a figure is compared with."""
        chosen = {str(row["key"]): row for row in self.trials if meets_conditions(row, expect)}
        if expect.measure in MEASURES:
            return {key: np.array([self._measured(key, row, expect)]) for key, row in chosen.items()}
        return {key: self._column(key, row, expect) for key, row in chosen.items()}

    def _column(self, key: str, row: Mapping[str, Any], expect: ExpectTable) -> NDArray[np.float64]:
        if row["status"] != "ok":
            return np.array([np.nan])
        over_epochs = expect.epoch == "every" or expect.compare in UNPUBLISHED
        if expect.epoch == "last" and not over_epochs:
            return np.array([row[expect.measure]], dtype=np.float64)
        epochs = self.epochs[key].sort_values("epoch")
        if not over_epochs:
            epochs = epochs[epochs["epoch"] == expect.epoch]
        return epochs[expect.measure].to_numpy(dtype=np.float64)

    def _measured(self, key: str, row: Mapping[str, Any], expect: ExpectTable) -> float:
        from mlpctl.inspection.loader import load_saved

        if row["status"] != "ok":
            return float("nan")
        if key not in self.saved:
            self.saved[key] = load_saved(f"{self.folder}#{key}")
        return float(getattr(measures, expect.measure)(self.saved[key], **expect.of))


def meets_conditions(row: Mapping[str, Any], expect: ExpectTable) -> bool:
    """Return whether a trial meets the conditions of an [[expect]] table."""
    spec = Spec.from_flat(row)
    return any(all(_field(spec, name) == value for name, value in group.items()) for group in expect.groups)


def count_text(checks: Mapping[str, list[FigureCheck]]) -> tuple[str, bool]:
    """Return how many figures are reproduced, in words, and whether one is not."""
    counts = Counter(one.verdict for many in checks.values() for one in many)
    others = [f"{counts[verdict]} {verdict}" for verdict in ("not reproduced", "undecided") if counts[verdict]]
    text = f"{counts['reproduced']} of {counts.total()} published figures reproduced"
    return ", ".join([text, *others]), counts["not reproduced"] > 0


def figures_table(checks: Mapping[str, list[FigureCheck]], notes: Sequence[str] = ()) -> Table:
    """Return all checks as one table, for machines."""
    rows = [
        {"experiment": name, **{column: getattr(one, column) for column in FIGURE_COLUMNS[1:]}}
        for name, many in checks.items()
        for one in many
    ]
    return Table(FIGURE_COLUMNS, rows, "Published figures and ours", notes)


def figures_by_experiment(checks: Mapping[str, list[FigureCheck]], notes: Sequence[str] = ()) -> list[Table]:
    """Return a narrow table for each experiment, for people, with the reasons for what is not reproduced."""
    tables = []
    for name, many in checks.items():
        rows = [
            {
                "figure": one.figure,
                "published": None if one.published is None else as_chosen(one.published),
                "ours": one.ours,
                "interval": f"{for_people(one.low)} to {for_people(one.high)}" if one.low is not None else None,
                "runs below": one.why.partition(" ")[0] if one.why.endswith("lie below it") else None,
                "trials": one.trials,
                "verdict": one.verdict,
            }
            for one in many
        ]
        failed = [f"{one.figure}: {one.why}" for one in many if one.verdict != "reproduced"]
        tables.append(Table(list(rows[0]), rows, name, failed))
    last = tables[-1]
    tables[-1] = replace(last, notes=[*last.notes, *notes])
    return tables


def _field(spec: Spec, name: str) -> Any:
    if name.startswith("data."):
        return spec.data.get(name.removeprefix("data."))
    value = getattr(spec, name)
    return list(value) if isinstance(value, tuple) else value


def _derivatives(expect: ExpectTable) -> NDArray[np.float64]:
    from mlpctl.textbook.autograd_facts import derivatives

    return np.array(list(derivatives(expect.of["name"]).values()), dtype=np.float64)


def _options(options: RunOptions, expects: list[ExpectTable]) -> RunOptions:
    """Return the options with scores after each epoch and weights, where figures need them."""

    def each(prefix: str) -> bool:
        return any(expect.measure.startswith(prefix) for expect in expects)

    return replace(
        options,
        save=options.save or any(expect.measure in MEASURES for expect in expects),
        fit_each=options.fit_each or each("fit_"),
        test_each=options.test_each or any(e.measure.startswith("test_") and e.needs_epochs for e in expects),
    )
