"""Callbacks and an experiment for tests of runs."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from mlpctl.engines.base import Event
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.experiment import Experiment
from mlpctl.runner.trial import Trial
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.search.axes import parse_axis
from mlpctl.search.table import Method, SearchTable
from mlpctl.store.schema import Row

BASE = {"dataset": "iris", "widths": (6,), "epochs": 9}
REFERENCE = RunOptions(engine="reference")


@dataclass
class Counting(Callback):
    """Counts what was trained; asks to stop after so many trials."""

    stop: Stop = field(default_factory=Stop)
    stop_after: int = -1
    epochs: Counter[str] = field(default_factory=Counter)
    rows: list[Row] = field(default_factory=list)
    found: int = 0

    def on_epoch(self, trial: Trial, event: Event) -> None:  # noqa: ARG002
        self.epochs[trial.key] += 1

    def on_trial(self, row: Row) -> None:
        self.rows.append(row)
        self.stop.requested = self.stop.requested or len(self.rows) == self.stop_after

    def on_stored(self) -> None:
        self.found += 1


def experiment(method: Method = "grid", **given: Any) -> Experiment:
    axes = (parse_axis("lr=0.01,0.1,0.3,0.5,0.7,0.9"), parse_axis("widths=4;6"))
    return Experiment("planned", BASE, axes, search=SearchTable(method=method, trials=9), **given)
