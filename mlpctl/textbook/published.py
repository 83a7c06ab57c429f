"""Train an experiment, then check each figure that its source prints: `mlpctl verify EXPERIMENT`."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpctl.display.tables import Cell, Table, for_people
from mlpctl.errors import UsageError
from mlpctl.runner.ask_tell import samples
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.expect_table import FACT, MEASURES, UNPUBLISHED, ExpectTable
from mlpctl.runner.experiment import Experiment, with_data
from mlpctl.runner.experiment_file import Effort, read_experiment
from mlpctl.runner.pending import identify
from mlpctl.runner.sweep import sweep
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.spec import Spec, with_option_names
from mlpctl.store.results import load
from mlpctl.textbook import measures
from mlpctl.textbook.figure_check import FigureCheck, as_printed, check_figure, headline

if TYPE_CHECKING:
    from mlpctl.inspection.loader import Saved

EVERY_TRIAL = 100_000  # limit of the trials that are compared
FEW_NUMBERS = 6  # numbers of a list that people see


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
    checks = [check_figure(single, _fact(single))
              for expect in experiment.expect if expect.measure == FACT for single in expect.single()]  # fmt: skip
    trained = [expect for expect in experiment.expect if expect.measure != FACT]
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
            from mlpctl.inspection.loader import saved_trial
            from mlpctl.store.find_trial import StoredTrial

            saved = self.saved[key] = self.saved.get(key) or saved_trial(StoredTrial(self.folder, key), dict(row))
            numbers = np.atleast_1d(getattr(measures, expect.measure)(saved, **expect.of))
            return np.asarray(numbers[[_place(expect, len(numbers))]], dtype=np.float64)
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
    """Return how many figures have which verdict, in words, and whether one is a failure."""
    every = [one for many in checks.values() for one in many]
    return headline(one.verdict for one in every), any(one.failed for one in every)


def figures_table(checks: Mapping[str, list[FigureCheck]]) -> Table:
    """Return all checks as one table, for machines."""
    rows = [{"experiment": name, **vars(one)} for name, many in checks.items() for one in many]
    columns = ("experiment", *(column.name for column in fields(FigureCheck)))
    return Table(columns, rows, "Published figures and ours")


def figures_by_experiment(checks: Mapping[str, list[FigureCheck]], notes: Sequence[str] = ()) -> list[Table]:
    """Return a narrow table for each experiment, for people, with the conditions that no column shows."""
    tables = []
    for name, many in checks.items():
        rows: list[dict[str, Cell]] = figure_lines([vars(one) for one in many])
        told = [f"{one.figure}: {one.why}" for one in many if one.percentile is None and one.verdict != "exact"]
        tables.append(Table(list(rows[0]), rows, name, told))
    return [*tables[:-1], replace(tables[-1], notes=[*tables[-1].notes, *notes])]


def figure_lines(figures: Sequence[Mapping[str, Any]]) -> list[dict[str, Cell]]:
    """Return rows for people from the fields of `FigureCheck`s: numbers printed together that are exact share one."""
    lines = []
    for _, grouped in groupby(figures, lambda one: (one["figure"], one["verdict"])):
        together = list(grouped)
        if len(together) > 1 and together[0]["verdict"] == "exact":
            lines.append(_line_of_many(together))
        else:
            lines += [_line(one) for one in together]
    return lines


def _line(one: Mapping[str, Any]) -> dict[str, Cell]:
    published, ours, width = (one[name] for name in ("published", "ours", "width"))
    is_exact = one["verdict"] == "exact"
    return {
        "figure": one["figure"] + (f", number {one['number']}" if one["number"] else ""),
        "published": None if published is None else as_printed(published, one["decimals"]),
        "ours": as_printed(ours, one["decimals"]) if is_exact else None if ours is None else for_people(ours),
        "99 % range": None if width is None else f"{for_people(one['low'])} to {for_people(one['high'])}",
        "width": None if width is None else f"{width:.0%}",
        "runs below": None if one["percentile"] is None else f"{one['percentile']:.0%}",
        "trials": one["trials"],
        "verdict": one["verdict"],
    }


def _line_of_many(together: Sequence[Mapping[str, Any]]) -> dict[str, Cell]:
    shown = [as_printed(one["published"], one["decimals"]) for one in together[:FEW_NUMBERS]]
    rest = f" … ({len(together)} numbers)" if len(together) > FEW_NUMBERS else ""
    return {**_line(together[0]), "figure": together[0]["figure"], "published": " ".join(shown) + rest,
            "ours": f"all {len(together)} the same"}  # fmt: skip


def _fact(expect: ExpectTable) -> dict[str, NDArray[np.float64]]:
    """Return the number of a fact by each way of computing it."""
    from mlpctl.textbook.facts import fact

    numbers = fact(expect.of["name"])
    place = _place(expect, numbers.shape[1])
    return {str(way): row[[place]] for way, row in enumerate(numbers)}


def _place(expect: ExpectTable, numbers: int) -> int:
    if (expect.number or 1) > numbers:
        raise UsageError(f"'{expect.figure}': {expect.measure} has {numbers} numbers, there is no {expect.number}th")
    return (expect.number or 1) - 1


def _options(options: RunOptions, expects: list[ExpectTable]) -> RunOptions:
    """Return the options with scores after each epoch and weights, where figures need them."""
    return replace(
        options,
        save=options.save or any(expect.measure in MEASURES for expect in expects),
        fit_each=options.fit_each or any(expect.measure.startswith("fit_") for expect in expects),
        test_each=options.test_each or any(e.measure.startswith("test_") and e.needs_epochs for e in expects),
    )
