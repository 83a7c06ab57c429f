"""Rows come from several threads: impossible combinations are found where works are taken. They go in turn."""

import time
from pathlib import Path
from threading import Lock, get_ident

import pytest

from mlpctl.runner.experiment import Experiment
from mlpctl.runner.sweep import sweep
from mlpctl.runner.types import RunOptions, Stop
from mlpctl.search.axes import parse_axis
from mlpctl.store.schema import Row
from tests.helpers.runs import Counting


class Alone(Counting):
    """A callback that must not be told of two rows at once, and is slow, so that it would be."""

    def __init__(self) -> None:
        super().__init__()
        self.telling = Lock()
        self.threads: set[int] = set()
        self.collisions = 0

    def on_trial(self, row: Row) -> None:
        if not self.telling.acquire(blocking=False):
            self.collisions += 1
            return
        self.threads.add(get_ident())
        time.sleep(0.002)
        super().on_trial(row)
        self.telling.release()


def test_rows_are_recorded_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of one cannot be normalized: every other combination is impossible."""
    monkeypatch.chdir(tmp_path)
    axes = (parse_axis("lr=log:0.001:1:40"), parse_axis("batch_size=1,8"))
    what = Experiment("mixed", {"dataset": "iris", "widths": (4,), "batch_norm": "all", "epochs": 2}, axes)
    watch = Alone()
    counts = sweep(what, Path("results"), RunOptions(engine="reference", jobs=4), watch, Stop())
    assert counts.statuses == {"ok": 40, "invalid": 40}
    assert len(watch.rows) == 80
    assert watch.collisions == 0
    assert len(watch.threads) > 1  # else there was nothing to test
