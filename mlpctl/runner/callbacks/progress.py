"""How far a sweep is and who leads: counted as its trials go by. Pure: no clock, no screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlpctl.engines.base import Event
from mlpctl.metrics import BETTER, PRIMARY
from mlpctl.report.statistics.student import t95
from mlpctl.runner.ask_tell import COLUMNS, selecting
from mlpctl.runner.rows import Row
from mlpctl.runner.trial import Trial


@dataclass(frozen=True)
class Tally:
    """The scores of one configuration, larger is better: how many, their mean, and the sum of squared distances."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def plus(self, score: float) -> "Tally":
        """Return the tally with one more score (Welford 1962)."""
        n, step = self.n + 1, score - self.mean
        mean = self.mean + step / n
        return Tally(n, mean, self.squares + step * (score - mean))

    def half(self) -> float | None:
        """Return half of Student's 95 % interval of the mean; None for one score."""
        if self.n < 2:
            return None
        return float(t95(self.n - 1) * (self.squares / (self.n - 1) / self.n) ** 0.5)


@dataclass(frozen=True)
class Leader:
    """The best configuration so far.

    Attributes:
        column: that its scores are in.
        mean: of the column over its seeds.
        half: of its 95 % interval; None for one seed.
        seeds: that were trained.
        where: its varied fields.
        curve: the column after each epoch of its last trial; empty where that was not watched.
    """

    column: str
    mean: float
    half: float | None
    seeds: int
    where: Mapping[str, Any]
    curve: Sequence[float]


@dataclass
class Progress:
    """What is known of a sweep in the middle of it.

    Attributes:
        total: trials there will be; about, where a search decides.
        varied: fields that differ.
        on: part that selects.
        metric: that decides; None is the task's.
        seeds: of each configuration. With one, nothing is kept of a configuration that does not lead.
        trained: trials trained now, failed ones included.
        stored: trials found in the store.
        failed: trials trained now that did not end well.
    """

    total: int
    varied: Sequence[str]
    on: str
    metric: str | None
    seeds: int = 1
    trained: int = 0
    stored: int = 0
    failed: int = 0
    _curves: dict[str, list[float]] = field(default_factory=dict)
    _tallies: dict[str, Tally] = field(default_factory=dict)
    _wheres: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _unfit: set[str] = field(default_factory=set)
    _first: str = ""
    _mean: float = 0.0
    _curve: Sequence[float] = ()
    _column: str = ""

    @property
    def over(self) -> int:
        """Trials that are in the store."""
        return self.trained + self.stored

    def running(self, jobs: int) -> int:
        """Return how many trials are in training, as far as can be seen: one shows itself after its first epoch."""
        return max(len(self._curves), min(jobs, self.total - self.over))

    def epoch(self, trial: Trial, event: Event) -> None:
        """Take note of an epoch."""
        column = f"{COLUMNS[self.on]}_{self.metric or PRIMARY[trial.dataset.task]}"
        score = event.scores.get(column)
        self._curves.setdefault(trial.key, []).extend([] if score is None else [score])

    def finished(self, row: Row) -> None:
        """Take note of a trial that was trained."""
        self.trained += 1
        self.failed += row["status"] != "ok"
        self.learn(row, self._curves.pop(str(row["key"]), []))

    def learn(self, row: Row, curve: Sequence[float] = ()) -> None:
        """Take note of a trial's score, whenever it was trained."""
        config, score = str(row["config"]), selecting(row, self.on, self.metric)
        if score is None:
            self._unfit.add(config)  # as in the report: a configuration that fails on a seed does not lead
            self._tallies.pop(config, None)
        elif config not in self._unfit:
            self._column = score[1]
            self._tallies[config] = self._tallies.get(config, Tally()).plus(score[0])
            self._wheres.setdefault(config, {name: row.get(name) for name in self.varied})
        self._lead(config, curve)
        if self.seeds == 1:
            self._forget_others()

    def _lead(self, config: str, curve: Sequence[float]) -> None:
        """Find the first again after a configuration has changed, at a cost that does not grow with their number."""
        before = self._first
        mine, best = self._tallies.get(config), self._tallies.get(before)
        if config == before and (mine is None or mine.mean < self._mean):
            self._first = max(self._tallies, key=lambda name: self._tallies[name].mean, default="")
        elif mine is not None and (best is None or mine.mean > best.mean):
            self._first = config
        if self._first == config:
            self._curve = curve
        elif self._first != before:
            self._curve = ()
        self._mean = self._tallies[self._first].mean if self._first else 0.0

    def leader(self) -> Leader | None:
        """Return the best configuration so far; None while nothing has a score."""
        if not self._first:
            return None
        tally = self._tallies[self._first]
        sign = 1 if BETTER[self._column.partition("_")[2]] == "high" else -1  # larger was better here
        return Leader(self._column, sign * tally.mean, tally.half(), tally.n, self._wheres[self._first], self._curve)

    def _forget_others(self) -> None:
        self._tallies = {name: tally for name, tally in self._tallies.items() if name == self._first}
        self._wheres = {name: where for name, where in self._wheres.items() if name == self._first}
        self._unfit.clear()
