"""Train an experiment, then check each figure that its source prints: `mlpctl verify EXPERIMENT`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.display.tables import Cell, Table, as_chosen, for_people
from mlpctl.errors import UsageError
from mlpctl.runner.ask_tell import samples
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.expect_table import DERIVATIVE, MEASURES, UNPUBLISHED, ExpectTable
from mlpctl.runner.experiment import Experiment, with_data
from mlpctl.runner.experiment_file import Effort, read_experiment
from mlpctl.runner.pending import identify
from mlpctl.runner.sweep import sweep
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.spec import Spec, with_option_names
from mlpctl.store.results import load
from mlpctl.textbook import measures
from mlpctl.textbook.figure_check import FigureCheck, check_figure

if TYPE_CHECKING:
    from mlpctl.inspection.loader import Saved

EVERY_TRIAL = 100_000  # limit of the trials that are compared


@dataclass(frozen=True)
class VerifyOptions:
    """Options of `mlpctl verify`."""

    effort: Effort  # "quick" trains the fewer seeds of an experiment's [effort.quick]
    out: Path  # folder of the results folders
    run: RunOptions
    screen: Callable[[Experiment], AbstractContextManager[Callback]]  # shows the progress of an experiment
    stop: Stop  # set to stop after the trials in training
    data: Mapping[str, str] = field(default_factory=dict)  # options of the datasets


def check_experiment(path: Path, options: VerifyOptions) -> list[FigureCheck]:
    """Return the checks of an experiment's published figures; what was trained before is not trained again.

    Raises:
        UsageError: if the experiment has no [[expect]], or its file is wrong.
        MlpctlError: see `mlpctl.runner.loop.run`.
    """
    experiment = with_data(read_experiment(path, options.effort), options.data)
    if not experiment.expect:
        raise UsageError(f"{path} has no [[expect]]: there is no published figure to compare with")
    checks = [check_figure(expect, {DERIVATIVE: _derivatives(expect)})
              for expect in experiment.expect if expect.measure == DERIVATIVE]  # fmt: skip
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
        return {key: self._values(key, row, expect) for key, row in chosen.items()}

    def _values(self, key: str, row: Mapping[str, Any], expect: ExpectTable) -> NDArray[np.float64]:
        if row["status"] != "ok":
            return np.array([np.nan])
        if expect.measure in MEASURES:
            from mlpctl.inspection.loader import load_saved

            saved = self.saved[key] = self.saved.get(key) or load_saved(f"{self.folder}#{key}")
            return np.array([getattr(measures, expect.measure)(saved, **expect.of)], dtype=np.float64)
        over_epochs = expect.epoch == "every" or expect.compare in UNPUBLISHED
        if expect.epoch == "last" and not over_epochs:
            return np.array([row[expect.measure]], dtype=np.float64)
        epochs = self.epochs[key].sort_values("epoch")
        chosen = epochs if over_epochs else epochs[epochs["epoch"] == expect.epoch]
        return chosen[expect.measure].to_numpy(dtype=np.float64)


def meets_conditions(row: Mapping[str, Any], expect: ExpectTable) -> bool:
    """Return whether a trial meets the conditions of an [[expect]] table."""
    spec = Spec.from_flat(row)
    known = with_option_names(dict(spec))
    known = {name: list(value) if isinstance(value, tuple) else value for name, value in known.items()}
    return any(all(known.get(name) == value for name, value in group.items()) for group in expect.groups)


def count_text(checks: Mapping[str, list[FigureCheck]]) -> tuple[str, bool]:
    """Return how many figures are reproduced, in words, and whether one is not."""
    counts = Counter(one.verdict for many in checks.values() for one in many)
    others = [f"{counts[verdict]} {verdict}" for verdict in ("not reproduced", "undecided") if counts[verdict]]
    text = f"{counts['reproduced']} of {counts.total()} published figures reproduced"
    return ", ".join([text, *others]), counts["not reproduced"] > 0


def figures_table(checks: Mapping[str, list[FigureCheck]]) -> Table:
    """Return all checks as one table, for machines."""
    rows = [{"experiment": name, **vars(one)} for name, many in checks.items() for one in many]
    columns = ("experiment", *(column.name for column in fields(FigureCheck)))
    return Table(columns, rows, "Published figures and ours")


def figures_by_experiment(checks: Mapping[str, list[FigureCheck]], notes: Sequence[str] = ()) -> list[Table]:
    """Return a narrow table for each experiment, for people, with the reasons for what is not reproduced."""
    tables = []
    for name, many in checks.items():
        rows: list[dict[str, Cell]] = [{
            "figure": one.figure,
            "published": None if one.published is None else as_chosen(one.published),
            "ours": one.ours,
            "interval": f"{for_people(one.low)} to {for_people(one.high)}" if one.low is not None else None,
            "runs below": one.why.partition(" ")[0] if one.why.endswith("lie below it") else None,
            "trials": one.trials,
            "verdict": one.verdict,
        } for one in many]  # fmt: skip
        failed = [f"{one.figure}: {one.why}" for one in many if one.verdict != "reproduced"]
        tables.append(Table(list(rows[0]), rows, name, failed))
    return [*tables[:-1], replace(tables[-1], notes=[*tables[-1].notes, *notes])]


def _derivatives(expect: ExpectTable) -> NDArray[np.float64]:
    from mlpctl.textbook.autograd_facts import derivatives

    return np.array(list(derivatives(expect.of["name"]).values()), dtype=np.float64)


def _options(options: RunOptions, expects: list[ExpectTable]) -> RunOptions:
    """Return the options with scores after each epoch and weights, where figures need them."""
    return replace(
        options,
        save=options.save or any(expect.measure in MEASURES for expect in expects),
        fit_each=options.fit_each or any(expect.measure.startswith("fit_") for expect in expects),
        test_each=options.test_each or any(e.measure.startswith("test_") and e.needs_epochs for e in expects),
    )
