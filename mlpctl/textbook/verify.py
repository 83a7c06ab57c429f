"""What `mlpctl verify` does: train an experiment, then judge each figure that its source prints."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from mlpctl.runner.experiment import Experiment, with_data
from mlpctl.runner.experiment_file import Effort, read_experiment
from mlpctl.runner.pending import identify
from mlpctl.runner.sweep import sweep
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.spec import Spec
from mlpctl.store.results import load
from mlpctl.store.schema import TRIALS_FILE
from mlpctl.store.trial_rows import read_rows
from mlpctl.textbook.expectation import Expect
from mlpctl.textbook.judge import Judgement, judge
from mlpctl.textbook.measures import FACT, MEASURES

if TYPE_CHECKING:
    from mlpctl.inspection.loader import Saved

COLUMNS = ("experiment", "figure", "published", "ours", "low", "high", "trials", "verdict", "why")

EVERY_TRIAL = 100_000
"""Trials of an experiment that are looked at, at most."""


@dataclass(frozen=True)
class Setting:
    """How experiments are verified.

    Attributes:
        effort: quick has the fewer seeds that an experiment's [effort.quick] says.
        out: where results folders are.
        options: how to train.
        screen: opens what shows the progress of an experiment.
        stop: set to stop after the trials in training.
        data: options of the datasets.
    """

    effort: Effort
    out: Path
    options: RunOptions
    screen: Callable[[Experiment], AbstractContextManager[Callback]]
    stop: Stop
    data: Mapping[str, str] = field(default_factory=dict)


def verify(path: Path, setting: Setting) -> list[Judgement]:
    """Return the judgements on an experiment's published figures; what was trained before is not trained again.

    Raises:
        UsageError: if the experiment has no [[expect]], or its file is wrong.
        MlpctlError: see `mlpctl.runner.loop.run`.
    """
    experiment = with_data(read_experiment(path, setting.effort), setting.data)
    if not experiment.expect:
        raise UsageError(f"{path} has no [[expect]]: there is no published figure to compare with")
    facts = [expect for expect in experiment.expect if expect.measure == FACT]
    judgements = [judge(expect, {FACT: _fact(expect)}) for expect in facts]
    trained = [expect for expect in experiment.expect if expect.measure != FACT]
    if trained:
        with setting.screen(experiment) as callback:
            sweep(experiment, setting.out, _options(setting.options, trained), callback, setting.stop)
        ours = Ours(experiment, setting.out / experiment.name)
        for expect in trained:
            judgements += (judge(single, ours.values(single)) for single in expect.single())
    return judgements


class Ours:
    """The trials of an experiment in its results folder."""

    def __init__(self, experiment: Experiment, folder: Path) -> None:
        """Read the folder; it may hold other trials too."""
        known = (identify(spec) for spec in samples(experiment, EVERY_TRIAL))
        keys = {str(row["key"]) if trial is None else trial.key for trial, row in known}
        self.folder, results = folder, load(folder)
        self.trials = [row for row in read_rows(folder / TRIALS_FILE) if row["key"] in keys]
        self.epochs = dict(tuple(results.epochs[results.epochs["key"].isin(keys)].groupby("key")))
        self.saved: dict[str, Saved] = {}

    def values(self, expect: Expect) -> dict[str, NDArray[np.float64]]:
        """Return trial -> the values (epochs,) that an expectation is about."""
        chosen = {str(row["key"]): row for row in self.trials if meets(row, expect)}
        if expect.measure in MEASURES:
            return {key: np.array([self._measured(key, row, expect)]) for key, row in chosen.items()}
        return {key: self._column(key, row, expect) for key, row in chosen.items()}

    def _column(self, key: str, row: Mapping[str, Any], expect: Expect) -> NDArray[np.float64]:
        if row["status"] != "ok":
            return np.array([np.nan])
        over_epochs = expect.epoch == "every" or expect.compare in ("falls", "same")
        if expect.epoch == "last" and not over_epochs:
            return np.array([row[expect.measure]], dtype=np.float64)
        epochs = self.epochs[key].sort_values("epoch")
        if not over_epochs:
            epochs = epochs[epochs["epoch"] == expect.epoch]
        return epochs[expect.measure].to_numpy(dtype=np.float64)

    def _measured(self, key: str, row: Mapping[str, Any], expect: Expect) -> float:
        from mlpctl.inspection.loader import load_saved

        if row["status"] != "ok":
            return float("nan")
        if key not in self.saved:
            self.saved[key] = load_saved(f"{self.folder}#{key}")
        return MEASURES[expect.measure].compute(self.saved[key], **expect.of)


def meets(row: Mapping[str, Any], expect: Expect) -> bool:
    """Return whether a trial is one that an expectation is about."""
    spec = Spec.from_flat(row)
    return any(all(_field(spec, name) == value for name, value in group.items()) for group in expect.groups)


def summary(judgements: Mapping[str, list[Judgement]]) -> tuple[str, bool]:
    """Return how many figures are reproduced, in words, and whether one is not."""
    counts = Counter(one.verdict for many in judgements.values() for one in many)
    others = [f"{counts[verdict]} {verdict}" for verdict in ("not reproduced", "undecided") if counts[verdict]]
    told = f"{counts['reproduced']} of {counts.total()} published figures reproduced"
    return ", ".join([told, *others]), counts["not reproduced"] > 0


def table_of(judgements: Mapping[str, list[Judgement]], notes: Sequence[str] = ()) -> Table:
    """Return the table of all judgements, for machines."""
    rows = [
        {"experiment": name, **{column: getattr(one, column) for column in COLUMNS[1:]}}
        for name, many in judgements.items()
        for one in many
    ]
    return Table(COLUMNS, rows, "Published figures and ours", notes)


def tables_of(judgements: Mapping[str, list[Judgement]], notes: Sequence[str] = ()) -> list[Table]:
    """Return a table for each experiment, for people: narrow, the reason beside what is not reproduced."""
    tables = []
    for name, many in judgements.items():
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


def _fact(expect: Expect) -> NDArray[np.float64]:
    from mlpctl.textbook.autograd_facts import computed

    ours = [value for name, value in computed().items() if name.startswith(f"{expect.of['name']}, by ")]
    return np.array(ours, dtype=np.float64)


def _options(options: RunOptions, expects: list[Expect]) -> RunOptions:
    """Return the options with what the figures need: scores after each epoch, and weights."""

    def each(prefix: str) -> bool:
        return any(expect.measure.startswith(prefix) for expect in expects)

    return replace(
        options,
        save=options.save or any(expect.measure in MEASURES for expect in expects),
        fit_each=options.fit_each or each("fit_"),
        test_each=options.test_each or any(e.measure.startswith("test_") for e in _by_epoch(expects)),
    )


def _by_epoch(expects: list[Expect]) -> Iterator[Expect]:
    for expect in expects:
        if expect.epoch != "last" or isinstance(expect.published, list) or expect.compare in ("falls", "same"):
            yield expect
