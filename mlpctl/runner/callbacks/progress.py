"""Count the trials of a sweep and find the configuration that leads. Pure: no clock, no screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlpctl.engines.base import Event
from mlpctl.metrics import NO_FAILURES, SelectOn, column_of, gain_of, metric_of, rank_of, score_of
from mlpctl.runner.callbacks.base import Callback
from mlpctl.runner.trial import Trial
from mlpctl.store.schema import Row


@dataclass
class SeedScores:
    """Scores of one configuration.

    Attributes:
        where: its varied fields.
        n: seeds with a score.
        failed: seeds that failed.
        mean: of the scores, larger is better.
        squares: sum of the squared distances from the mean.
        rung: its epochs, where a search decides them: scores after fewer are not scores of the same thing.
    """

    where: Mapping[str, Any] = field(default_factory=dict)
    n: int = 0
    failed: int = 0
    mean: float = 0.0
    squares: float = 0.0
    rung: int = 0

    def add(self, score: float) -> None:
        """Add a score (Welford 1962)."""
        self.n += 1
        step = score - self.mean
        self.mean += step / self.n
        self.squares += step * (score - self.mean)

    @property
    def rank(self) -> tuple[int, tuple[bool, int, float, float]]:
        """Sort key: the most epochs first, then see `mlpctl.metrics.rank_of`."""
        return -self.rung if self.n else 0, rank_of(self.n, self.failed, self.mean)

    @property
    def error(self) -> float | None:
        """Standard error of the mean; None for one score."""
        return (self.squares / (self.n - 1) / self.n) ** 0.5 if self.n > 1 else None


@dataclass(frozen=True)
class Leader:
    """The best configuration so far.

    Attributes:
        column: column of its scores.
        mean: of the column over its seeds.
        error: standard error of the mean; None for one seed.
        seeds: number of seeds that were trained.
        where: its varied fields.
        curve: the column after each epoch of its last trial; empty where that was not watched.
    """

    column: str
    mean: float
    error: float | None
    seeds: int
    where: Mapping[str, Any]
    curve: Sequence[float]


@dataclass
class Progress(Callback):
    """Trials of a sweep, counted, and their scores.

    Attributes:
        total: trials there will be; about, where a search decides.
        varied: fields that differ.
        on: part that selects.
        metric: metric that decides; None is the task's.
        by_epochs: True for a search that decides the epochs: the best is one of those that got the most.
        seeds: of each configuration. With one, nothing is kept of a configuration that does not lead.
        trained: trials trained now, failed ones included.
        stored: trials found in the store.
        failed: trials trained now that did not end well.
    """

    total: int
    varied: Sequence[str]
    on: SelectOn
    metric: str | None
    seeds: int = 1
    by_epochs: bool = False
    trained: int = 0
    stored: int = 0
    failed: int = 0
    _curves: dict[str, list[float]] = field(default_factory=dict)
    _tallies: dict[str, SeedScores] = field(default_factory=dict)
    _first: str = ""
    _task: str | None = None
    _curve: Sequence[float] = ()

    @property
    def over(self) -> int:
        """Trials that are in the store."""
        return self.trained + self.stored

    def running(self, jobs: int) -> int:
        """Return how many trials are in training, as far as can be seen: one shows itself after its first epoch."""
        return max(len(self._curves), min(jobs, self.total - self.over))

    def on_epochs(self, trial: Trial, event: Event) -> None:
        """Keep the scores of epochs."""
        column = column_of(self.on, self.metric or metric_of(trial.task_of(event.scores)))
        scores = [event.scores.get(column)] if event.block is None else event.block.get(column, [])
        self._curves.setdefault(trial.key, []).extend([score for score in scores if score is not None])

    def on_trial(self, row: Row) -> None:
        """Count a trial that was trained."""
        self.trained += 1
        self.failed += row["status"] != "ok"
        self.learn(row, self._curves.pop(str(row["key"]), []))

    def on_stored(self) -> None:
        """Count a trial that is in the store already."""
        self.stored += 1

    def learn(self, row: Row, curve: Sequence[float] = ()) -> None:
        """Add a trial's score to its configuration, at a cost that does not grow with their number."""
        config, score = str(row["config"]), score_of(row, self.on, self.metric)
        rung = int(row["epochs"] or 0) if self.by_epochs else 0
        tally = self._tallies.setdefault(config, SeedScores({name: row.get(name) for name in self.varied}, rung=rung))
        before = tally.rank
        if score is not None:
            self._task = row["task"]
            tally.add(score)
        elif row["status"] not in NO_FAILURES:
            tally.failed += 1
        first = self._first
        if config == first and tally.rank > before:
            self._first = min(self._tallies, key=lambda name: self._tallies[name].rank)
        elif tally.n and (not first or tally.rank < self._tallies[first].rank):
            self._first = config
        if config == self._first:
            self._curve = curve
        elif self._first != first:
            self._curve = ()
        if self.seeds == 1:
            self._tallies = {name: one for name, one in self._tallies.items() if name == self._first}

    def leader(self) -> Leader | None:
        """Return the best configuration so far; None while nothing has a score."""
        if not self._first:
            return None
        tally, metric = self._tallies[self._first], self.metric or metric_of(self._task)
        mean = gain_of(tally.mean, metric)  # turned around twice it is the mean of the column
        return Leader(column_of(self.on, metric), mean, tally.error, tally.n, tally.where, self._curve)
